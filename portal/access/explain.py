"""Why somebody can or cannot: what carries a permission to a thing, or what is nearest to it and what would cure it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q

from portal.access import resolver
from portal.access.models import Assignment, Role, Scope, ScopeShare
from portal.core.errors import Forbidden, NotFound
from portal.users.actor import Actor, Narrowing
from portal.users.models import User, UserKind

MOST_MISSES = 10
MOST_MANAGERS = 5


class Verdict(StrEnum):
    """What `require` does: return, raise Forbidden, raise NotFound."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    UNSEEN = "unseen"


class Way(StrEnum):
    """How a grant came to her."""

    ROLE = "role"
    GROUP = "group"
    SCOPE_SHARE = "scope_share"
    SHARE = "share"


class Barrier(StrEnum):
    """What takes away what she holds otherwise: another person looks as her, or she comes with a token of fewer permissions or of
    another scope.
    """

    VIEWED_AS = "viewed_as"
    NARROWED = "narrowed"
    BOUND = "bound"


class Lack(StrEnum):
    """Why a grant does not carry; the best curable first."""

    BARRED = "barred"
    ENDED = "ended"
    NOT_BEGUN = "not_begun"
    WITHOUT = "without"
    ELSEWHERE = "elsewhere"


class Cure(StrEnum):
    """What makes a miss a hit, once the barriers beside it are gone."""

    LIFT = "lift"
    RENEW = "renew"
    BEGIN = "begin"
    EXTEND_ROLE = "extend_role"
    ASSIGN = "assign"


@dataclass(frozen=True, slots=True)
class Grant:
    """One assignment or share of hers, whether or not it holds at this moment. `row` is that row."""

    way: Way
    row: Any
    path: str | None
    permissions: frozenset[str]
    is_in_force: bool

    @property
    def role(self) -> Role | None:
        return self.row.role if isinstance(self.row, Assignment) else None

    @property
    def place(self) -> Any:
        """Where it was given: a scope, or the one thing that is shared."""
        return self.row.scope if isinstance(self.row, Assignment) else self.row.content_object

    @property
    def is_ahead(self) -> bool:
        """It is still to come."""
        return bool(getattr(self.row, "is_ahead", False))

    @property
    def starts(self) -> datetime | None:
        starts: datetime | None = getattr(self.row, "starts", None)
        return starts

    @property
    def expires(self) -> datetime | None:
        expires: datetime | None = self.row.expires
        return expires


