"""Roles that an organization makes for itself: make one, change it, end it; and who holds which."""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, F, IntegerField, OuterRef, ProtectedError, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.access.guard import holds, permissions_of, require, require_fresh, scope_ids
from portal.access.models import Assignment, Role, Scope
from portal.access.permissions import PERMISSIONS, ROLES
from portal.access.queries import scopes_where
from portal.core import clock
from portal.core.errors import Forbidden, Invalid, NotFound, Refused, Stale
from portal.events.services import record
from portal.tenancy.services import check_open, check_role, clean_name, slug_of
from portal.users.actor import Actor
from portal.users.models import User

MANAGES = "manage_roles"
BOTH_SIDES = frozenset({"vote", "place_order"})


@transaction.atomic
def create_role(
    scope: Scope, name: str, permissions: Iterable[str], *, actor: Actor, copied_from: Role | None = None
) -> Role:
    """A role that can be given at the scope and below. It governs nothing that its maker does not govern there."""
    require_fresh(actor)
    require(actor, MANAGES, scope)
    check_open(scope)
    role = Role(scope=scope, name=clean_name(name), permissions=_known(permissions))
    role.key = _key_of(role.name)
    check_role(role, scope, actor)
    _save(role)
    said = {"name": role.name, "permissions": role.permissions, "copied_from": copied_from.key if copied_from else ""}
    record("tenancy.create_role", role, actor=actor, scope_path=str(scope.path), after=said)
    return role


@transaction.atomic
def change_role(role: Role, name: str, permissions: Iterable[str], *, seen: str, actor: Actor) -> Role:
    """Another name, or other permissions: for all who hold it, from their next request on.

    `seen` is the edition that was looked at; Stale where another admin saved meanwhile. Who holds the role adds nothing to
    it, for that would be giving it to herself.
    """
    require_fresh(actor)
    role = _locked(role, actor)
    changes = _difference(role, name, permissions)
    if seen != edition_of(role):
        raise Stale(_("Somebody else changed this role while you looked. Look at it as it is now."), changes=changes)
    if not changes:
        return role
    scope: Any = role.scope
    check_role(role, scope, actor)  # what she does not govern she does not take away either
    before, added = role.permissions, set(changes.get("permissions", {}).get("after", ())) - set(role.permissions)
    role.name, role.permissions = clean_name(name), _known(permissions)
    role.key = _key_of(role.name)
    check_role(role, scope, actor)
    if added and not actor.is_system and _is_hers(role, actor):
        raise Forbidden(_("You hold this role yourself, so another admin adds to it."))
    _save(role)
    record("tenancy.change_role", role, actor=actor, scope_path=str(scope.path), **_sides(changes))
    if before != role.permissions:
        actor.forget()
    return role


@transaction.atomic
def delete_role(role: Role, *, actor: Actor) -> None:
    """End a role that nobody holds, will hold or is given by a rule."""
    require_fresh(actor)
    role = _locked(role, actor)
    scope: Any = role.scope
    check_role(role, scope, actor)
    held = Assignment.objects.filter(_not_over(), role=role).count()
    if held:
        said = ngettext(
            "It is given %(count)s time still. End that first.", "It is given %(count)s times still. End those first.", held
        )
        raise Refused(said % {"count": held})
    record(
        "tenancy.delete_role",
        role,
        actor=actor,
        scope_path=str(scope.path),
        before={"name": role.name, "permissions": role.permissions},
    )
    Assignment.objects.filter(role=role).delete()  # what is over; its events stay
    try:
        role.delete()
    except ProtectedError as error:
        raise Refused(_("A rule still gives it. Remove the rule first.")) from error


