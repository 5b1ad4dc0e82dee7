"""What a change of roles would do: who gains and who loses which permissions where, net of what she holds otherwise."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from portal.access import resolver
from portal.access.models import Assignment, Group, Role, Scope, ScopeShare, Source
from portal.core import clock
from portal.users.models import User

MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class Give:
    """A role for somebody at a scope, as `assign_role` gives it: in the place of the same that was given by hand before."""

    principal: User | Group
    role: Role
    scope: Scope
    starts: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class End:
    """An assignment taken back."""

    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Redefine:
    """Other permissions for a role, for all who hold it."""

    role: Role
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Remove:
    """A role that is no more, nor any assignment of it."""

    role: Role


Change = Give | End | Redefine | Remove
Held = tuple[str, frozenset[str]]  # as the resolver's grants: a path, and what is held at and below it
Profile = frozenset[Held]


@dataclass(frozen=True, slots=True)
class Shift:
    """These permissions at a scope and all below it, but not below the paths of `but`, where nothing changes for her."""

    path: str
    permissions: frozenset[str]
    but: frozenset[str] = frozenset()


Shifts = tuple[Shift, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one person gains and loses."""

    person: User
    gains: Shifts
    losses: Shifts


@dataclass(frozen=True, slots=True)
class Effect:
    """What is otherwise from the moment `at` on, by the id of each person; `turns` are the first fifty of them, by name.

    Who is disabled neither gains nor loses, for nothing she holds opens anything. `replaces` is the assignment whose times
    are moved; `scopes` names the places, by path.
    """

    at: datetime
    gains: Mapping[UUID, Shifts]
    losses: Mapping[UUID, Shifts]
    turns: tuple[Turn, ...] = ()
    scopes: Mapping[str, Scope] | None = None
    replaces: Assignment | None = None

    @property
    def is_nothing(self) -> bool:
        return not self.gains and not self.losses

    @property
    def unnamed(self) -> int:
        """How many more people there are than `turns` names."""
        return len(self.gains.keys() | self.losses.keys()) - len(self.turns)


def what_if(change: Change, *, at: datetime | None = None) -> Effect:
    """Who would gain and who would lose, from the moment the change begins to hold unless another is named. Changes nothing;
    seven statements, whoever holds what.
    """
    at = at or max(clock.now(), getattr(change, "starts", None) or clock.now())
    replaced = _replaced(change)
    touched = _places(change, at)
    rows = _rows(change, touched, at) if touched else {}
    gains: dict[UUID, Shifts] = {}
    losses: dict[UUID, Shifts] = {}
    after_of = _after(change, replaced, at)
    for person, held in rows.items():
        before, after = _profile(held), _profile(after_of(held))
        if gained := _difference(after, before):
            gains[person] = gained
        if lost := _difference(before, after):
            losses[person] = lost
    people = User.objects.filter(pk__in=[*gains, *losses]).order_by("name", "username")[:MOST_NAMED]
    turns = tuple(Turn(each, gains.get(each.pk, ()), losses.get(each.pk, ())) for each in people)
    return Effect(at, gains, losses, turns, _named(turns), replaced)


@dataclass(frozen=True, slots=True)
class _Row:
    """A grant of one person and where it comes from: an assignment's id and role, or neither."""

    path: str
    permissions: frozenset[str]
    assignment: UUID | None = None
    role: UUID | None = None


def _replaced(change: Change) -> Assignment | None:
    if isinstance(change, End):
        return change.assignment
    if not isinstance(change, Give):
        return None
    who = {"user": change.principal} if isinstance(change.principal, User) else {"group": change.principal}
    same = Assignment.objects.filter(**who, role=change.role, scope=change.scope, source=Source.MANUAL)
    found: Assignment | None = same.first()
    return found


def _places(change: Change, at: datetime) -> list[str]:
    """The paths at and below which something may be otherwise."""
    if isinstance(change, Give):
        return [change.scope.scope_path]
    if isinstance(change, End):
        return [change.assignment.scope.scope_path]
    given = Assignment.objects.filter(resolver.in_force(at=at), role=change.role)
    return list(given.order_by().values_list("scope__path", flat=True).distinct())


