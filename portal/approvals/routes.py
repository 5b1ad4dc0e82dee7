"""From facts and policies to a route. Pure: plain data in, plain data out, no Django, no clock.

Every policy that matches has its say: those that ask add their stages, nearest scope first; those that allow count only
when none asks. So the order of rules never matters, and a scope below can tighten what a scope above decided but never
loosen it. A condition about a fact that is missing or cannot be compared is met for a policy that asks and not met for
one that allows: not knowing never loosens either. Where nothing matches, an approver of the scope is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

Facts = Mapping[str, Any]
Test = Callable[[Any, Any], bool]

PICKS = ("role", "admins", "voters", "group", "groups", "named", "owner")
SCOPES = ("scope", "tenant", "organization")
MODES = ("any", "all", "quorum", "each")
TIMEOUTS = ("expire", "deny", "escalate", "approve")
STRICTNESS = ("approve", "escalate", "expire", "deny")
DUE_HOURS = 24


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of one fact, such as ("cost_per_month", "ge", "100")."""

    field: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Who:
    """Who decides: those with a role, the admins, whoever may decide there, a group, each of several groups, named people, or the scope's owner.

    `at` says of which scope: the one asked for, its nearest tenant, its organization, or one named by its id.
    """

    pick: str = ""
    role: str = ""
    at: str = "scope"
    group: str = ""
    people: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One step of deciding. Stages with the same position run side by side; `again` lets an earlier voter count anew.

    `mode` is any one, all, a quorum of `needed`, or each: one from every group, no two of them the same person.
    `due_hours` are working hours of the scope's calendar. `on_timeout` may approve where the risk is low, and only there;
    elsewhere it expires. `justification` asks every vote for its reason, `evidence` for a file before anybody approves.
    """

    who: Who
    mode: str = "any"
    needed: int = 1
    due_hours: int = DUE_HOURS
    on_timeout: str = "expire"
    again: bool = False
    position: int = 0
    justification: bool = False
    evidence: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of one policy, as it takes part in a decision. No stages: it allows."""

    id: str
    name: str
    version: int
    depth: int
    conditions: tuple[Condition, ...] = ()
    stages: tuple[StagePlan, ...] = ()


@dataclass(frozen=True, slots=True)
class Matched:
    """A policy version that had its say, frozen into the approval."""

    id: str
    name: str
    version: int


