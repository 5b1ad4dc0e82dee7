"""A refusal over a quota or a budget says the call that asks for what is missing."""

from datetime import timedelta
from decimal import Decimal

from portal.access.models import Role
from portal.approvals.models import Approval
from portal.approvals.services import publish_policy
from portal.core import clock
from portal.metering.services import set_budget
from portal.tenancy.services import set_quota


def test_the_api_says_how_to_ask_in_the_refusal(market, caller):
    world, alice = market.world, caller("alice")
    set_quota(world.retail, "servers", 0, actor=world.actor("erin"))
    answer_of = {"name": "web-9", "region": "eu-west-1", "image": market.image}
    item = {"plan": str(market.server.pk), "connection": str(market.aws.pk), "answers": answer_of}
    refused = alice.post("orders/", {"project": str(world.web.pk), "items": [item]}, Idempotency_Key="one")
    ask = refused.json()["ask"]
    assert (refused.status_code, ask["method"], ask["href"]) == (422, "POST", "/api/quota-asks/")
    made = alice.post(ask["href"].removeprefix("/api/"), {**ask["body"], "reason": "To sell."})
    assert (made.status_code, made.json()["state"], made.json()["amount"]) == (201, "waiting", 1)
    set_budget(world.retail, Decimal(10), actor=world.actor("carol"))
    set_quota(world.retail, "servers", 9, actor=world.actor("erin"))
    ask = alice.post("orders/", {"project": str(world.web.pk), "items": [item]}, Idempotency_Key="two").json()["ask"]
    assert ask["href"] == "/api/budget-asks/"
    made = alice.post(ask["href"].removeprefix("/api/"), {**ask["body"], "reason": "To sell."})
    assert (made.status_code, made.json()["amount"]["amount"][:4]) == (201, "6.79")


def test_a_role_that_a_policy_asks_about_waits_and_the_answer_names_the_decision(world, caller):
    rule = {"subject_kind": "role", "conditions": [], "stages": [{"who": {"pick": "role", "role": "approver"}}]}
    publish_policy(world.nordwind, "Roles", actor=world.actor("erin"), **rule)
    viewer = Role.objects.get(key="viewer", scope=None)
    body = {"person": "dave", "role": str(viewer.pk), "expires": (clock.now() + timedelta(days=7)).isoformat()}
    answer = caller("erin").post(f"scopes/{world.retail.pk}/roles/", body)
    waiting = Approval.objects.get(subject_kind="role")
    assert (answer.status_code, answer.json()) == (202, {"state": "waiting", "approval": str(waiting.pk)})
    assert not world.dave.assignments.filter(scope=world.retail).exists()


def test_an_operation_that_a_policy_asks_about_waits_and_the_answer_names_the_decision(market, caller):
    server = market.active()
    alice = caller("alice")
    free = alice.post(f"resources/{server.pk}/operate/", {"verb": "restart"})
    assert (free.status_code, free.json()["approval"]) == (202, None)
    market.work()
    rule = {"subject_kind": "operation", "conditions": [], "stages": [{"who": {"pick": "role", "role": "approver"}}]}
    publish_policy(market.world.nordwind, "Stops", actor=market.world.actor("erin"), **rule)
    answer = alice.post(f"resources/{server.pk}/operate/", {"verb": "stop"})
    waiting = Approval.objects.get(subject_kind="operation")
    assert (answer.status_code, answer.json()["approval"]) == (202, str(waiting.pk))
    assert answer.json()["desired"] == "running"
