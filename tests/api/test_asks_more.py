"""A refusal over a quota or a budget says the call that asks for what is missing."""

from decimal import Decimal

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
