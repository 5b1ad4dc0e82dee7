"""Shares: the tables that keep them, what is shared of one thing, and what is shared at a place and below it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from portal.access.models import Scope, ScopeShare, Share
from portal.access.resolver import share_in_force, share_model
from portal.core.errors import NotFound
from portal.users.models import User

MOST_SHARES = 500
"""What one person may hold, of every kind together: each is read at each of her requests."""


def tables() -> list[Any]:
    """The models that keep shares, of every app that has something to share."""
    return [model for model in apps.get_models() if issubclass(model, Share)]


def table_of(thing: Any) -> Any:
    """The model that keeps the shares of a thing."""
    return share_model(type(thing))


def kind_of(table: Any) -> str:
    """The word for what a table shares."""
    kind: str = _shared(table).kind()
    return kind


def thing_shared(kind: str, pk: Any) -> Any:
    """What can be shared, by its kind and id; None where it is gone."""
    model: Any = next((_shared(table) for table in tables() if kind_of(table) == kind), None)
    return model.objects.filter(pk=pk).first() if model else None


def place_of(thing: Any) -> Scope:
    """The scope that what can be shared is, or lives in."""
    found: Scope = thing if isinstance(thing, Scope) else Scope.objects.get(pk=UUID(str(thing.scope_path).rsplit(".", 1)[-1]))
    return found


def offered_anywhere() -> list[str]:
    """The permissions that may be shared of anything."""
    return sorted({name for table in tables() for name in table.offered})


def shares_of(thing: Any) -> QuerySet[Any]:
    """Who may do what with it by a share that holds now, what ends first on top."""
    rows: QuerySet[Any] = table_of(thing).objects.filter(share_in_force(), content_object=thing)
    return rows.select_related("user", "permission", "granted_by").order_by("expires", "pk")


def share_of(thing: Any, pk: int) -> Any:
    """One of them, or NotFound."""
    found = shares_of(thing).filter(pk=pk).select_related("content_object").first()
    if found is None:
        raise NotFound
    return found


def within(table: Any, scope: Scope) -> Q:
    """The condition that what one of its shares is about lives at a scope or below."""
    return Q(**{f"{_to_scope(table)}__path__within": scope.path})


def keys_within(scope: Scope, *, who: str = "", kind: str = "") -> QuerySet[Any]:
    """{kind, pk, expires} of what is shared at a scope and below, what ends first on top: to be counted and cut, then loaded.

    `who` narrows by a part of a person's name, `kind` by the kind of what is shared.
    """
    named = Q(user__name__icontains=who) | Q(user__username__icontains=who) if who else Q()
    parts = [
        table.objects.filter(share_in_force(), within(table, scope), named)
        .order_by()
        .values("pk", "expires", kind=Value(kind_of(table)))
        for table in tables()
        if kind in ("", kind_of(table))
    ]
    none: QuerySet[Any] = ScopeShare.objects.none()
    return parts[0].union(*parts[1:], all=True).order_by("expires", "kind", "pk") if parts else none


def loaded(keys: Iterable[dict[str, Any]]) -> list[Any]:
    """The shares of these keys in their order, each with whom and what it is about: one query a kind."""
    wanted = list(keys)
    found: dict[tuple[str, int], Any] = {}
    for table in tables():
        kind = kind_of(table)
        ids = [key["pk"] for key in wanted if key["kind"] == kind]
        about = ("user", "permission", "granted_by", _to_scope(table))
        rows = table.objects.filter(pk__in=ids).select_related(*about) if ids else []
        found |= {(kind, row.pk): row for row in rows}
    return [found[key["kind"], key["pk"]] for key in wanted if (key["kind"], key["pk"]) in found]


def key_of(share: Any) -> str:
    """What tells a share from all others, of every kind, as a text."""
    return f"{kind_of(type(share))}:{share.pk}"


def share_keyed(key: str, *, at: Scope | None = None) -> Any:
    """The share of this key while it is in force, at a scope or below where one is named; else None."""
    return next(iter(_keyed([key], at)), None)


def live_keys(keys: Iterable[str]) -> set[str]:
    """Those of these keys whose shares are in force."""
    return {key_of(share) for share in _keyed(keys)}


def count_for(user: User) -> int:
    """How many shares she holds now, of every kind and wherever."""
    return sum(table.objects.filter(share_in_force(), user=user).count() for table in tables())


def holders_within(scope: Scope, *, most: int) -> list[tuple[User, int]]:
    """Who holds most by shares at a scope and below, and how many there, in one query."""
    counts = []
    for table in tables():
        here = table.objects.filter(share_in_force(), within(table, scope), user=OuterRef("pk")).order_by().values("user")
        counts.append(Coalesce(Subquery(here.annotate(n=Count("pk")).values("n")), 0))
    people = User.objects.annotate(held=sum(counts[1:], counts[0])).filter(held__gt=0).order_by("-held", "username")
    return [(person, person.held) for person in people[:most]]


def _keyed(keys: Iterable[str], at: Scope | None = None) -> list[Any]:
    ids: dict[str, list[int]] = {}
    for kind, _colon, pk in (key.partition(":") for key in keys):
        if pk.isdecimal() and len(pk) < 19:
            ids.setdefault(kind, []).append(int(pk))
    found: list[Any] = []
    for table in tables():
        rows = table.objects.filter(share_in_force(), pk__in=ids.get(kind_of(table), []))
        found += rows.filter(within(table, at)) if at else rows
    return found


def _to_scope(table: Any) -> str:
    """The lookup from a share to the scope that what it is about lives in, or is."""
    lookup = _shared(table).scope_lookup
    return f"content_object__{lookup}" if lookup else "content_object"


def _shared(table: Any) -> Any:
    return table._meta.get_field("content_object").related_model
