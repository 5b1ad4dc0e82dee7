"""The list of policies, one with its history, the editor by its buttons, what is proposed and how it is settled."""

from datetime import timedelta

import pytest

from portal.access.models import Group
from portal.approvals import services
from portal.approvals.models import Policy, PolicyChange
from portal.approvals.queries import approval_of
from portal.core import clock
from tests.cast import give, person

APPROVER = {"who": {"pick": "role", "role": "approver"}, "due_hours": 24, "on_timeout": "escalate"}
BIG = [{"field": "cost_per_month", "operator": "ge", "value": "100"}]


@pytest.fixture
def big(world):
    return in_force(world)


def in_force(world, name="Big orders", scope=None, **given):
    rule = {"subject_kind": "order", "conditions": BIG, "stages": [APPROVER], **given}
    return services.publish_policy(scope or world.nordwind, name, actor=world.actor("erin"), **rule)


@pytest.fixture
def anna(world):
    world.people["anna"] = person("anna")
    give(world.anna, "organization_admin", world.nordwind)
    return world.anna


def rows(conditions=(), stages=()):
    """What a browser sends of the rows."""
    sent = {"c-rows": len(conditions), "s-rows": len(stages)}
    for letter, forms in (("c", conditions), ("s", stages)):
        sent |= {f"{letter}{index}-{name}": value for index, form in enumerate(forms) for name, value in form.items()}
    return sent


COST = {"field": "cost_per_month", "operator": "ge", "value": "250.50"}
ROLE = {
    "pick": "role",
    "role": "approver",
    "at": "tenant",
    "mode": "quorum",
    "needed": 2,
    "due_hours": 8,
    "on_timeout": "deny",
}


def head(world, name="Dear", **given):
    return {"name": name, "scope": world.nordwind.pk, "kind": "order", "reason": "It costs.", **given}


def test_the_list_says_each_policy_in_words(signed_in, big):
    page = signed_in("erin").get("/policies/").text
    for said in ("Big orders", "is 100 EUR or more", "any Approver of the scope, within 24 working hours, then escalated"):
        assert said in page


def test_without_a_policy_the_house_rule_is_explained(signed_in, world):
    assert "the house rule decides: an approver of the scope is asked" in signed_in("erin").get("/policies/").text


def test_the_list_is_for_who_manages_policies_and_one_policy_for_who_sees_its_scope(signed_in, world, big):
    here = in_force(world, "Here", world.web)
    alice = signed_in("alice")
    assert [alice.get(path).status_code for path in ("/policies/", f"/policies/{big.pk}/", "/policies/new/")] == [404] * 3
    page = alice.get(f"/policies/{here.pk}/")
    assert page.status_code == 200
    assert "Propose to retire it" not in page.text
    assert alice.get(f"/policies/{here.pk}/change/").status_code == 403
    assert alice.post(f"/policies/{here.pk}/retire/").status_code == 403


def test_another_organization_sees_none_of_it(signed_in, world, big, anna):
    change = proposed(world, signed_in("erin"))
    browser = signed_in("mallory")
    assert "Big orders" not in browser.get("/policies/").text
    for path in (f"/policies/{big.pk}/", f"/policies/{big.pk}/change/", f"/policies/changes/{change.pk}/"):
        assert browser.get(path).status_code == 404
    for path in (f"/policies/{big.pk}/retire/", f"/policies/changes/{change.pk}/withdraw/"):
        assert browser.post(path).status_code == 404


@pytest.mark.parametrize(
    "query", ["?place=x&kind=moon", "?place=1&name=%00", "?page=9999", "?name=none-of-them", "?retired=1"]
)
def test_the_filter_survives_nonsense(signed_in, big, query):
    assert signed_in("erin").get(f"/policies/{query}").status_code == 200


def test_the_filter_finds(signed_in, world, big):
    in_force(world, "Access", subject_kind="lease", conditions=[])
    erin = signed_in("erin")
    assert "Big orders" not in erin.get("/policies/?kind=lease").text
    assert "Access" in erin.get("/policies/?kind=lease").text
    assert "No policy fits this filter" in erin.get("/policies/?name=moon").text


def test_a_list_of_fifty_takes_few_queries(signed_in, in_few_queries, world):
    group = Group.objects.create(scope=world.nordwind, name="Security")
    stage = {"who": {"pick": "group", "group": str(group.pk)}}
    named = {"who": {"pick": "named", "people": [str(world.bob.pk)]}}
    where = [{"field": "scopes", "operator": "has", "value": str(world.retail.pk)}]
    where.append({"field": "offerings", "operator": "has", "value": "a-server"})
    for number in range(60):
        scope = (world.nordwind, world.retail, world.web)[number % 3]
        in_force(world, f"Policy {number}", scope, conditions=where, stages=[stage, named, APPROVER])
    page = in_few_queries(signed_in("erin"), "/policies/")
    assert "Security" in page.text
    assert "Bob Test" in page.text