@dataclass(frozen=True, slots=True)
class Miss:
    """A grant that nearly carries: what it lacks, what cures that (None: nothing of its own), and what bars it besides."""

    lack: Lack
    grant: Grant
    cure: Cure | None
    barriers: tuple[Barrier, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict of `require`, and why.

    Of a yes: `reasons` are all the grants that carry it; without them she could not. Of a no: `misses`, the nearest first,
    and `roles`, those that carry the permission and are known at that place; any of them, given there, makes it a yes once
    the `barriers` are gone. `is_shut_out`: she is disabled, so nothing of this opens anything.
    """

    actor: Actor
    permission: str
    thing: Any
    verdict: Verdict
    scope: Scope | None
    reasons: tuple[Grant, ...] = ()
    misses: tuple[Miss, ...] = ()
    roles: tuple[Role, ...] = ()
    barriers: tuple[Barrier, ...] = ()
    is_shut_out: bool = False
    managers: tuple[User, ...] = ()

    @property
    def can(self) -> bool:
        """Whether she can, all told."""
        return self.verdict == Verdict.ALLOWED and not self.is_shut_out

    @property
    def until(self) -> datetime | None:
        """When the last of what carries it ends; None where one has no end."""
        ends = [grant.expires for grant in self.reasons]
        return None if None in ends else max((end for end in ends if end), default=None)


def explain(actor: Actor, permission: str, thing: Any) -> Explanation:
    """Why the actor may or may not do this with the thing. Says more than she may know: show it to who manages her, or to her."""
    verdict = verdict_of(actor, permission, thing)
    scope = scope_of(thing)
    shut_out = not (actor.user.is_active and (actor.user.owner is None or actor.user.owner.is_active))
    if actor.is_system:
        return Explanation(actor, permission, thing, verdict, scope)
    question = _Question(actor, permission, scope.scope_path if scope else None, getattr(thing, "scope_reach", "down"))
    grants = [*_assigned(actor), *_scopes_shared(actor), *_shared(actor, thing)]
    if verdict == Verdict.ALLOWED:
        reasons = tuple(grant for grant in grants if question.is_carried_by(grant))
        return Explanation(actor, permission, thing, verdict, scope, reasons, is_shut_out=shut_out)
    found = [miss for grant in grants if (miss := question.miss_of(grant))]
    return Explanation(
        actor,
        permission,
        thing,
        verdict,
        scope,
        misses=tuple(sorted(found, key=lambda miss: list(Lack).index(miss.lack))[:MOST_MISSES]),
        roles=tuple(roles_with(permission, scope)) if scope else (),
        barriers=question.barriers_at(question.place),
        is_shut_out=shut_out,
        managers=tuple(managers_of(scope, but=actor.user)) if scope else (),
    )


def verdict_of(actor: Actor, permission: str, thing: Any) -> Verdict:
    """What `require` says, as a value."""
    try:
        resolver.require(actor, permission, thing)
    except Forbidden:
        return Verdict.REFUSED
    except NotFound:
        return Verdict.UNSEEN
    return Verdict.ALLOWED


def scope_of(thing: Any) -> Scope | None:
    """The scope a thing lives in, or is; None where it belongs to nobody yet."""
    return thing if isinstance(thing, Scope) else Scope.objects.filter(pk=resolver.scope_id_of(thing)).first()


def roles_with(permission: str, scope: Scope) -> list[Role]:
    """The roles that carry a permission and can be given at a scope, those that carry the least besides first."""
    known = Q(scope=None) | Q(scope__path__above=scope.path)
    rows = Role.objects.filter(known, permissions__contains=[permission]).select_related("scope")
    return sorted(rows, key=lambda role: (len(role.permissions), role.name))


def managers_of(scope: Scope, *, but: User) -> list[User]:
    """Some of the people who give roles at a scope, never herself: nobody gives herself one."""
    given = Assignment.objects.filter(
        resolver.in_force(), scope__path__above=scope.path, role__permissions__contains=["manage_members"]
    )
    held = Q(pk__in=given.values("user")) | Q(portal_groups__in=given.values("group"))
    people = User.objects.filter(held, is_active=True, kind_of_user=UserKind.PERSON)
    return list(people.exclude(pk=but.owner_id or but.pk).distinct().order_by("name", "pk")[:MOST_MANAGERS])


@dataclass(frozen=True, slots=True)
class _Question:
    """Whether one permission reaches one place: asked of grant by grant, by the resolver's own rules."""

    actor: Actor
    permission: str
    place: str | None
    reach: resolver.Reach

    def is_carried_by(self, grant: Grant) -> bool:
        return grant.is_in_force and self.permission in grant.permissions and self.reaches(grant) and not self._bars(grant)

    def reaches(self, grant: Grant) -> bool:
        if grant.way == Way.SHARE:
            return True
        return grant.path is not None and self._covers(grant.path)

    def miss_of(self, grant: Grant) -> Miss | None:
        """What it lacks; None where it is too far off to be worth a word, and where several things are missing at once."""
        carries, bars = self.permission in grant.permissions, self._bars(grant)
        if not self.reaches(grant):
            if not (grant.is_in_force and carries and grant.role and self.place):
                return None
            cure = Cure.ASSIGN if self._is_known(grant.role) else None
            return Miss(Lack.ELSEWHERE, grant, cure, self.barriers_at(self.place))
        if not carries:
            if not (grant.is_in_force and grant.role):
                return None
            return Miss(Lack.WITHOUT, grant, Cure.EXTEND_ROLE if grant.role.scope_id else None, bars)
        if grant.is_in_force:
            return Miss(Lack.BARRED, grant, Cure.LIFT, bars)
        return Miss(Lack.NOT_BEGUN, grant, Cure.BEGIN, bars) if grant.is_ahead else Miss(Lack.ENDED, grant, Cure.RENEW, bars)

    def barriers_at(self, path: str | None, *, shared: bool = False) -> tuple[Barrier, ...]:
        """What would take away a grant given at a path, or of the one thing."""
        found = []
        if not resolver.may_now(self.actor, self.permission):
            found.append(Barrier.VIEWED_AS)
        limit = self.actor.narrowed_to
        if limit and limit.permissions is not None and self.permission not in limit.permissions:
            found.append(Barrier.NARROWED)
        if limit and not self._within(Narrowing(scope_path=limit.scope_path), path, shared=shared):
            found.append(Barrier.BOUND)
        return tuple(found)

    def _bars(self, grant: Grant) -> tuple[Barrier, ...]:
        return self.barriers_at(grant.path, shared=grant.way == Way.SHARE)

    def _within(self, limit: Narrowing, path: str | None, *, shared: bool) -> bool:
        if shared:
            return resolver.lets_shares_through(limit, self.permission)
        left = resolver.narrowed(limit, path, {self.permission}) if path else None
        return left is not None and self._covers(left[0])

    def _covers(self, path: str) -> bool:
        return self.place is not None and resolver.covers(path, self.place, self.reach)

    def _is_known(self, role: Role) -> bool:
        return role.scope is None or (self.place is not None and resolver.covers(role.scope.scope_path, self.place))


def _now(condition: Q) -> Any:
    """The resolver's condition as a column, so that what is not in force is looked at by the same rule."""
    return ExpressionWrapper(condition, output_field=BooleanField())


def _assigned(actor: Actor) -> list[Grant]:
    rows = Assignment.objects.filter(resolver.held_by(actor.user)).select_related(
        "role__scope", "scope", "group", "granted_by"
    )
    rows = rows.annotate(holds_now=_now(resolver.in_force()), is_ahead=_now(~resolver.has_begun()))
    return [
        Grant(
            Way.GROUP if row.group_id else Way.ROLE,
            row,
            row.scope.scope_path,
            frozenset(row.role.permissions),
            row.holds_now,
        )
        for row in rows.order_by("scope__path", "pk")
    ]


def _scopes_shared(actor: Actor) -> list[Grant]:
    rows = ScopeShare.objects.filter(user=actor.user).annotate(holds_now=_now(resolver.share_in_force()))
    rows = rows.select_related("content_object", "permission", "granted_by").order_by("pk")
    return [_grant(Way.SCOPE_SHARE, row, row.content_object.scope_path) for row in rows]


def _shared(actor: Actor, thing: Any) -> list[Grant]:
    if not getattr(thing, "takes_shares", False):
        return []
    rows = resolver.share_model(type(thing)).objects.filter(user=actor.user, content_object=thing)
    rows = rows.annotate(holds_now=_now(resolver.share_in_force()))
    return [_grant(Way.SHARE, row, None) for row in rows.select_related("permission", "granted_by").order_by("pk")]


def _grant(way: Way, row: Any, path: str | None) -> Grant:
    return Grant(way, row, path, frozenset({row.permission.codename}), row.holds_now)
