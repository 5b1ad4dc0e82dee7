"""Cloud access through the API: asked for once for one key, its secret once, ended; for a person who is there."""

import json

import pytest
from django.test import Client

from portal.approvals.models import Approval
from portal.approvals.services import publish_policy, vote
from portal.leases.models import Lease, LeaseOffer, LeaseState, Lender
from tests.cast import PASSWORD, give
from tests.leases.cloud import Lending
from tests.leases.desk import offer


@pytest.fixture
def browser(desk):
    """Calls the API with the session of one of the cast, as the page of the docs does."""

    def sign_in(name):
        client = Client()
        client.post("/signin/", {"username": name, "password": PASSWORD})
        return client

    return sign_in


def post(client, path, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"/api/{path}", json.dumps(body or {}), content_type="application/json", headers=named)


def body(desk, **more):
    return {"offer": str(desk.offer.pk), "minutes": 60, "purpose": "A fault", **more}


def test_a_lease_from_ask_to_end(desk, browser):
    alice = browser("alice")
    [offered] = alice.get("/api/lease-offers/").json()["results"]
    assert (offered["name"], offered["longest_minutes"], offered["needs_provider"]) == ("Read the shop", 240, False)
    first = post(alice, "leases/", body(desk), Idempotency_Key="k")
    again = post(alice, "leases/", body(desk), Idempotency_Key="k")
    assert (first.status_code, first.json()["state"], again.json()) == (201, "minting", first.json())
    assert Lease.objects.count() == 1
    there = f"leases/{first.json()['id']}/"
    assert post(alice, f"{there}secret/").status_code == 409
    desk.work(Lease.objects.get())
    assert alice.get(f"/api/{there}").json()["state"] == "held"
    given = post(alice, f"{there}secret/").json()
    assert (given["env"], given["exports"]) == ({"CLOUD_KEY": "s3cret-1"}, "export CLOUD_KEY=s3cret-1")
    assert post(alice, f"{there}secret/").status_code == 404
    assert "s3cret" not in alice.get("/api/leases/").content.decode()
    assert post(alice, f"{there}end/", {"reason": "Done"}).json()["state"] == "ending"
    desk.work(Lease.objects.get())
    ended = post(alice, f"{there}end/").json()
    assert (ended["state"], ended["ended_why"], Lending.held) == ("ended", "herself", {})


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({"minutes": 1}, 400), ({"minutes": 10**9}, 400), ({"purpose": " "}, 400), ({"offer": "x"}, 400), ({"colour": 1}, 400)],
)
def test_what_does_not_fit_asks_for_nothing(desk, browser, wrong, status):
    assert post(browser("alice"), "leases/", body(desk, **wrong)).status_code == status
    assert not Lease.objects.exists()


def test_a_token_of_the_api_takes_none_and_reads_no_secret(desk, caller):
    alice = caller("alice")
    refused = alice.post("leases/", body(desk))
    assert refused.status_code == 403
    assert "signed in now" in refused.json()["detail"]
    lease = desk.held()
    assert alice.post(f"leases/{lease.pk}/secret/").status_code == 403
    assert alice.get(f"leases/{lease.pk}/").json()["state"] == "held"
    assert alice.post(f"leases/{lease.pk}/end/").json()["state"] == "ending"


def test_what_was_approved_is_taken(desk, browser):
    stages = [{"who": {"pick": "role", "role": "approver"}}]
    erin = desk.world.actor("erin")
    publish_policy(desk.world.retail, "Leases", subject_kind="lease", conditions=[], stages=stages, actor=erin)
    alice = browser("alice")
    asked = post(alice, "leases/", body(desk)).json()
    assert asked["state"] == "waiting"
    assert post(alice, f"leases/{asked['id']}/take/").status_code == 409
    approval = Approval.objects.get(pk=asked["approval"])
    vote(approval, "approve", approval.card_hash, actor=desk.world.actor("bob"))
    assert post(alice, f"leases/{asked['id']}/take/").json()["state"] == "minting"
    assert desk.work(Lease.objects.get()).state == LeaseState.HELD


def test_a_cloud_that_wants_the_provider_says_so_to_a_local_account(desk, browser):
    Lender.objects.update(audience="keystone")
    refused = post(browser("alice"), "leases/", body(desk))
    assert refused.status_code == 422
    assert "local account" in refused.json()["detail"]


def test_another_member_neither_sees_nor_ends_it(desk, browser):
    give(desk.world.bob, "member", desk.world.web)
    lease, bob = desk.held(), browser("bob")
    assert bob.get("/api/leases/").json()["results"] == []
    for act in ("take", "secret", "end"):
        assert post(bob, f"leases/{lease.pk}/{act}/").status_code == 404


def test_an_operator_offers_sees_ends_and_withdraws(desk, browser):
    lease, dave = desk.held(), browser("dave")
    here = f"connections/{desk.cloud.pk}/"
    new = {"scope": str(desk.world.web.pk), "name": "Write", "target": "reader", "longest_minutes": 90}
    made = post(dave, f"{here}lease-offers/", {**new, "options": {"access": "write"}}, Idempotency_Key="o")
    assert (made.status_code, made.json()["options"]) == (201, {"access": "write"})
    assert post(dave, f"{here}lease-offers/", {**new, "name": "B", "target": "open"}).status_code == 422
    assert post(dave, f"{here}lease-offers/", {**new, "name": "B", "options": {"access": "x"}}).status_code == 400
    assert len(dave.get(f"/api/{here}lease-offers/").json()["results"]) == 2
    assert [row["id"] for row in dave.get(f"/api/{here}leases/").json()["results"]] == [str(lease.pk)]
    assert post(dave, f"leases/{lease.pk}/secret/").status_code == 404
    assert post(dave, f"leases/{lease.pk}/end/").json()["ended_why"] == "operator"
    for _twice in range(2):
        assert dave.delete(f"/api/lease-offers/{made.json()['id']}/").status_code == 204
    assert LeaseOffer.objects.get(name="Write").withdrawn_at


def test_the_lists_take_few_queries(desk, caller, in_few_queries):
    for number in range(60):
        offer(desk.world, desk.cloud, f"Offer {number}")
    for number in range(20):
        desk.ask(key=str(number))
    alice, dave = caller("alice"), caller("dave")
    for who, path in ((alice, "leases/"), (alice, "lease-offers/"), (dave, f"connections/{desk.cloud.pk}/leases/")):
        assert in_few_queries(who, path).status_code == 200
    assert len(in_few_queries(dave, f"connections/{desk.cloud.pk}/lease-offers/").json()["results"]) == 50