def proposed(world, browser, **given):
    answer = browser.post("/policies/new/", {**head(world), **rows([COST], [ROLE]), "do": "propose", **given})
    assert answer.status_code == 302, answer.text
    return PolicyChange.objects.latest("created_at")


def test_what_is_typed_is_proposed_and_agreed_to_on_its_card(signed_in, world, anna):
    change = proposed(world, signed_in("erin"))
    assert change.conditions == [{"field": "cost_per_month", "operator": "ge", "value": "250.5"}]
    [stage] = change.stages
    assert (stage["who"]["at"], stage["mode"], stage["needed"], stage["on_timeout"]) == ("tenant", "quorum", 2, "deny")
    approval, browser = approval_of("policychange", change.pk), signed_in("anna")
    card = browser.get(f"/inbox/{approval.pk}/").text
    for said in ("2 people, each Approver of its tenant", "is 250.5 EUR or more", "It costs."):
        assert said in card
    browser.post(f"/inbox/{approval.pk}/", {"choice": "approve", "card_hash": approval.card_hash})
    policy = Policy.objects.get()
    page = browser.get(f"/policies/{policy.pk}/").text
    assert "Erin Test" in page
    assert "Anna Test" in page
    assert browser.get(f"/policies/changes/{change.pk}/").status_code == 200


def test_who_is_alone_sees_the_day_and_puts_it_through(signed_in, world):
    erin = signed_in("erin")
    change = proposed(world, erin)
    page = erin.get(f"/policies/changes/{change.pk}/").text
    assert "Nobody else could agree" in page
    assert erin.post(f"/policies/changes/{change.pk}/put-through/").status_code == 409
    with clock.travel(change.alone_from + timedelta(minutes=1)):
        erin = signed_in("erin")
        assert erin.post(f"/policies/changes/{change.pk}/put-through/").status_code == 302
    assert Policy.objects.get().name == "Dear"


def test_it_can_be_taken_back(signed_in, world, anna):
    erin = signed_in("erin")
    change = proposed(world, erin)
    erin.post(f"/policies/changes/{change.pk}/withdraw/")
    change.refresh_from_db()
    assert (change.state, Policy.objects.count()) == ("withdrawn", 0)
    assert erin.post(f"/policies/changes/{change.pk}/withdraw/").status_code in (302, 409)


def test_retiring_is_proposed_with_its_consequence(signed_in, world, big, anna):
    erin = signed_in("erin")
    assert "where none fits the house rule" in erin.get(f"/policies/{big.pk}/").text
    assert erin.post(f"/policies/{big.pk}/retire/", {"reason": "Old."}).status_code == 302
    assert erin.post(f"/policies/{big.pk}/retire/").status_code == 422
    big.refresh_from_db()
    assert big.state == "active"
    change = PolicyChange.objects.get()
    services.vote(approval_of("policychange", change.pk), "approve", change_hash(change), actor=world.actor("anna"))
    page = erin.get(f"/policies/{big.pk}/").text
    assert "Retired" in page
    assert "Big orders" in erin.get("/policies/?retired=1").text
    assert erin.get(f"/policies/{big.pk}/change/").status_code == 200


def change_hash(change):
    return approval_of("policychange", change.pk).card_hash


def test_rows_are_added_and_removed_and_nothing_typed_is_lost(signed_in, world):
    erin = signed_in("erin")
    sent = {**head(world, "Half"), **rows([COST, {"field": "budget"}], [ROLE, {"pick": "named", "people": "bob, carol"}])}
    page = erin.post("/policies/new/", {**sent, "past": "x", "f-cost_per_month": "42.5", "do": "add-condition"}).text
    for kept in ('value="42.5"', 'value="Half"', 'value="250.50"', 'value="bob, carol"', 'name="c2-field"', "It costs."):
        assert kept in page
    page = erin.post("/policies/new/", {**sent, "do": "remove-condition-0"}).text
    assert 'value="250.50"' not in page
    assert "Near its end" in page
    page = erin.post("/policies/new/", {**sent, "do": "remove-stage-0"}).text
    assert 'name="s1-pick"' not in page
    assert 'value="bob, carol"' in page
    assert not PolicyChange.objects.exists()


