"""The pure core that turns facts and policies into a route: what it decides, and what it can never do."""

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.approvals.routes import (
    HOUSE_RULE,
    OPERATORS,
    Allowed,
    Condition,
    Route,
    Rule,
    StagePlan,
    Who,
    holds,
    read_conditions,
    read_stages,
    route_for,
    stage_data,
)

APPROVER = StagePlan(Who("role", "approver"))
FINANCE = StagePlan(Who("role", "finance", at="tenant"), due_hours=8)


def rule(name: str, *conditions: Condition, stages: tuple[StagePlan, ...] = (), depth: int = 1) -> Rule:
    return Rule(id=name, name=name, version=1, depth=depth, conditions=conditions, stages=stages)


def test_a_cost_band_decides_who_is_asked() -> None:
    small = rule("Small", Condition("cost_per_month", "lt", "50"))
    large = rule("Large", Condition("cost_per_month", "ge", "50"), stages=(APPROVER,))
    assert route_for({"cost_per_month": "49.99"}, [small, large]) == Allowed(route_for_matched(small))
    route = route_for({"cost_per_month": "50.00"}, [small, large])
    assert isinstance(route, Route)
    assert route.stages == (APPROVER,)
    assert [policy.name for policy in route.policies] == ["Large"]


def route_for_matched(one: Rule) -> tuple[Any, ...]:
    allowed = route_for({"cost_per_month": "0"}, [one])
    assert isinstance(allowed, Allowed)
    return allowed.policies


def test_the_rule_that_allowed_is_named_with_its_version() -> None:
    allowed = route_for({}, [rule("Anything goes")])
    assert isinstance(allowed, Allowed)
    assert allowed.rule == "Anything goes, version 1"


def test_where_no_policy_speaks_an_approver_of_the_scope_is_asked() -> None:
    assert route_for({}, []) == HOUSE_RULE
    assert route_for({"a": 1}, [rule("Other", Condition("a", "eq", 2), stages=(FINANCE,))]) == HOUSE_RULE


def test_the_nearest_scope_is_asked_first_and_nobody_twice() -> None:
    top = rule("Top", stages=(APPROVER, FINANCE), depth=0)
    near = rule("Near", stages=(APPROVER,), depth=2)
    route = route_for({}, [top, near])
    assert isinstance(route, Route)
    assert [(stage.who.role, stage.position) for stage in route.stages] == [("approver", 0), ("finance", 1)]
    assert [policy.name for policy in route.policies] == ["Near", "Top"]


def test_stages_side_by_side_stay_side_by_side() -> None:
    both = (APPROVER, FINANCE)
    route = route_for({}, [rule("First", stages=(StagePlan(Who("owner")),), depth=3), rule("Both", stages=both)])
    assert isinstance(route, Route)
    assert [stage.position for stage in route.stages] == [0, 1, 1]


@pytest.mark.parametrize(
    ("operator", "fact", "value", "answer"),
    [
        ("eq", "produce", "produce", True),
        ("eq", "1", 1, None),
        ("eq", True, 1, None),
        ("ne", "try", "produce", True),
        ("ne", ["try"], "produce", None),
        ("in", "a", ["a", "b"], True),
        ("in", 1, ["a"], None),
        ("not_in", "c", ["a", "b"], True),
        ("not_in", ["a"], ["a", "b"], None),
        ("has", ["create", "resize"], "resize", True),
        ("has", "resize", "resize", None),
        ("ge", "100", "99.99", True),
        ("lt", 9, "10", True),
        ("lt", "nine", "10", None),
        ("lt", 9.5, "10", None),
        ("gt", "NaN", "10", None),
        ("le", None, "10", None),
    ],
)
def test_an_operator_answers_yes_no_or_cannot_tell(operator: str, fact: Any, value: Any, answer: bool | None) -> None:
    assert holds(Condition("fact", operator, value), {"fact": fact}) is answer


@pytest.mark.parametrize(
    "data",
    [
        "cost > 3",
        [{"field": "cost", "operator": "regex", "value": ".*"}],
        [{"field": "cost", "operator": "lt", "value": "many"}],
        [{"field": "cost", "operator": "in", "value": "ab"}],
        [{"field": "cost", "operator": "lt"}],
        [{"field": "", "operator": "eq", "value": 1}],
        [{"field": "cost", "operator": "eq", "value": 1, "code": "import os"}],
    ],
)
def test_a_condition_is_data_and_nothing_else(data: Any) -> None:
    with pytest.raises(ValueError):
        read_conditions(data)


