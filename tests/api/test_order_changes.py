"""Orders that wait, by the API: changed, sent again, for another, and put aside as a draft."""

import pytest

from portal.approvals.models import Approval
from portal.approvals.services import vote
from portal.events.models import Event
from portal.orders.models import Order, OrderDraft
from portal.tenancy.rules import classify_scope, set_rule


@pytest.fixture
def wish(market):
    item = {"plan": str(market.server.pk), "connection": str(market.aws.pk)}
    item["answers"] = {"name": "web-1", "region": "eu-west-1", "image": market.image, "disk_gib": 20}
    return {"project": str(market.world.web.pk), "items": [item], "note": "for the shop"}


def bigger(wish, size):
    [item] = wish["items"]
    return {"items": [{**item, "answers": {**item["answers"], "disk_gib": size}}], "note": wish["note"]}


def test_an_order_is_changed_and_its_changes_are_read(caller, wish):
    alice = caller("alice")
    made = alice.post("orders/", wish, Idempotency_Key="k1").json()
    said = alice.post(f"orders/{made['id']}/amend/", {**bigger(wish, 40), "said": "pictures"})
    assert (said.status_code, said.json()["items"][0]["spec"]["disk_gib"]) == (200, 40)
    [change] = caller("bob").get(f"orders/{made['id']}/revisions/").json()
    assert (change["number"], change["said"], change["made_by"]["name"]) == (2, "pictures", "Alice Test")
    assert [change[side]["items"][0]["spec"]["disk_gib"] for side in ("before", "after")] == [20, 40]


def test_what_is_wrong_with_a_change_is_named(caller, wish):
    alice = caller("alice")
    made = alice.post("orders/", wish, Idempotency_Key="k1").json()
    said = alice.post(f"orders/{made['id']}/amend/", bigger(wish, 9000))
    assert (said.status_code, list(said.json()["errors"])) == (400, ["disk_gib"])
    assert alice.post(f"orders/{made['id']}/amend/", {"items": []}).status_code == 400
    assert caller("bob").post(f"orders/{made['id']}/amend/", bigger(wish, 40)).status_code == 403
    assert caller("mallory").post(f"orders/{made['id']}/amend/", bigger(wish, 40)).status_code == 404
    assert Order.objects.get().items.get().spec["disk_gib"] == 20


def test_what_came_back_is_listed_and_sent_again(caller, wish, world):
    alice = caller("alice")
    made = alice.post("orders/", wish, Idempotency_Key="k1").json()
    assert alice.post(f"orders/{made['id']}/resubmit/", {}).status_code == 409
    approval = Approval.objects.get()
    vote(approval, "return", approval.card_hash, actor=world.actor("bob"), note="Which shop?")
    assert [row["id"] for row in alice.get("orders/?state=returned").json()["results"]] == [made["id"]]
    assert alice.get("orders/?state=waiting").json()["results"] == []
    assert alice.get(f"orders/{made['id']}/").json()["approval"]["state"] == "returned"
    said = alice.post(f"orders/{made['id']}/resubmit/", {"said": "The one in Bremen"})
    assert (said.status_code, said.json()["approval"]["state"]) == (200, "waiting")
    assert Event.objects.get(action="orders.resubmit").reason == "The one in Bremen"


def test_whose_an_order_is_narrows_the_list(caller, wish, world):
    alice, bob = caller("alice"), caller("bob")
    hers = alice.post("orders/", wish, Idempotency_Key="k1").json()
    item = {**wish["items"][0], "answers": {**wish["items"][0]["answers"], "name": "web-2"}}
    given = {**wish, "items": [item], "beneficiary": str(world.erin.pk)}
    other = alice.post("orders/", given, Idempotency_Key="k2").json()
    assert [row["id"] for row in alice.get("orders/?whose=me").json()["results"]] == [hers["id"]]
    assert {row["id"] for row in alice.get("orders/?whose=asked").json()["results"]} == {hers["id"], other["id"]}
    assert [row["id"] for row in caller("erin").get("orders/?whose=me").json()["results"]] == [other["id"]]
    assert bob.get("orders/?whose=me").json()["results"] == []
    assert alice.get("orders/?whose=nobody").status_code == 400


def test_a_draft_is_kept_as_it_is_and_is_nobody_elses(caller, market):
    alice = caller("alice")
    offering = str(market.server.version.offering_id)
    sent = {"offering": offering, "project": "no project", "answers": {"disk_gib": "many"}}
    made = alice.post("order-drafts/", sent).json()
    assert (made["project"], made["answers"]) == ("no project", {"disk_gib": "many"})
    changed = alice.send("PUT", f"order-drafts/{made['id']}/", {"note": "later"}).json()
    assert (changed["note"], changed["answers"]) == ("later", {})
    assert len(alice.get("order-drafts/").json()["results"]) == 1
    for name in ("bob", "erin", "mallory"):
        assert caller(name).get("order-drafts/").json()["results"] == []
        assert caller(name).get(f"order-drafts/{made['id']}/").status_code == 404
    assert alice.send("DELETE", f"order-drafts/{made['id']}/").status_code == 204
    assert not OrderDraft.objects.exists()


def test_an_order_against_a_rule_says_which(caller, wish, world):
    erin = world.actor("erin")
    classify_scope(world.web, environment="", data_class="restricted", actor=erin)
    set_rule(world.nordwind, data_class="restricted", regions=["eu-central-1"], encrypted=False, actor=erin)
    words = "Nordwind keeps restricted data in eu-central-1 only."
    answer = caller("alice").post("orders/", wish, Idempotency_Key="k1")
    assert (answer.status_code, answer.json()["errors"]) == (400, {"region": [words]})
    dry = caller("alice").post("orders/?dry_run=true", wish).json()
    assert (dry["is_orderable"], dry["items"][0]["problem"]["errors"]) == (False, {"region": [words]})
    [rule] = caller("alice").get(f"scopes/{world.web.pk}/rules/").json()
    assert (rule["words"], rule["scope"]["name"]) == (words, "Nordwind")
