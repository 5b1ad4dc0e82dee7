"""What a change of roles would do, in words: beside the form, before it is sent for good."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.access.guard import require
from portal.access.models import Assignment, Group, Role, Scope
from portal.access.permissions import PERMISSIONS
from portal.access.what_if import Change, Effect, Give, Redefine, Shifts, what_if
from portal.core import clock
from portal.tenancy.services import Grant, check_grant
from portal.users.actor import Actor
from portal.users.models import User


@dataclass(frozen=True, slots=True)
class Place:
    """Permissions at a scope and below it, but not below some others."""

    name: str
    permissions: list[Any]
    but: list[str]


@dataclass(frozen=True, slots=True)
class Row:
    """One person's part in it."""

    person: User
    gains: list[Place]
    losses: list[Place]


@dataclass(frozen=True, slots=True)
class Shown:
    """What `templates/access/effect.html` needs as `effect`. `starts` is None where it would hold at once."""

    starts: datetime | None
    gaining: int
    losing: int
    unnamed: int
    rows: list[Row]
    replaces: Assignment | None
    expires: datetime | None


def effect_of_giving(
    principal: User | Group,
    role: Role,
    scope: Scope,
    *,
    actor: Actor,
    starts: datetime | None = None,
    expires: datetime | None = None,
) -> Shown:
    """What giving the role would do; refused like giving it."""
    check_grant(Grant(principal, role, scope, expires), actor, starts=starts, decided=True)
    return shown(Give(principal, role, scope, starts, expires), expires=expires)


def effect_of_permissions(role: Role, permissions: list[str], *, actor: Actor) -> Shown:
    """What other permissions would do to all who hold a role of one's own; for who manages the roles of its scope."""
    require(actor, "manage_roles", role.scope)
    return shown(Redefine(role, frozenset(permissions)))


def shown(change: Change, *, expires: datetime | None = None) -> Shown:
    """The effect in words. Ask for it only where the actor may make the change: it names people and places."""
    effect = what_if(change)
    rows = [Row(turn.person, places(turn.gains, effect), places(turn.losses, effect)) for turn in effect.turns]
    starts = effect.at if effect.at > clock.now() else None
    counts = len(effect.gains), len(effect.losses)
    return Shown(starts, *counts, effect.unnamed, rows, effect.replaces, expires)


def places(shifts: Shifts, effect: Effect) -> list[Place]:
    """Where, and what by its label."""
    names = {path: scope.name for path, scope in (effect.scopes or {}).items()}
    return [
        Place(
            names.get(shift.path, ""),
            [PERMISSIONS.get(name, name) for name in sorted(shift.permissions)],
            sorted(names.get(path, "") for path in shift.but),
        )
        for shift in shifts
    ]