def edition_of(role: Role) -> str:
    """What a role is now, in a few letters: who saves says which one she saw."""
    text = "\n".join([role.name, *sorted(role.permissions)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_both_sides(permissions: Iterable[str]) -> bool:
    """Whether who holds these may both ask for a thing and decide on one."""
    return set(permissions) >= BOTH_SIDES


def roles_visible_to(actor: Actor) -> QuerySet[Role]:
    """The built-in roles and those of the scopes whose roles she manages, built-in ones first; each with `held`: how many
    hold it, or will, where she manages roles. NotFound for who manages none.
    """
    if not manages_roles(actor):
        raise NotFound
    own = scope_ids(actor, MANAGES)
    given = Assignment.objects.filter(_not_over(), role=OuterRef("pk"), scope__in=own).order_by().values("role")
    held = Coalesce(Subquery(given.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), Value(0))
    roles = Role.objects.filter(Q(scope=None) | Q(scope__in=own)).select_related("scope").annotate(held=held)
    return roles.order_by(F("scope__path").asc(nulls_first=True), "name", "pk")


def role_for(actor: Actor, pk: UUID | str) -> Role:
    """One of them, or NotFound."""
    role = roles_visible_to(actor).filter(pk=pk).first()
    if role is None:
        raise NotFound
    return role


def manages_roles(actor: Actor) -> bool:
    """Whether there is a scope whose roles she manages."""
    return actor.is_system or MANAGES in permissions_of(actor)


def may_change(role: Role, actor: Actor) -> bool:
    """Whether it is a role of her own scopes; built-in ones are the same everywhere."""
    return role.scope is not None and holds(actor, MANAGES, role.scope)


def holders_of(role: Role, actor: Actor) -> QuerySet[Assignment]:
    """Who holds it, or will, in the scopes whose roles she manages."""
    rows = Assignment.objects.filter(_not_over(), role=role, scope__in=scope_ids(actor, MANAGES))
    return rows.select_related("user", "group", "scope", "role").order_by("scope__path", "user__name", "group__name", "pk")


def places_for_roles(actor: Actor) -> QuerySet[Scope]:
    """Where she may make one, nearest the root first."""
    places: QuerySet[Scope] = scopes_where(actor, MANAGES)
    return places


def _not_over() -> Q:
    return Q(expires=None) | Q(expires__gt=clock.now())


def _locked(role: Role, actor: Actor) -> Role:
    found = Role.objects.select_for_update(of=("self",)).select_related("scope").filter(pk=role.pk).first()
    if found is None:
        raise NotFound
    if found.scope is None:
        raise Forbidden(_("Built-in roles are the same everywhere. Copy it, and change the copy."))
    require(actor, MANAGES, found.scope)
    return found


def _difference(role: Role, name: str, permissions: Iterable[str]) -> dict[str, dict[str, Any]]:
    now = {"name": role.name, "permissions": sorted(role.permissions)}
    asked = {"name": clean_name(name), "permissions": _known(permissions)}
    return {key: {"before": now[key], "after": asked[key]} for key in now if now[key] != asked[key]}


def _sides(changes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {side: {key: each[side] for key, each in changes.items()} for side in ("before", "after")}


def _known(permissions: Iterable[str]) -> list[str]:
    asked = sorted(set(permissions))
    unknown = [name for name in asked if name not in PERMISSIONS]
    if unknown:
        raise Invalid(fields={"permissions": [_("There is no permission %(name)s.") % {"name": unknown[0][:40]}]})
    if not asked:
        raise Invalid(fields={"permissions": [_("A role allows something. Choose at least one.")]})
    return asked


def _key_of(name: str) -> str:
    key = slug_of(name)[:60]
    if key.replace("-", "_") in ROLES:
        raise Invalid(fields={"name": [_("A built-in role is called so. Choose another name.")]})
    return key


def _is_hers(role: Role, actor: Actor) -> bool:
    """Whether she, or a service account of hers, holds it or will."""
    hers = Q(pk=actor.person_id) | Q(owner=actor.person_id)
    people = User.objects.filter(hers)
    held = Q(user__in=people) | Q(group__members__in=people)
    return Assignment.objects.filter(held, _not_over(), role=role).exists()


def _save(role: Role) -> None:
    try:
        with transaction.atomic():
            role.save()
    except IntegrityError as error:
        raise Invalid(fields={"name": [_("A role there is called so already.")]}) from error
