"""A policy reads as a sentence, and a list of them is put into words in a handful of queries."""

from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from portal.access.models import Group
from portal.approvals.asked import OPERATORS_OF, Sort
from portal.approvals.cards import who_text
from portal.approvals.policies.wording import COMPARED, differences, names_in, rule_text, said_by
from portal.approvals.routes import MODES, OPERATORS, PICKS, TIMEOUTS, Who, who_data


def policy(world, conditions=(), stages=(), kind="order", scope=None):
    rule = {"conditions": list(conditions), "stages": list(stages)}
    return said_by(SimpleNamespace(scope=scope or world.nordwind, subject_kind=kind, **rule))


def words(said):
    return rule_text(said, names_in([said]))


def test_a_policy_reads_as_one_sentence(world):
    cost = {"field": "cost_per_month", "operator": "ge", "value": "100"}
    stage = {"who": {"pick": "role", "role": "approver"}, "due_hours": 24, "on_timeout": "escalate"}
    assert words(policy(world, [cost], [stage])) == (
        "Order where “Cost a month” is 100 EUR or more: any Approver of the scope, within 24 working hours, then escalated"
    )


def test_a_policy_without_stages_says_that_it_allows(world):
    assert words(policy(world)) == "Order, whatever it is: allowed without a decision"


def test_places_roles_groups_and_people_are_named(world):
    group = Group.objects.create(scope=world.nordwind, name="Security")
    conditions = [
        {"field": "scopes", "operator": "has", "value": str(world.retail.pk)},
        {"field": "requester_roles", "operator": "has", "value": "member"},
        {"field": "environment", "operator": "in", "value": ["produce", "try"]},
        {"field": "actions", "operator": "has", "value": "terminate"},
    ]
    stages = [
        {"who": {"pick": "group", "group": str(group.pk)}, "mode": "all", "justification": True},
        {"who": {"pick": "named", "people": [str(world.bob.pk), str(world.carol.pk)]}, "mode": "quorum", "needed": 2},
        {"who": {"pick": "owner", "at": "tenant"}, "position": 1, "evidence": True, "again": True},
    ]
    said = words(policy(world, conditions, stages))
    for part in ("in or below Retail", "includes Member", "is Produce or Try", "includes End", "every member of Security"):
        assert part in said
    assert "2 of Bob Test, Carol Test" in said
    assert "; side by side with " in said
    assert "; then the owner of its tenant" in said


def test_what_is_gone_is_said_to_be_gone(world):
    nobody = "00000000-0000-0000-0000-000000000000"
    condition = {"field": "scopes", "operator": "has", "value": nobody}
    stages = [{"who": {"pick": "group", "group": nobody}}, {"who": {"pick": "named", "people": [nobody]}}]
    said = words(policy(world, [condition], stages))
    assert said.count("gone") == 3
    assert words(policy(world, [{"field": "moon", "operator": "eq", "value": "full"}], kind="nothing-more"))


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_every_operator_has_words(operator):
    assert "%(value)s" in COMPARED[operator]()
    assert any(operator in operators for operators in OPERATORS_OF.values())
    assert set(OPERATORS_OF) == set(Sort)


@pytest.mark.parametrize("pick", PICKS)
@pytest.mark.parametrize("mode", MODES)
def test_every_stage_has_words(world, pick, mode):
    if (mode == "each") != (pick == "groups"):
        return
    group = Group.objects.create(scope=world.nordwind, name="Security")
    who = {"role": "approver", "group": str(group.pk), "people": [str(world.bob.pk)], "groups": [str(group.pk)]}
    for on_timeout in TIMEOUTS:
        said = words(policy(world, stages=[{"who": {"pick": pick, **who}, "mode": mode, "on_timeout": on_timeout}]))
        assert "%" not in said
        with translation.override("zh-hans"):
            assert "%" not in words(policy(world, stages=[{"who": {"pick": pick, **who}, "mode": mode}]))


def test_what_differs_is_said_part_by_part(world):
    before = policy(world, stages=[{"who": {"pick": "admins"}}])
    after = policy(world, stages=[])
    [(part, was, becomes)] = differences(before, after, names_in([before, after]))
    assert (part, becomes) == ("Who decides", "allowed without a decision")
    assert was.startswith("any admin of the scope")
    assert len(differences(None, after, names_in([after]))) == 2
    assert not differences(before, before, names_in([before]))


def test_many_are_named_in_one_query(world):
    group = Group.objects.create(scope=world.nordwind, name="Security")
    stages = [{"who": {"pick": "group", "group": str(group.pk)}}, {"who": {"pick": "named", "people": [str(world.bob.pk)]}}]
    condition = {"field": "scopes", "operator": "has", "value": str(world.retail.pk)}
    rules = [policy(world, [condition], stages) for _ in range(50)]
    with CaptureQueriesContext(connection) as queries:
        names = names_in(rules)
        assert len({rule_text(rule, names) for rule in rules}) == 1
    assert len(queries) == 1


@pytest.mark.parametrize("pick", PICKS)
def test_whoever_a_policy_can_pick_has_words_in_the_rule_and_on_the_card(world, pick):
    group = Group.objects.create(scope=world.nordwind, name="Security")
    who = Who(
        pick, role="approver", group=str(group.pk), groups=(str(group.pk),), people=(str(world.bob.pk),), at="organization"
    )
    stages = [{"who": who_data(who), "mode": "each" if pick == "groups" else "any"}]
    named = {"group": "Security", "groups": "Security", "named": "Bob Test"}.get(pick)
    assert (named or "of its organization" if pick != "voters" else "in its organization") in words(policy(world, [], stages))
    assert (named or "Nordwind") in who_text(who, world.nordwind)
