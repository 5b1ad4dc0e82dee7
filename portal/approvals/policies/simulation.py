"""What policies would ask for, and why: every condition with its answer. Pure, and it agrees with `route_for` by using it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from portal.approvals.routes import Allowed, Condition, Facts, Route, Rule, StagePlan, holds, matches, route_for

Answer = Callable[[Facts, Sequence[Rule]], Route | Allowed]
DRAFT = "draft"
"""The id of a rule that is only thought of."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One condition against one fact: it holds, or not, or None where that cannot be told."""

    condition: Condition
    fact: Any
    answer: bool | None


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule, each of its conditions, and whether it has its say."""

    rule: Rule
    checks: tuple[Checked, ...]
    matches: bool

    @property
    def is_draft(self) -> bool:
        return self.rule.id == DRAFT

    @property
    def against(self) -> tuple[Checked, ...]:
        """What keeps it from having its say. Not knowing keeps only a rule that allows."""
        wrong = (False,) if self.rule.stages else (False, None)
        return () if self.matches else tuple(check for check in self.checks if check.answer in wrong)


@dataclass(frozen=True, slots=True)
class Simulated:
    """The answer to one set of facts, with the rules tried for it: those that have their say first, nearest scope first."""

    answer: Route | Allowed
    tried: tuple[Tried, ...]

    @property
    def by_house_rule(self) -> bool:
        """No policy speaks of it."""
        return isinstance(self.answer, Route) and not self.answer.policies


def simulate(facts: Facts, rules: Sequence[Rule], answer: Answer = route_for) -> Simulated:
    """Try every rule against the facts, and say what they ask for together; `answer` is how a kind puts them together."""
    tried = [Tried(rule, tuple(_checked(test, facts) for test in rule.conditions), matches(rule, facts)) for rule in rules]
    tried.sort(key=lambda each: (not each.matches, -each.rule.depth, each.rule.name, each.rule.id))
    return Simulated(answer(facts, rules), tuple(tried))


def with_draft(rules: Sequence[Rule], draft: Rule | None, *, instead_of: str = "") -> list[Rule]:
    """The rules in force with a draft among them, and without the version that it would replace."""
    kept = [rule for rule in rules if not instead_of or rule.id != instead_of]
    return [*kept, draft] if draft else kept


def is_otherwise(one: Route | Allowed, other: Route | Allowed) -> bool:
    """Would somebody else decide, or in another way? By which policies does not matter."""
    return _asked(one) != _asked(other)


def _checked(test: Condition, facts: Facts) -> Checked:
    return Checked(test, facts.get(test.field), holds(test, facts))


def _asked(answer: Route | Allowed) -> frozenset[StagePlan] | None:
    """The stages, whatever their numbers are: only which come together and in which order."""
    if isinstance(answer, Allowed):
        return None
    order = {position: index for index, position in enumerate(sorted({stage.position for stage in answer.stages}))}
    return frozenset(replace(stage, position=order[stage.position]) for stage in answer.stages)
