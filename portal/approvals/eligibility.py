"""Who may decide a stage, at this moment: asked of the tree each time, never kept."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from portal.access.models import Assignment, GroupMember, Scope, ScopeKind, ScopeShare
from portal.access.queries import chain_of
from portal.access.resolver import in_force
from portal.approvals.models import Approval, Stage
from portal.approvals.queries import ADMIN, SETTLED
from portal.approvals.routes import StagePlan, Who, read_stages, read_who
from portal.approvals.tally import Bench, is_fillable
from portal.core import clock
from portal.users.models import User

Accounts = dict[UUID, UUID]
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Hands:
    """Those whose gifts make nobody a decider here: what they gave since that moment does not count."""

    people: frozenset[UUID] = frozenset()
    since: datetime = NEVER

    def gave(self, by: str, at: str) -> Q:
        """The condition that one of them gave it, under any account, and not long ago."""
        hers = Q(**{f"{by}__in": self.people}) | Q(**{f"{by}__owner__in": self.people})
        return hers & Q(**{f"{at}__gte": self.since})


NOBODY = Hands()


def accounts_for(who: Who, place: Scope | None, scope: Scope, hands: Hands = NOBODY) -> Accounts:
    """Each account that may decide, with the person behind it: picked by the stage and holding `vote` at the scope.

    `place` is the scope the stage speaks of, `scope` the one where the act happens. What came from those `hands` does
    not count.
    """
    voting = accounts_holding("vote", scope, hands)
    picked = _picked(who, place, hands)
    return {account: person for account, person in voting.items() if account in picked}


def people_for(who: Who, place: Scope | None, approval: Approval) -> frozenset[UUID]:
    """The people who may decide, without who asked and for whom it is, and whom these made a decider just for that."""
    return frozenset(accounts_for(who, place, approval.scope, hands_of(approval)).values()) - apart_of(approval)


def hands_of(approval: Approval) -> Hands:
    """Who asked and for whom it is make no deciders of their own, from a week before it was asked on."""
    return Hands(apart_of(approval), approval.created_at - SETTLED)


def apart_of(approval: Approval) -> frozenset[UUID]:
    """The people who never count: who asked and for whom it is, as persons behind any account, now and when it was asked."""
    users = [user for user in (approval.requester, approval.beneficiary) if user]
    return frozenset(approval.apart) | frozenset(person_of(user) for user in users)


def person_of(user: User) -> UUID:
    """The person behind an account; a service account counts as its owner."""
    return user.owner_id or user.pk


def plan_of(stage: Stage) -> StagePlan:
    """The stage as the pure core reads it."""
    names = ("mode", "needed", "due_hours", "on_timeout", "again", "position", "justification", "evidence")
    return read_stages([{"who": stage.who, **{name: getattr(stage, name) for name in names}}])[0]


def bench_of(stage: Stage, approval: Approval) -> Bench:
    """The stage with the people who may decide it now."""
    who = read_who(stage.who)
    people = frozenset(map(str, people_for(who, stage.place, approval)))
    groups = _groups(who, people)
    return Bench(str(stage.pk), stage.position, stage.mode, stage.needed, people, stage.again, groups, stage.by_time)


def can_be_filled(plan: StagePlan, people: Collection[UUID]) -> bool:
    """Are there enough people for this stage ever to be carried?"""
    able = frozenset(map(str, people))
    return is_fillable(Bench("", plan.position, plan.mode, plan.needed, able, groups=_groups(plan.who, able)))


def raised(plan: StagePlan, approval: Approval) -> StagePlan | None:
    """The same stage for the admins of the nearest scope above where someone else can decide; None where nobody can."""
    place = scope_at(plan.who.at, approval.scope)
    base, asked = place or approval.scope, people_for(plan.who, place, approval)
    above = [one for one in reversed(chain_of(base)) if one.pk != base.pk]
    for one in above or [base]:
        who = Who("admins", at=str(one.pk))
        if people_for(who, one, approval) - asked:
            return replace(plan, who=who, mode="any", needed=1)
    return None


def scope_at(at: str, scope: Scope) -> Scope | None:
    """The scope that a stage speaks of; None where it names one of another organization."""
    if at == "scope":
        return scope
    chain = chain_of(scope)
    if at == "organization":
        return chain[0]
    if at == "tenant":
        return next(one for one in reversed(chain) if one.scope_kind != ScopeKind.PROJECT)
    return Scope.objects.filter(pk=UUID(at), path__within=chain[0].path).first()


def accounts_holding(permission: str, scope: Scope, hands: Hands = NOBODY) -> Accounts:
    """Active accounts that hold the permission at the scope now, by role or by share, with the person behind each."""
    shared = ScopeShare.objects.filter(
        ~hands.gave("granted_by", "created_at"),
        permission__codename=permission,
        content_object__path__above=scope.path,
        expires__gt=clock.now(),
    )
    held = _assigned(scope, hands, role__permissions__contains=[permission])
    return _accounts(held | Q(pk__in=shared.values("user")))


def _picked(who: Who, place: Scope | None, hands: Hands) -> Accounts:
    if who.pick == "group":
        return _members([UUID(who.group)], hands)
    if who.pick == "groups":
        return _members([UUID(group) for group in who.groups], hands)
    if who.pick == "named":
        return _accounts(Q(pk__in=[UUID(person) for person in who.people]))
    if place is None:
        return {}
    if who.pick == "role":
        return _accounts(_assigned(place, hands, role__key=who.role))
    if who.pick == "voters":
        return _accounts(_assigned(place, hands, role__permissions__contains=["vote"]))
    if who.pick == "admins":
        return _accounts(_assigned(place, hands, role__permissions__contains=[ADMIN]))
    return _accounts(Q(pk=place.owner_id))


def _groups(who: Who, people: frozenset[str]) -> tuple[frozenset[str], ...]:
    """For a stage that wants one from each of its groups: who of these people is in which."""
    return tuple(frozenset(map(str, _members([UUID(group)], NOBODY).values())) & people for group in who.groups)


def _assigned(scope: Scope, hands: Hands, **role: Any) -> Q:
    rows = Assignment.objects.filter(
        in_force(), ~hands.gave("granted_by", "granted_at"), scope__path__above=scope.path, **role
    )
    members = GroupMember.objects.filter(~hands.gave("added_by", "added_at"), group__in=rows.values("group"))
    return Q(pk__in=rows.values("user")) | Q(pk__in=members.values("user"))


def _members(groups: Collection[UUID], hands: Hands) -> Accounts:
    rows = GroupMember.objects.filter(~hands.gave("added_by", "added_at"), group__in=groups)
    return _accounts(Q(pk__in=rows.values("user")))


def _accounts(condition: Q) -> Accounts:
    alive = Q(is_active=True) & (Q(owner=None) | Q(owner__is_active=True))
    return {
        account: owner or account for account, owner in User.objects.filter(condition, alive).values_list("pk", "owner_id")
    }