@pytest.mark.parametrize(
    "stage",
    [
        {"who": {"pick": "anyone"}},
        {"who": {"pick": "role"}},
        {"who": {"pick": "named", "people": "bob"}},
        {"who": {"pick": "named", "people": ["bob"]}},
        {"who": {"pick": "group", "group": "people"}},
        {"who": {"pick": "role", "role": "approver", "at": "moon"}},
        {"who": {"pick": "owner"}, "mode": "most"},
        {"who": {"pick": "owner"}, "needed": 0},
        {"who": {"pick": "owner"}, "needed": True},
        {"who": {"pick": "owner"}, "on_timeout": "ignore"},
        {"who": {"pick": "owner"}, "mode": "each"},
        {"who": {"pick": "groups", "groups": [str(UUID(int=1))]}, "mode": "any"},
        {"who": {"pick": "groups", "groups": ["admins"]}, "mode": "each"},
        {"who": {"pick": "groups"}, "mode": "each"},
        {"who": {"pick": "owner"}, "evidence": "yes"},
        {"who": {"pick": "owner"}, "surprise": 1},
        "bob",
    ],
)
def test_a_stage_with_a_wrong_shape_is_refused(stage: Any) -> None:
    with pytest.raises(ValueError):
        read_stages([stage])


def test_a_stage_survives_its_way_through_json() -> None:
    people = (str(UUID(int=1)), str(UUID(int=2)))
    stage = StagePlan(Who("named", people=people), mode="quorum", needed=2, again=True, position=3)
    assert read_stages([stage_data(stage)]) == (stage,)


fields = st.sampled_from(["cost", "action", "class"])
values = st.one_of(st.integers(0, 3), st.sampled_from(["a", "b", "2", "2.5"]), st.booleans())
conditions = st.one_of(
    st.builds(Condition, fields, st.sampled_from(["eq", "ne", "has"]), values),
    st.builds(Condition, fields, st.sampled_from(["lt", "le", "gt", "ge"]), st.integers(0, 3)),
    st.builds(Condition, fields, st.sampled_from(["in", "not_in"]), st.lists(values, min_size=1, max_size=3)),
)
stages = st.builds(
    StagePlan,
    st.builds(Who, st.just("role"), st.sampled_from(["approver", "finance", "operator"])),
    position=st.integers(0, 2),
)
rules = st.lists(
    st.builds(
        Rule,
        id=st.uuids().map(str),
        name=st.sampled_from(["A", "B", "C"]),
        version=st.integers(1, 3),
        depth=st.integers(0, 3),
        conditions=st.lists(conditions, max_size=3).map(tuple),
        stages=st.lists(stages, max_size=3).map(tuple),
    ),
    max_size=4,
    unique_by=lambda rule: rule.id,
)
facts = st.dictionaries(fields, st.one_of(values, st.lists(values, max_size=2)), max_size=3)


@given(facts, rules)
def test_anyone_who_asks_is_asked_and_only_silence_or_consent_allows(given_facts: dict[str, Any], given: list[Rule]) -> None:
    """The oracle: look at every rule alone, with nothing of the code under test but its operators."""

    def met(condition: Condition, asks: bool) -> bool:
        if condition.field not in given_facts:
            return asks
        try:
            return OPERATORS[condition.operator](given_facts[condition.field], condition.value)
        except Exception:
            return asks

    live = [one for one in given if all(met(condition, bool(one.stages)) for condition in one.conditions)]
    wanted = {stage.who for one in live for stage in one.stages}
    answer = route_for(given_facts, given)
    if wanted:
        assert isinstance(answer, Route)
        assert {stage.who for stage in answer.stages} == wanted
        assert [stage.position for stage in answer.stages] == sorted(stage.position for stage in answer.stages)
        assert {policy.id for policy in answer.policies} == {one.id for one in live if one.stages}
    elif live:
        assert isinstance(answer, Allowed)
        assert {policy.id for policy in answer.policies} == {one.id for one in live}
    else:
        assert answer == HOUSE_RULE


@given(facts, rules)
def test_the_order_of_policies_never_matters(given_facts: dict[str, Any], given: list[Rule]) -> None:
    assert len({repr(route_for(given_facts, order)) for order in permutations(given)}) == 1


@given(facts, rules, fields)
def test_forgetting_a_fact_never_loosens(given_facts: dict[str, Any], given: list[Rule], gone: str) -> None:
    less = {name: value for name, value in given_facts.items() if name != gone}
    if isinstance(route_for(given_facts, given), Route):
        assert isinstance(route_for(less, given), Route)


@given(facts, rules, rules)
def test_more_policies_that_ask_never_loosen(given_facts: dict[str, Any], given: list[Rule], more: list[Rule]) -> None:
    before = route_for(given_facts, given)
    after = route_for(given_facts, given + [one for one in more if one.stages])
    if isinstance(before, Route) and before is not HOUSE_RULE:
        assert isinstance(after, Route)
        assert {stage.who for stage in before.stages} <= {stage.who for stage in after.stages}
