"""What a token may do: no more than its limits, not after its end, and never around the separation of duties."""

from datetime import timedelta

import pytest

from portal.access.models import Token
from portal.approvals.models import Approval
from portal.core import clock
from portal.identity import service_accounts, services, tokens
from portal.notices.services import notify
from portal.orders.models import Order
from tests.api.conftest import Caller
from tests.cast import give


def vote_on(who, approval):
    return who.post(f"approvals/{approval.pk}/vote/", {"choice": "approve", "card_hash": approval.card_hash})


def test_me_says_who_calls_how_and_with_which_limits(caller, world):
    said = caller("alice").get("me/").json()
    assert (said["username"], said["method"], said["narrowed_to"]) == ("alice", "token", None)
    assert "place_order" in said["permissions"]
    assert [(role["role"], role["scope"]["name"]) for role in said["roles"]] == [("member", "web")]
    said = caller("alice", permissions=["view_order"], scope=world.web).get("me/").json()
    assert said["permissions"] == ["view_order"]
    assert said["narrowed_to"] == {"permissions": ["view_order"], "scope": world.web.scope_path}


def test_a_narrowed_token_does_no_more_than_it_says(caller, market, world):
    order = market.place()
    narrowed = caller("alice", permissions=["view_order", "view_scope"])
    assert narrowed.get(f"orders/{order.pk}/").status_code == 200
    assert narrowed.post(f"orders/{order.pk}/withdraw/").status_code == 403
    assert narrowed.get("resources/").json()["results"] == []
    body = {"name": "wider", "expires": (clock.now() + timedelta(days=1)).isoformat()}
    assert narrowed.post("tokens/", body).status_code == 403
    assert Order.objects.get().state == "waiting"


def test_a_token_for_one_project_finds_nothing_in_another(caller, market, world):
    give(world.alice, "member", world.fleet)
    order = market.place()
    elsewhere = caller("alice", scope=world.fleet)
    assert elsewhere.get(f"orders/{order.pk}/").status_code == 404
    assert elsewhere.get("orders/").json()["results"] == []
    assert {row["name"] for row in elsewhere.get("scopes/").json()["results"]} == {"fleet"}


def test_a_narrowed_token_does_not_read_her_notices(caller, world):
    notify([world.alice], "role_given", target=world.web, actor=world.actor("erin"), role="Member")
    assert len(caller("alice").get("notices/").json()["results"]) == 1
    assert caller("alice", permissions=["view_cost"]).get("notices/").json()["results"] == []


def test_it_opens_nothing_once_it_ended_was_revoked_or_she_signed_out(caller, world):
    alice = caller("alice")
    with clock.travel(clock.now() + timedelta(days=8)):
        assert alice.get("me/").status_code == 401
    assert alice.get("me/").status_code == 200
    tokens.revoke_token(Token.objects.get(), actor=world.actor("alice"))
    assert alice.get("me/").status_code == 401
    other = caller("alice")
    services.sign_out_everywhere(actor=world.actor("alice"))
    assert other.get("me/").status_code == 401


def test_a_role_that_ended_ends_at_the_next_request(caller, world):
    give(world.bob, "member", world.web, expires=clock.now() + timedelta(hours=1))
    bob = caller("bob")
    assert "place_order" in bob.get("me/").json()["permissions"]
    with clock.travel(clock.now() + timedelta(hours=2)):
        assert "place_order" not in bob.get("me/").json()["permissions"]


def test_she_makes_lists_and_revokes_her_tokens(caller):
    alice = caller("alice")
    body = {"name": "ci", "expires": (clock.now() + timedelta(days=3)).isoformat(), "permissions": ["view_order"]}
    answer = alice.post("tokens/", body)
    assert answer.status_code == 201
    made = Caller(answer.json()["token"])
    assert made.get("me/").json()["permissions"] == ["view_order"]
    assert answer.json()["token"] not in alice.get("tokens/").content.decode()
    assert alice.send("DELETE", f"tokens/{answer.json()['id']}/").status_code == 204
    assert made.get("me/").status_code == 401
    assert alice.send("DELETE", f"tokens/{answer.json()['id']}/").status_code == 404


def test_nobody_touches_the_tokens_of_another(caller):
    caller("alice")
    token = Token.objects.get()
    for name in ("bob", "erin", "mallory"):
        assert caller(name).send("DELETE", f"tokens/{token.pk}/").status_code == 404
        assert caller(name).get(f"tokens/{token.pk}/").status_code == 404


def test_she_cannot_approve_her_own_order_whatever_role_she_has(caller, market, world):
    give(world.alice, "approver", world.retail)
    approval = Approval.objects.get(subject_id=str(market.place().pk))
    answer = vote_on(caller("alice"), approval)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert Order.objects.get().state == "waiting"


def test_nor_by_a_service_account_of_hers(caller, market, world):
    give(world.alice, "tenant_admin", world.retail)
    robot = service_accounts.create_service_account(world.retail, "robot", actor=world.actor("alice")).user
    give(robot, "approver", world.retail)
    approval = Approval.objects.get(subject_id=str(market.place().pk))
    acting = caller("alice", user=robot)
    assert acting.get("me/").json()["owner"]["id"] == str(world.alice.pk)
    assert acting.get("approvals/inbox/").json()["results"] == []
    assert vote_on(acting, approval).status_code == 403
    assert Order.objects.get().state == "waiting"


def test_nor_what_her_service_account_asked_for(caller, market, world):
    give(world.alice, "tenant_admin", world.retail)
    give(world.alice, "approver", world.retail)
    robot = service_accounts.create_service_account(world.retail, "robot", actor=world.actor("alice")).user
    give(robot, "member", world.web)
    answers = {"name": "web-1", "region": "eu-west-1", "image": market.image}
    item = {"plan": str(market.server.pk), "connection": str(market.aws.pk), "answers": answers}
    body = {"project": str(world.web.pk), "items": [item]}
    made = caller("alice", user=robot).post("orders/", body, Idempotency_Key="k").json()
    approval = Approval.objects.get(subject_id=made["id"])
    assert vote_on(caller("alice"), approval).status_code == 403
    assert vote_on(caller("bob"), approval).status_code == 200


def test_who_calls_too_often_is_told_to_wait(caller, monkeypatch):
    from rest_framework.throttling import UserRateThrottle

    monkeypatch.setattr(UserRateThrottle, "rate", "2/min", raising=False)
    alice = caller("alice")
    answers = [alice.get("me/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2]["Retry-After"]) > 0
    with pytest.raises(KeyError):
        answers[0]["Retry-After"]
