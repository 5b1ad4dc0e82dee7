"""Policies, changes and simulations as their pages show them: everything in words, nothing asked twice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from portal.approvals.asked import Asked
from portal.approvals.models import Approval, Policy, PolicyChange, Vote
from portal.approvals.policies.checks import asked_of
from portal.approvals.policies.queries import votes_on
from portal.approvals.policies.simulating import Replay, Seat, Simulation
from portal.approvals.policies.simulation import Simulated
from portal.approvals.policies.wording import (
    Names,
    Said,
    condition_text,
    differences,
    kind_label,
    names_in,
    said_by,
    stage_text,
    stages_text,
    value_text,
)
from portal.approvals.routes import Allowed, Condition, Route, Rule, StagePlan, read_conditions, read_stages

MOST_PEOPLE = 6
Parts = list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Line:
    """One policy of the list."""

    policy: Policy
    kind: str
    tests: list[str]
    decides: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version: what it changed, who proposed it and what others said to it. `end` is the change that retired it."""

    policy: Policy
    parts: Parts
    tests: list[str]
    stages: list[str]
    votes: list[Vote]
    alone: bool
    end: PolicyChange | None


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One condition of a rule that was tried: in words, what the fact is, and whether it holds."""

    text: str
    fact: str
    answer: bool | None


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule that was tried."""

    rule: Rule
    is_draft: bool
    matches: bool
    allows: bool
    checks: list[CheckLine]


@dataclass(frozen=True, slots=True)
class SeatLine:
    """One stage of a route, with some of who could decide it now and how many more there are."""

    text: str
    people: list[Any]
    more: int
    is_raised: bool


@dataclass(frozen=True, slots=True)
class RouteLine:
    """A route in words; `rule` is set where nobody has to decide."""

    rule: str
    by_house: bool
    seats: list[SeatLine]


@dataclass(frozen=True, slots=True)
class Tried:
    """One simulation. `today` is set where the draft makes a difference."""

    scope: Any
    then: RouteLine
    today: RouteLine | None
    rules: list[RuleLine]


@dataclass(frozen=True, slots=True)
class MovedLine:
    """Something asked lately that would be decided otherwise."""

    approval: Approval
    today: str
    then: str


def lines(policies: Iterable[Policy]) -> list[Line]:
    """Policies for the list."""
    read = [(policy, said_by(policy)) for policy in policies]
    names = names_in((said for _policy, said in read), are_short=True)
    return [Line(policy, kind_label(said.kind), tests_of(said, names), stages_text(said, names)) for policy, said in read]


def versions(policies: Sequence[Policy], changes: Sequence[PolicyChange]) -> list[Version]:
    """Versions, the last first, each with what it changed of the one before it."""
    said, votes = [said_by(policy) for policy in policies], votes_on(changes)
    names, made = names_in(said), {change.made_id: change for change in changes if change.made_id}
    ends = {change.replaces_id: change for change in changes if change.retires and change.state == "done"}
    found = []
    for index, policy in enumerate(policies):
        before = said[index + 1] if index + 1 < len(said) and policy.version > 1 else None
        change = made.get(policy.pk)
        found.append(
            Version(
                policy=policy,
                parts=differences(before, said[index], names) if before else [],
                tests=tests_of(said[index], names),
                stages=[stage_text(stage, names) for stage in said[index].stages],
                votes=votes.get(str(change.pk), []) if change else [],
                alone=bool(change and change.alone_from),
                end=ends.get(policy.pk),
            )
        )
    return found


def change_parts(change: PolicyChange) -> Parts:
    """What a proposed change differs in, part by part."""
    before = said_by(change.replaces) if change.replaces else None
    after = None if change.retires else said_by(change)
    return differences(before, after, names_in(each for each in (before, after) if each))


def card_parts(found: Approval) -> Parts | None:
    """The same from the facts of a decision card, for what is decided on is what stands there; None for other kinds."""
    was, becomes = found.facts.get("was"), found.facts.get("becomes")
    if not isinstance(was, dict) or not isinstance(becomes, dict):
        return None
    before, after = (_said(found, each) if each else None for each in (was, becomes))
    return differences(before, after, names_in(each for each in (before, after) if each))


def tests_of(said: Said, names: Names) -> list[str]:
    """Each condition in words."""
    return [condition_text(test, said, names) for test in said.conditions]


def tried(simulation: Simulation, kind: str) -> Tried:
    """A simulation in words."""
    rules = simulation.then.tried
    said = [Said(simulation.scope, kind, each.rule.conditions, each.rule.stages) for each in rules]
    routes = [each.answer for each in (simulation.then, simulation.today) if isinstance(each.answer, Route)]
    names = names_in([*said, *(Said(simulation.scope, kind, (), route.stages) for route in routes)])
    shown = [
        RuleLine(
            rule=each.rule,
            is_draft=each.is_draft,
            matches=each.matches,
            allows=not each.rule.stages,
            checks=[
                CheckLine(
                    condition_text(check.condition, one, names),
                    fact_text(check.condition, check.fact, one, names),
                    check.answer,
                )
                for check in each.checks
            ],
        )
        for each, one in zip(rules, said, strict=True)
    ]
    then = route_line(simulation.then, simulation.seats, names)
    today = route_line(simulation.today, simulation.seats_today, names) if simulation.is_otherwise else None
    return Tried(simulation.scope, then, today, shown)


def moved(replay: Replay, scope: Any, kind: str) -> list[MovedLine]:
    """What would be decided otherwise, in words."""
    answers = [answer for each in replay.moved for answer in (each.today, each.then)]
    plans = {answer.stages: Said(scope, kind, (), answer.stages) for answer in answers if isinstance(answer, Route)}
    names = names_in(plans.values())
    return [
        MovedLine(each.approval, _route_text(each.today, plans, names), _route_text(each.then, plans, names))
        for each in replay.moved
    ]


def route_line(simulated: Simulated, seats: list[Seat], names: Names) -> RouteLine:
    """One route in words."""
    answer = simulated.answer
    if isinstance(answer, Allowed):
        return RouteLine(answer.rule or _("no policy asks for a decision"), False, [])
    shown = [
        SeatLine(stage_text(seat.plan, names), seat.people[:MOST_PEOPLE], len(seat.people[MOST_PEOPLE:]), seat.is_raised)
        for seat in seats
    ]
    return RouteLine("", simulated.by_house_rule, shown)


def fact_text(test: Condition, fact: Any, said: Said, names: Names) -> str:
    """What a fact is, beside the condition about it; empty where it is not known."""
    if fact is None:
        return ""
    if test.field == "scopes":
        return _("it is in %(scope)s") % {"scope": said.scope}
    asked: Asked | None = asked_of(said.kind).get(test.field)
    values = fact if isinstance(fact, list) else [fact]
    texts = [value_text(test.field, asked, value, said, names) for value in values[:MOST_PEOPLE]]
    return ", ".join(text for text in texts if text) or _("not set")


def _said(found: Approval, rule: dict[str, Any]) -> Said:
    conditions, stages = read_conditions(rule.get("conditions")), read_stages(rule.get("stages"))
    return Said(found.scope, str(found.facts.get("policy_kind", "")), conditions, stages)


def _route_text(answer: Route | Allowed, plans: dict[tuple[StagePlan, ...], Said], names: Names) -> str:
    return _("nobody has to decide") if isinstance(answer, Allowed) else stages_text(plans[answer.stages], names)