def _people(change: Change, at: datetime) -> QuerySet[User]:
    """Whom it may concern, without those who are disabled."""
    if isinstance(change, Give | End):
        if isinstance(change, Give):
            who: Any = change.principal
        else:
            who = change.assignment.user or change.assignment.group
        concerned = Q(pk=who.pk) if isinstance(who, User) else Q(portal_groups=who)
    else:
        given = Assignment.objects.filter(resolver.in_force(at=at), role=change.role)
        concerned = Q(pk__in=given.values("user")) | Q(portal_groups__in=given.values("group"))
    alive = Q(is_active=True) & (Q(owner=None) | Q(owner__is_active=True))
    return User.objects.filter(concerned & alive)


def _rows(change: Change, touched: list[str], at: datetime) -> dict[UUID, list[_Row]]:
    """What each of them holds there, above and below."""
    people = _people(change, at)
    found: dict[UUID, list[_Row]] = {pk: [] for pk in people.values_list("pk", flat=True)}
    above = {UUID(label) for path in touched for label in path.split(".")}
    held = Assignment.objects.filter(resolver.in_force(at=at)).annotate(holder=Coalesce(F("user"), F("group__members")))
    held = held.filter(Q(scope__path__within_any=touched) | Q(scope__in=above), holder__in=people.values("pk"))
    for person, assignment, role, path, permissions in held.values_list(
        "holder", "pk", "role_id", "scope__path", "role__permissions"
    ):
        if person in found:  # not who came in since
            found[person].append(_Row(path, frozenset(permissions), assignment, role))
    shares = ScopeShare.objects.filter(resolver.share_in_force(at=at), user__in=people.values("pk"))
    for person, path, name in shares.values_list("user", "content_object__path", "permission__codename"):
        if person in found:
            found[person].append(_Row(path, frozenset({name})))
    return found


def _after(change: Change, replaced: Assignment | None, at: datetime) -> Any:
    """What turns the rows of before into those of after."""
    if isinstance(change, Redefine):
        role, other = change.role.pk, change.permissions
        return lambda rows: [_Row(row.path, other) if row.role == role else row for row in rows]
    if isinstance(change, Remove):
        return lambda rows: [row for row in rows if row.role != change.role.pk]
    gone = replaced.pk if replaced else None
    new: list[_Row] = []
    if isinstance(change, Give) and resolver.is_in_force(change.starts, change.expires, at):
        new = [_Row(change.scope.scope_path, frozenset(change.role.permissions))]
    return lambda rows: [*(row for row in rows if row.assignment is None or row.assignment != gone), *new]


def _profile(rows: Iterable[_Row]) -> Profile:
    return frozenset((row.path, row.permissions) for row in rows)


@lru_cache(maxsize=1024)  # most of the people of a group hold the same
def _difference(held: Profile, instead: Profile) -> Shifts:
    """What the one holds and the other does not. The same permissions at the same places are said together."""
    ours, theirs = _by_permission(held - instead), _by_permission(instead)
    found: dict[tuple[str, frozenset[str]], set[str]] = defaultdict(set)
    for permission, paths in ours.items():
        others = theirs.get(permission, frozenset())
        for path in paths:
            if not any(resolver.covers(other, path) for other in others):
                but = frozenset(other for other in others if resolver.covers(path, other))
                found[path, but].add(permission)
    return tuple(Shift(path, frozenset(names), but) for (path, but), names in sorted(found.items(), key=_by_place))


def _by_place(found: tuple[tuple[str, frozenset[str]], set[str]]) -> tuple[str, list[str]]:
    (path, _but), names = found
    return path, sorted(names)


def _by_permission(held: Iterable[Held]) -> dict[str, frozenset[str]]:
    """For each permission the highest paths where it is held: what lies below them adds nothing."""
    paths: dict[str, set[str]] = defaultdict(set)
    for path, permissions in held:
        for permission in permissions:
            paths[permission].add(path)
    return {
        permission: frozenset(
            path for path in found if not any(path != other and resolver.covers(other, path) for other in found)
        )
        for permission, found in paths.items()
    }


def _named(turns: Iterable[Turn]) -> dict[str, Scope]:
    shifts = [shift for turn in turns for shift in (*turn.gains, *turn.losses)]
    paths = {path for shift in shifts for path in (shift.path, *shift.but)}
    ids = {UUID(path.rsplit(".", 1)[-1]) for path in paths}
    return {scope.scope_path: scope for scope in Scope.objects.filter(pk__in=ids)}
