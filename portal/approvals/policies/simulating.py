"""What a draft of a policy would change: for one act, real or thought of, and for what was asked lately. Nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q

from portal.access.models import Scope
from portal.access.resolver import covers
from portal.approvals.cards import people_of_ids
from portal.approvals.eligibility import bench_of
from portal.approvals.facts import plain
from portal.approvals.kinds import answer_to, context_of
from portal.approvals.models import Approval, Policy
from portal.approvals.policies.publishing import Content
from portal.approvals.policies.simulation import DRAFT, Simulated, is_otherwise, simulate, with_draft
from portal.approvals.queries import approvals_visible_to, rule_of, rules_for
from portal.approvals.routes import Allowed, Route, Rule, StagePlan, read_conditions, read_stages
from portal.approvals.settling import staffed
from portal.core import clock
from portal.core.errors import Refused
from portal.users.actor import Actor
from portal.users.models import User

LATELY = timedelta(days=30)
MOST = 200


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule that is only thought of, at a scope, in place of a version that is in force."""

    scope: Scope
    content: Content
    replaces: Policy | None = None

    @property
    def rule(self) -> Rule:
        return Rule(
            id=DRAFT,
            name=self.content.name,
            version=self.replaces.version + 1 if self.replaces else 1,
            depth=str(self.scope.path).count("."),
            conditions=read_conditions(self.content.conditions),
            stages=read_stages(self.content.stages),
        )

    @property
    def instead_of(self) -> str:
        return str(self.replaces.pk) if self.replaces else ""


@dataclass(frozen=True, slots=True)
class Seat:
    """One stage of a route with who could decide it now; nobody where it would have to be refused."""

    plan: StagePlan
    people: list[User]
    is_raised: bool


@dataclass(frozen=True, slots=True)
class Simulation:
    """One act: the route with the draft, and the one of today. Without a draft both are the same."""

    scope: Scope
    today: Simulated
    then: Simulated
    seats: list[Seat]
    seats_today: list[Seat]

    @property
    def is_otherwise(self) -> bool:
        return is_otherwise(self.today.answer, self.then.answer)


@dataclass(frozen=True, slots=True)
class Moved:
    """Something that was asked and would be decided otherwise."""

    approval: Approval
    today: Route | Allowed
    then: Route | Allowed


@dataclass(frozen=True, slots=True)
class Replay:
    """What was asked lately, held against the rules of today without and with the draft. `is_all` is false where only the
    last `MOST` were looked at.
    """

    looked: int
    moved: list[Moved]
    is_all: bool


def simulate_past(approval: Approval, draft: Draft | None) -> Simulation:
    """Something that was asked once, by the rules of today: its facts as they are on record."""
    kind = approval.subject_kind
    context = {**context_of(kind, approval.scope, approval.requester), **approval.context}
    return _simulation(kind, {**approval.facts, **context}, approval, draft)


def simulate_facts(kind: str, scope: Scope, facts: Mapping[str, Any], draft: Draft | None, *, actor: Actor) -> Simulation:
    """Something that nobody asked: these facts at a scope, asked by the actor; `facts` may say who asks in her place."""
    known = {**context_of(kind, scope, actor.user), **plain(facts)}
    return _simulation(kind, known, Approval(subject_kind=kind, scope=scope, requester=actor.user), draft)


def replay(draft: Draft, *, actor: Actor) -> Replay:
    """What of the last thirty days would be decided otherwise. A handful of queries, however much there is."""
    kind, now = draft.content.subject_kind, clock.now()
    rows = approvals_visible_to(actor).filter(subject_kind=kind, created_at__gte=now - LATELY)
    found = list(rows.filter(scope__path__within=draft.scope.path)[: MOST + 1])
    near = Q(scope__path__above=draft.scope.path) | Q(scope__path__within=draft.scope.path)
    alive = Policy.objects.filter(near, Q(ends=None) | Q(ends__gt=now), subject_kind=kind, starts__lte=now)
    rules = [
        (str(policy.scope.path), rule_of(policy, depth=str(policy.scope.path).count(".")))
        for policy in alive.select_related("scope")
    ]
    answer, moved = partial(answer_to, kind), []
    for approval in found[:MOST]:
        facts = {**approval.facts, **approval.context}
        here = [rule for path, rule in rules if covers(path, str(approval.scope.path))]
        today = simulate(facts, here, answer).answer
        drafted = with_draft(here, draft.rule, instead_of=draft.instead_of)
        then = simulate(facts, drafted, answer).answer
        if is_otherwise(today, then):
            moved.append(Moved(approval, today, then))
    return Replay(len(found[:MOST]), moved, len(found) <= MOST)


def approval_to_try(actor: Actor, kind: str, pk: UUID | str) -> Approval | None:
    """One past approval of a kind that she may see."""
    return approvals_visible_to(actor).filter(subject_kind=kind, pk=pk).first()


def _simulation(kind: str, facts: Mapping[str, Any], asked: Approval, draft: Draft | None) -> Simulation:
    answer, rules = partial(answer_to, kind), rules_for(kind, asked.scope, clock.now())
    is_here = draft is not None and covers(str(draft.scope.path), str(asked.scope.path))
    drafted = with_draft(rules, draft.rule, instead_of=draft.instead_of) if draft and is_here else rules
    today = simulate(facts, rules, answer)
    then = simulate(facts, drafted, answer)
    return Simulation(asked.scope, today, then, _seats(then.answer, asked), _seats(today.answer, asked))


def _seats(answer: Route | Allowed, asked: Approval) -> list[Seat]:
    return [_seat(plan, asked) for plan in answer.stages] if isinstance(answer, Route) else []


def _seat(plan: StagePlan, asked: Approval) -> Seat:
    """Who could decide it at this moment, without who asks; where nobody there could, the admins above."""
    shown = Approval(
        subject_kind=asked.subject_kind, scope=asked.scope, requester=asked.requester, beneficiary=asked.beneficiary
    )
    try:
        stage = staffed(shown, plan)
    except Refused:
        return Seat(plan, [], is_raised=False)
    return Seat(plan, people_of_ids(bench_of(stage, shown).eligible), is_raised=stage.raised_from is not None)
