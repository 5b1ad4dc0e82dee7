"""Policies through the API: read with versions, proposed, retired and tried, as the pages do it."""

import pytest

from portal.approvals import services
from portal.approvals.models import Policy, PolicyChange
from portal.approvals.queries import approval_of
from tests.cast import give, person

APPROVER = {"who": {"pick": "role", "role": "approver"}}
BIG = [{"field": "cost_per_month", "operator": "ge", "value": "100"}]


@pytest.fixture
def anna(world):
    world.people["anna"] = person("anna")
    give(world.anna, "organization_admin", world.nordwind)
    return world.anna


def rule(world, **given):
    said = {"scope": str(world.nordwind.pk), "name": "Big", "kind": "order", "conditions": BIG, "stages": [APPROVER]}
    return {**said, **given}


def test_a_policy_is_proposed_agreed_to_and_read_in_words(caller, world, anna):
    erin = caller("erin")
    answer = erin.post("policies/", rule(world, reason="It costs."), Idempotency_Key="one")
    change = answer.json()
    assert (answer.status_code, change["state"], change["alone_from"], Policy.objects.count()) == (201, "waiting", None, 0)
    assert erin.post("policies/", rule(world, reason="It costs."), Idempotency_Key="one").json() == change
    assert erin.get(answer["Location"].removeprefix("/api/")).json() == change
    approval = approval_of("policychange", change["id"])
    caller("anna").post(f"approvals/{approval.pk}/vote/", {"choice": "approve", "card_hash": approval.card_hash})
    [listed] = erin.get("policies/").json()["results"]
    found = erin.get(f"policies/{listed['id']}/").json()
    assert found["text"].startswith("Order where “Cost a month” is 100 EUR or more: any Approver of the scope")
    assert [version["version"] for version in found["versions"]] == [1]
    assert erin.get(f"policy-changes/{change['id']}/").json()["made"] == found["id"]


def test_a_retirement_is_proposed_and_withdrawn(caller, world, anna):
    policy = services.publish_policy(
        world.nordwind, "Big", subject_kind="order", conditions=BIG, stages=[APPROVER], actor=world.actor("erin")
    )
    erin = caller("erin")
    change = erin.post(f"policies/{policy.pk}/retire/", {"reason": "Old."}).json()
    assert (change["act"], change["replaces"]) == ("retire", str(policy.pk))
    assert erin.post(f"policies/{policy.pk}/retire/").status_code == 409
    assert erin.post(f"policy-changes/{change['id']}/withdraw/", {"reason": "No."}).json()["state"] == "withdrawn"
    assert Policy.objects.get().state == "active"


@pytest.mark.parametrize(
    "given",
    [
        {"conditions": [{"field": "moon", "operator": "eq", "value": "full"}]},
        {"conditions": [{"field": "cost_per_month", "operator": "ge", "value": 1.5}]},
        {"conditions": ["all"]},
        {"conditions": [{"field": "cost_per_month"}]},
        {"stages": [{"who": "me"}]},
        {"stages": [{"who": {"pick": "named", "people": []}}]},
        {"kind": "moon"},
        {"name": "n" * 121},
        {"extra": 1},
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(caller, world, given):
    for path in ("policies/", "policies/simulate/"):
        answer = caller("erin").post(path, rule(world, **given))
        assert answer.status_code in (400, 422), answer.json()
    assert not PolicyChange.objects.exists()


def test_a_rule_is_tried_on_facts(caller, world):
    erin = caller("erin")
    trial = rule(world, place=str(world.web.pk), facts={"cost_per_month": "120"})
    found = erin.post("policies/simulate/", trial).json()
    [tried] = found["tried"]
    assert (tried["id"], tried["matches"], tried["checks"][0]["holds"]) == ("draft", True, True)
    assert not found["route"]["allowed"]
    assert found["today"]["by_house_rule"]
    free = erin.post("policies/simulate/", rule(world, stages=[], place=str(world.web.pk), facts={"cost_per_month": 120}))
    assert (free.json()["route"]["allowed"], free.json()["is_otherwise"]) == (True, True)
    unknown = erin.post("policies/simulate/", rule(world, stages=[])).json()
    assert unknown["tried"][0]["checks"][0]["holds"] is None
    assert not PolicyChange.objects.exists()


def test_a_rule_is_tried_on_what_was_asked(caller, market, world):
    order = market.place(market.draft("web-1"), key="a")
    asked = approval_of("order", order.pk)
    erin = caller("erin")
    ends = rule(world, conditions=[], stages=[{"who": {"pick": "admins", "at": "organization"}}])
    found = erin.post("policies/simulate/", {**ends, "approval": str(asked.pk)}).json()
    assert (found["is_otherwise"], found["looked_at"], found["otherwise"]) == (True, 1, [str(asked.pk)])
    assert erin.post("policies/simulate/", {**ends, "approval": str(order.pk)}).status_code == 404
    assert caller("mallory").post("policies/simulate/", {**ends, "approval": str(asked.pk)}).status_code == 404
