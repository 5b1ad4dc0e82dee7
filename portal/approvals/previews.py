"""What would be asked of whom, before anything is asked: the same route, nothing written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from portal.access.models import Scope
from portal.approvals.cards import people_of_ids, who_text
from portal.approvals.eligibility import bench_of
from portal.approvals.facts import plain
from portal.approvals.kinds import answer_to, context_of
from portal.approvals.models import Approval, Policy, PolicyState
from portal.approvals.queries import rules_for
from portal.approvals.routes import Allowed, Matched, Route, read_who
from portal.approvals.settling import staffed
from portal.core import clock
from portal.users.actor import Actor
from portal.users.models import User


@dataclass(frozen=True, slots=True)
class StagePreview:
    """One stage to come: who decides in words, how many of them it takes, and the people it could be now."""

    text: str
    mode: str
    needed: int
    people: list[User]


@dataclass(frozen=True, slots=True)
class Preview:
    """What `ask` would answer. `rule` is set where nobody has to decide; no policies with stages is the house rule."""

    rule: str
    policies: tuple[Matched, ...]
    stages: list[StagePreview]


def route_of(kind: str, facts: Mapping[str, Any], context: Mapping[str, Any], scope: Scope, at: datetime) -> Route | Allowed:
    """The route that the policies of a moment ask for, given these facts and what is known of place and person."""
    return answer_to(kind, {**facts, **context}, rules_for(kind, scope, at))


def is_asked_about(kind: str, facts: Mapping[str, Any], context: Mapping[str, Any], scope: Scope, *, actor: Actor) -> bool:
    """Whether a policy asks for a decision on an act of a kind that is free otherwise; never on what the system does by itself.

    One question to the database, and that once for an actor, where no policy speaks of the kind.
    """
    if actor.is_system:
        return False
    spoken = f"policies on {kind}"
    if spoken not in actor.memory:
        actor.memory[spoken] = Policy.objects.filter(subject_kind=kind, state=PolicyState.ACTIVE).exists()
    if not actor.memory[spoken]:
        return False
    known = {**plain(context), **context_of(kind, scope, actor.user)}
    return isinstance(route_of(kind, plain(facts), known, scope, clock.now()), Route)


def preview(
    kind: str,
    facts: Mapping[str, Any],
    scope: Scope,
    *,
    actor: Actor,
    beneficiary: User | None = None,
    context: Mapping[str, Any] = MappingProxyType({}),
) -> Preview:
    """What `ask` would answer to these facts from this actor. Raises Refused, as `ask` does, where nobody could decide.

    `context` is what the kind itself would say beside the facts.
    """
    known = {**plain(context), **context_of(kind, scope, actor.user)}
    answer = route_of(kind, plain(facts), known, scope, clock.now())
    if isinstance(answer, Allowed):
        return Preview(answer.rule, answer.policies, [])
    asked = Approval(subject_kind=kind, scope=scope, requester=actor.user, beneficiary=beneficiary or actor.acting_for)
    stages = [staffed(asked, plan) for plan in answer.stages]
    lines = [
        StagePreview(
            text=who_text(read_who(stage.who), stage.place),
            mode=stage.mode,
            needed=stage.needed,
            people=people_of_ids(bench_of(stage, asked).eligible),
        )
        for stage in stages
    ]
    return Preview("", answer.policies, lines)
