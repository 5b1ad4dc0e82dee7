"""Who may do what where, resolved once per request: two indexed queries, then sets."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from django.apps import apps
from django.db.models import Q

from portal.core import clock
from portal.core.errors import Forbidden, NotFound
from portal.users.actor import Actor, Narrowing

Reach = Literal["down", "up"]
Grants = list[tuple[str, frozenset[str]]]
ACTS_OF_VIEWING = frozenset({"view_secret", "view_as"})


def require(actor: Actor, permission: str, thing: Any) -> None:
    """Return, or raise: NotFound where she may not even see the thing, else Forbidden."""
    if actor.is_system:
        return
    if not may_now(actor, permission):
        raise Forbidden("Looking as another person does not allow writing.")
    if holds(actor, permission, thing):
        return
    if holds(actor, thing.view_permission, thing):
        about = {"kind": thing.kind(), "id": str(thing.pk)} if hasattr(thing, "kind") else {}
        raise Forbidden(f"This takes the permission {permission} here.", permission=permission, **about)
    raise NotFound


def may_now(actor: Actor, permission: str) -> bool:
    """Whether the permission is one of looking, or she acts as herself: who looks as another person writes nothing, and takes
    no secret, though the names of such permissions begin with view_, too.
    """
    return not actor.viewed_as_by or (permission.startswith("view_") and permission not in ACTS_OF_VIEWING)


def holds(actor: Actor, permission: str, thing: Any) -> bool:
    """Whether she holds the permission on the thing; the question `visible_to` answers for many."""
    if actor.is_system:
        return True
    if scope_id_of(thing) in scope_ids(actor, permission, reach=getattr(thing, "scope_reach", "down")):
        return True
    return getattr(thing, "takes_shares", False) and thing.pk in shared_ids(actor, permission, type(thing))


def scope_id_of(thing: Any) -> Any:
    """The id of the scope a thing lives in, following its `scope_lookup`."""
    if not thing.scope_lookup:
        return thing.pk
    *path, last = thing.scope_lookup.split("__")
    for name in path:
        thing = getattr(thing, name)
    return getattr(thing, f"{last}_id")


def scope_ids(actor: Actor, permission: str, *, reach: Reach = "down") -> frozenset[uuid.UUID]:
    """Scopes at or below a grant of the permission; with reach "up" also those above it (an organization's offerings)."""
    key = (permission, reach)
    if key not in actor.memory:
        paths = [path for path, held in grants(actor) if permission in held]
        actor.memory[key] = _resolve(actor, paths, reach) if paths else frozenset()
    found: frozenset[uuid.UUID] = actor.memory[key]
    return found


def _resolve(actor: Actor, paths: list[str], reach: Reach) -> frozenset[uuid.UUID]:
    prefixes = tuple(f"{path}." for path in paths)
    exact = set(paths)
    found = {pk for pk, path in _tree(actor) if path in exact or path.startswith(prefixes)}
    if reach == "up":
        found |= {uuid.UUID(label) for path in paths for label in path.split(".")}
    return frozenset(found)


def paths_of(actor: Actor, permission: str) -> list[str]:
    """The ltree paths at or below which she holds the permission."""
    return sorted({path for path, held in grants(actor) if permission in held})


def permissions_of(actor: Actor) -> frozenset[str]:
    """Every permission she holds anywhere: what navigation shows."""
    return frozenset().union(*(held for _, held in grants(actor)))


def permissions_at(actor: Actor, path: str) -> frozenset[str]:
    """Every permission she holds at a scope, by its path."""
    return frozenset().union(*(held for root, held in grants(actor) if covers(root, path)))


def covers(root: str, path: str, reach: Reach = "down") -> bool:
    """Whether a grant at one path reaches a thing at another: at or below it; with reach "up" above it, too."""
    return f"{path}.".startswith(f"{root}.") or (reach == "up" and root.startswith(f"{path}."))


def grants(actor: Actor) -> Grants:
    """(path, permissions) of each assignment and scope share in force now, narrowed as her token is."""
    if "grants" not in actor.memory:
        found = [*_assigned(actor), *_scopes_shared(actor)]
        actor.memory["grants"] = [grant for grant in (narrowed(actor.narrowed_to, *each) for each in found) if grant]
    held: Grants = actor.memory["grants"]
    return held


def in_force(prefix: str = "", *, at: datetime | None = None) -> Q:
    """The condition that an assignment holds at a moment: this one, unless named."""
    at = at or clock.now()
    return has_begun(prefix, at=at) & (Q(**{f"{prefix}expires": None}) | Q(**{f"{prefix}expires__gt": at}))


def has_begun(prefix: str = "", *, at: datetime | None = None) -> Q:
    """The condition that an assignment is not still to come, whether or not it is over."""
    return Q(**{f"{prefix}starts": None}) | Q(**{f"{prefix}starts__lte": at or clock.now()})


def is_in_force(starts: datetime | None, expires: datetime | None, at: datetime) -> bool:
    """The same of an assignment that is not in the database yet."""
    return (starts is None or starts <= at) and (expires is None or expires > at)


def share_in_force(*, at: datetime | None = None) -> Q:
    """The same of a share, which has no beginning and always an end."""
    return Q(expires__gt=at or clock.now())


def held_by(user: Any) -> Q:
    """The condition that an assignment is somebody's, directly or by a group."""
    return Q(user=user) | Q(group__members=user)


def _assigned(actor: Actor) -> Iterable[tuple[str, Iterable[str]]]:
    assignment = apps.get_model("access", "Assignment")
    rows = assignment.objects.filter(held_by(actor.user), in_force())
    return list(rows.values_list("scope__path", "role__permissions"))


def _scopes_shared(actor: Actor) -> Iterable[tuple[str, Iterable[str]]]:
    share = apps.get_model("access", "ScopeShare")
    rows = share.objects.filter(share_in_force(), user=actor.user)
    return [(path, [name]) for path, name in rows.values_list("content_object__path", "permission__codename")]


def narrowed(limit: Narrowing | None, path: str, held: Iterable[str]) -> tuple[str, frozenset[str]] | None:
    """What is left of a grant to who comes with a token of these limits; None where nothing is."""
    permissions = frozenset(held)
    if limit is None:
        return path, permissions
    if limit.permissions is not None:
        permissions &= limit.permissions
    if limit.scope_path is None or covers(limit.scope_path, path):
        return path, permissions
    if covers(path, limit.scope_path):
        return limit.scope_path, permissions
    return None


def lets_shares_through(limit: Narrowing | None, permission: str) -> bool:
    """Whether a token of these limits uses what is shared object by object: not where it is bound to a scope."""
    if limit is None:
        return True
    return limit.scope_path is None and (limit.permissions is None or permission in limit.permissions)


def _tree(actor: Actor) -> list[tuple[uuid.UUID, str]]:
    """(id, path) of every scope at or below any grant: one query a request."""
    if "tree" not in actor.memory:
        scope = apps.get_model("access", "Scope")
        paths = sorted({path for path, _ in grants(actor)})
        actor.memory["tree"] = list(scope.objects.filter(path__within_any=paths).values_list("pk", "path")) if paths else []
    tree: list[tuple[uuid.UUID, str]] = actor.memory["tree"]
    return tree


def shared_ids(actor: Actor, permission: str, model: Any) -> frozenset[uuid.UUID]:
    """Ids of one model's objects shared with her and in force, found through the model's reverse relation."""
    key = ("shared", model._meta.label, permission)
    if key not in actor.memory:
        rows = share_model(model).objects.filter(share_in_force(), user=actor.user, permission__codename=permission)
        allowed = lets_shares_through(actor.narrowed_to, permission)
        actor.memory[key] = frozenset(rows.values_list("content_object_id", flat=True)) if allowed else frozenset()
    found: frozenset[uuid.UUID] = actor.memory[key]
    return found


def share_model(model: Any) -> Any:
    """The table that keeps the shares of a model's objects, found through its reverse relation."""
    return model._meta.get_field("shares").related_model