@dataclass(frozen=True, slots=True)
class Route:
    """The stages to go through, in order, and the policies that asked for them (none: the house rule did)."""

    stages: tuple[StagePlan, ...]
    policies: tuple[Matched, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """No one needs to decide, and the policies that say so; the first one is the rule on record."""

    policies: tuple[Matched, ...]

    @property
    def rule(self) -> str:
        """The first of them in words; empty where an act is free unless a policy asks, and none did."""
        return f"{self.policies[0].name}, version {self.policies[0].version}" if self.policies else ""


HOUSE_RULE = Route((StagePlan(Who("role", "approver")),))


def route_for(facts: Facts, policies: Sequence[Rule], *, free: bool = False) -> Route | Allowed:
    """What these policies ask for, given these facts. The order in which policies are given does not matter.

    An act that is `free` is allowed where no policy speaks of it; of any other an approver of the scope decides then.
    """
    matching = sorted((rule for rule in policies if matches(rule, facts)), key=lambda rule: (-rule.depth, rule.name, rule.id))
    asking = [rule for rule in matching if rule.stages]
    if asking:
        return Route(_in_a_row(asking), tuple(_matched(rule) for rule in asking))
    if matching:
        return Allowed(tuple(_matched(rule) for rule in matching))
    return Allowed(()) if free else HOUSE_RULE


def matches(rule: Rule, facts: Facts) -> bool:
    """Does every condition hold? What cannot be told counts for a rule that asks and against one that allows."""
    unknown = bool(rule.stages)
    answers = (holds(condition, facts) for condition in rule.conditions)
    return all(unknown if answer is None else answer for answer in answers)


def holds(condition: Condition, facts: Facts) -> bool | None:
    """True or false, or None where the fact is missing or cannot be compared with the value."""
    fact = facts.get(condition.field)
    if fact is None:
        return None
    try:
        return OPERATORS[condition.operator](fact, condition.value)
    except (TypeError, InvalidOperation):
        return None


def read_conditions(data: Any) -> tuple[Condition, ...]:
    """Conditions from JSON; a ValueError says what is wrong with them."""
    if not isinstance(data, list):
        raise ValueError("conditions are a list")
    return tuple(_condition(entry) for entry in data)


def read_stages(data: Any) -> tuple[StagePlan, ...]:
    """Stages from JSON; a ValueError says what is wrong with them."""
    if not isinstance(data, list):
        raise ValueError("stages are a list")
    return tuple(_stage(entry) for entry in data)


def stage_data(stage: StagePlan) -> dict[str, Any]:
    """The stage as JSON that `read_stages` reads back."""
    return asdict(stage) | {"who": who_data(stage.who)}


def who_data(who: Who) -> dict[str, Any]:
    """Who, as JSON that `read_who` reads back."""
    return asdict(who) | {"people": list(who.people), "groups": list(who.groups)}


def read_who(data: Any) -> Who:
    """Who, from JSON; a ValueError says what is wrong with it."""
    _expect(isinstance(data, dict), "who is an object")
    _expect_keys(data, Who)
    texts = [data.get(name, "") for name in ("pick", "role", "at", "group")]
    people, groups = data.get("people", []), data.get("groups", [])
    _expect(isinstance(people, list) and isinstance(groups, list), "people and groups are lists")
    _expect(all(isinstance(text, str) for text in [*texts, *people, *groups]), "who holds texts")
    who = Who(**{**data, "people": tuple(people), "groups": tuple(groups)})
    _expect(who.pick in PICKS, f"who.pick is one of {', '.join(PICKS)}")
    _expect(who.at in SCOPES or _is_id(who.at), f"who.at is one of {', '.join(SCOPES)} or the id of a scope")
    needs = {"role": who.role, "group": _is_id(who.group), "groups": who.groups, "named": who.people}
    ids = (*who.people, *who.groups)
    _expect(bool(needs.get(who.pick, True)) and all(map(_is_id, ids)), f"who needs a value for {who.pick}")
    return who


def _stage(entry: Any) -> StagePlan:
    _expect(isinstance(entry, dict), "a stage is an object")
    _expect_keys(entry, StagePlan)
    stage = StagePlan(**{**entry, "who": read_who(entry.get("who"))})
    _expect(stage.mode in MODES, f"mode is one of {', '.join(MODES)}")
    _expect((stage.mode == "each") == (stage.who.pick == "groups"), "each goes with groups, and groups with each")
    _expect(stage.on_timeout in TIMEOUTS, f"on_timeout is one of {', '.join(TIMEOUTS)}")
    for name in ("again", "justification", "evidence"):
        _expect(type(getattr(stage, name)) is bool, f"{name} is true or false")
    for name, least in (("needed", 1), ("due_hours", 1), ("position", 0)):
        number = getattr(stage, name)
        _expect(type(number) is int and least <= number <= 10_000, f"{name} is a whole number from {least}")
    return stage


def _condition(entry: Any) -> Condition:
    _expect(isinstance(entry, dict), "a condition is an object")
    _expect_keys(entry, Condition)
    _expect(set(entry) == {"field", "operator", "value"}, "a condition has a field, an operator and a value")
    condition = Condition(**entry)
    _expect(isinstance(condition.field, str) and bool(condition.field), "field is the name of a fact")
    _expect(condition.operator in OPERATORS, f"operator is one of {', '.join(OPERATORS)}")
    if condition.operator in ("in", "not_in"):
        _expect(isinstance(condition.value, list) and condition.value != [], f"{condition.operator} takes a list")
    if condition.operator in ("lt", "le", "gt", "ge"):
        try:
            _number(condition.value)
        except (TypeError, InvalidOperation):
            raise ValueError(f"{condition.operator} takes a number") from None
    return condition


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _expect(true: bool, message: str) -> None:
    if not true:
        raise ValueError(message)


def _expect_keys(data: dict[str, Any], shape: type) -> None:
    unknown = set(data) - set(shape.__dataclass_fields__)  # type: ignore[attr-defined]
    _expect(not unknown, f"not known here: {', '.join(sorted(unknown))}")


def _in_a_row(rules: Sequence[Rule]) -> tuple[StagePlan, ...]:
    """The rules' stages one after the other, positions renumbered; what is asked twice is asked once, as strictly as ever."""
    rows: dict[tuple[Who, str, int], StagePlan] = {}
    position = 0
    for rule in rules:
        for place in sorted({stage.position for stage in rule.stages}):
            here = [stage for stage in rule.stages if stage.position == place]
            is_new = any(_key(stage) not in rows for stage in here)
            for stage in here:
                before = rows.get(_key(stage))
                rows[_key(stage)] = _stricter(before, stage) if before else replace(stage, position=position)
            position += is_new
    return tuple(rows.values())


def _key(stage: StagePlan) -> tuple[Who, str, int]:
    return stage.who, stage.mode, stage.needed


def _stricter(one: StagePlan, other: StagePlan) -> StagePlan:
    """Both stages in one, in the place of the first."""
    return replace(
        one,
        due_hours=min(one.due_hours, other.due_hours),
        on_timeout=max(one.on_timeout, other.on_timeout, key=STRICTNESS.index),
        again=one.again and other.again,
        justification=one.justification or other.justification,
        evidence=one.evidence or other.evidence,
    )


def _matched(rule: Rule) -> Matched:
    return Matched(rule.id, rule.name, rule.version)


def _number(value: Any) -> Decimal:
    """A whole number or a decimal as text. Floats and truth values are no numbers here."""
    if type(value) is int or type(value) is str:
        number = Decimal(value)
        if number.is_finite():
            return number
    raise TypeError("not a number")


def _same(fact: Any, value: Any) -> bool:
    if type(fact) is not type(value) or isinstance(fact, list | dict):
        raise TypeError("nothing to compare")
    return bool(fact == value)


def _among(fact: Any, values: Any) -> bool:
    comparable = [value for value in values if type(value) is type(fact)]
    if isinstance(fact, list | dict) or not comparable:
        raise TypeError("nothing to compare")
    return fact in comparable


def _has(fact: Any, value: Any) -> bool:
    if not isinstance(fact, list):
        raise TypeError("not a list")
    return any(type(one) is type(value) and one == value for one in fact)


OPERATORS: Mapping[str, Test] = {
    "eq": _same,
    "ne": lambda fact, value: not _same(fact, value),
    "in": _among,
    "not_in": lambda fact, value: not _among(fact, value),
    "has": _has,
    "lt": lambda fact, value: _number(fact) < _number(value),
    "le": lambda fact, value: _number(fact) <= _number(value),
    "gt": lambda fact, value: _number(fact) > _number(value),
    "ge": lambda fact, value: _number(fact) >= _number(value),
}