@pytest.mark.parametrize("act", ["remove-stage-99", "remove-moon-1", "add-", "", "remove-condition-x", "add-stage-1-2"])
def test_an_act_that_is_none_changes_nothing(signed_in, world, act):
    answer = signed_in("erin").post("/policies/new/", {**head(world), **rows([COST], [ROLE]), "do": act})
    assert answer.status_code == 200
    assert 'value="250.50"' in answer.text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"c0-value": "much"}, "Enter a number."),
        ({"c0-field": "moon"}, "Select a valid choice."),
        ({"c0-operator": "has"}, "Select a valid choice."),
        ({"s0-needed": ""}, "Say how many."),
        ({"s0-due_hours": "0"}, "greater than or equal to 1"),
        ({"s0-pick": "named", "s0-people": "mallory"}, "Nobody here is known by exactly this name: mallory."),
        ({"s0-role": "emperor"}, "Select a valid choice."),
        ({"kind": "policychange", "c-rows": "0", "s-rows": "0"}, "is always decided on by somebody"),
        ({"scope": "00000000-0000-0000-0000-000000000000"}, "Select a valid choice."),
        ({"c-rows": "x", "s-rows": "99999999999999999999", "name": "n" * 200}, "at most 120 characters"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(signed_in, world, given, said):
    answer = signed_in("erin").post("/policies/new/", {**head(world), **rows([COST], [ROLE]), "do": "propose", **given})
    assert answer.status_code == 422, answer.text
    assert said in answer.text
    assert not PolicyChange.objects.exists()


def test_a_version_comes_back_as_it_was_typed(signed_in, world, anna):
    group = Group.objects.create(scope=world.nordwind, name="Security")
    conditions = [
        *BIG,
        {"field": "environment", "operator": "eq", "value": "produce"},
        {"field": "data_class", "operator": "not_in", "value": ["public", "internal"]},
        {"field": "scopes", "operator": "has", "value": str(world.retail.pk)},
        {"field": "requester_roles", "operator": "has", "value": "member"},
    ]
    stages = [
        {"who": {"pick": "groups", "groups": [str(group.pk)]}, "mode": "each", "justification": True},
        {"who": {"pick": "named", "people": [str(world.bob.pk), str(world.carol.pk)]}, "mode": "all"},
        {"who": {"pick": "owner", "at": str(world.retail.pk)}, "position": 1, "evidence": True, "again": True},
    ]
    policy = in_force(world, conditions=conditions, stages=stages)
    erin = signed_in("erin")
    page = erin.get(f"/policies/{policy.pk}/change/")
    form = typed(page.context["editor"])
    same = erin.post(f"/policies/{policy.pk}/change/", {**form, "do": "propose"})
    assert "This is what is in force already." in same.text
    erin.post(f"/policies/{policy.pk}/change/", {**form, "s1-mode": "any", "do": "propose"})
    change = PolicyChange.objects.get()
    assert change.conditions == policy.conditions
    assert [stage["position"] for stage in change.stages] == [0, 0, 1]
    assert (change.stages[1]["mode"], change.replaces) == ("any", policy)
    assert {**change.stages[2], "mode": ""} == {**policy.stages[2], "mode": ""}


def typed(editor):
    """What a browser would send of the form as it is shown."""
    sent = {"c-rows": len(editor.conditions), "s-rows": len(editor.stages), "reason": "", "seen": editor.seen}
    for form in editor.sheets[1:]:
        for field in form:
            value = field.value()
            if value not in (None, "", False):
                sent[field.html_name] = "on" if value is True else value
    return sent


def test_a_version_made_from_an_old_one_is_refused_and_kept(signed_in, world, big, anna):
    erin = signed_in("erin")
    form = typed(erin.get(f"/policies/{big.pk}/change/").context["editor"])
    in_force(world, conditions=[])
    form["c0-value"] = "77"
    answer = erin.post(f"/policies/{big.pk}/change/", {**form, "do": "propose"})
    assert not PolicyChange.objects.exists()
    assert 'value="77"' in answer.text


def test_a_name_that_is_taken_is_not_replaced_unseen(signed_in, world, big):
    sent = {**head(world, "Big orders"), **rows([COST], [ROLE]), "do": "propose"}
    answer = signed_in("erin").post("/policies/new/", sent)
    assert "A policy of this name is in force there." in answer.text
    assert not PolicyChange.objects.exists()


def test_a_policy_without_stages_says_that_it_allows(signed_in, world):
    policy = in_force(world, "Free", stages=[])
    erin = signed_in("erin")
    assert "Allowed without a decision" in erin.get("/policies/").text
    assert "allowed without a decision" in erin.get(f"/policies/{policy.pk}/").text
    page = erin.post("/policies/new/", {**head(world), **rows(), "do": "redraw"}).text
    assert "No stage: what fits is allowed without a decision" in page
