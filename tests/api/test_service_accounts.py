"""Service accounts through the API: made, given over, ended, and their tokens."""

from datetime import timedelta

import pytest

from portal.access.models import Token
from portal.core import clock
from portal.identity.models import ServiceAccount
from tests.api.conftest import Caller
from tests.identity.test_accounts import key, made

HERE = "service-accounts/"
SOON = timedelta(days=5)


@pytest.fixture
def account(world):
    return made(world)


def soon():
    return (clock.now() + SOON).isoformat()


def test_one_is_made_once_for_one_key_and_read(caller, world):
    erin, body = caller("erin"), {"scope": str(world.web.pk), "name": "ci", "owner": "alice", "purpose": "Deploys"}
    first = erin.post(HERE, body, Idempotency_Key="k")
    again = erin.post(HERE, body, Idempotency_Key="k")
    assert (first.status_code, again.json()) == (201, first.json())
    assert ServiceAccount.objects.count() == 1
    read = caller("alice").get(first["Location"].removeprefix("/api/")).json()
    assert {name: read[name] for name in ("name", "purpose", "state", "tokens", "owner_belongs", "unused")} == {
        "name": "ci",
        "purpose": "Deploys",
        "state": "active",
        "tokens": 0,
        "owner_belongs": True,
        "unused": False,
    }


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({"owner": "mallory"}, 400), ({"owner": "nobody"}, 404), ({"name": " "}, 400), ({"colour": "red"}, 400)],
)
def test_what_does_not_fit_makes_none(caller, world, wrong, status):
    body = {"scope": str(world.web.pk), "name": "ci", "owner": "alice", **wrong}
    assert caller("erin").post(HERE, body).status_code == status
    assert not ServiceAccount.objects.exists()


def test_a_token_opens_as_the_account_and_a_replay_does_not_show_it(caller, world, account):
    body = {"name": "ci", "expires": soon()}
    first = caller("alice").post(f"{HERE}{account.pk}/tokens/", body, Idempotency_Key="k").json()
    assert Caller(first["token"]).get("me/").json()["owner"]["id"] == str(world.alice.pk)
    again = caller("alice").post(f"{HERE}{account.pk}/tokens/", body)
    assert again.status_code == 201
    [one, other] = caller("alice").get(f"{HERE}{account.pk}/tokens/").json()["results"]
    assert {one["id"], other["id"]} == {first["id"], again.json()["id"]}
    assert "token" not in one
    assert other["used_from"] == "127.0.0.1"


def test_a_token_is_rotated_with_overlap_once_for_one_key(caller, account, world):
    token, plain = key(world, account)
    alice, path = caller("alice"), f"tokens/{token.pk}/rotate/"
    newer = alice.post(path, {"overlap": 1}, Idempotency_Key="k")
    assert newer.status_code == 201
    replay = alice.post(path, {"overlap": 1}, Idempotency_Key="k")
    assert (replay["Idempotent-Replayed"], replay.json()["token"]) == ("true", None)
    assert alice.post(path, {"overlap": 1}).status_code == 409
    assert Caller(plain).get("me/").status_code == 200
    with clock.travel(clock.now() + timedelta(minutes=61)):
        assert Caller(plain).get("me/").status_code == 401
        assert Caller(newer.json()["token"]).get("me/").status_code == 200


def test_who_manages_it_revokes_but_neither_makes_nor_rotates(caller, account, world):
    token, plain = key(world, account)
    erin = caller("erin")
    assert erin.post(f"{HERE}{account.pk}/tokens/", {"name": "x", "expires": soon()}).status_code == 404
    assert erin.post(f"tokens/{token.pk}/rotate/", {"overlap": 1}).status_code == 404
    assert caller("bob").send("DELETE", f"tokens/{token.pk}/").status_code == 404
    assert erin.send("DELETE", f"tokens/{token.pk}/").status_code == 204
    assert Caller(plain).get("me/").status_code == 401


def test_an_overlap_that_is_not_offered_changes_nothing(caller, account, world):
    token, _plain = key(world, account)
    assert caller("alice").post(f"tokens/{token.pk}/rotate/", {"overlap": 5}).status_code == 400
    assert caller("alice").post(f"{HERE}{account.pk}/give-over/", {"owner": "carol", "overlap": 5}).status_code == 400
    assert Token.objects.get(user=account.user).replaced_by is None


def test_it_is_given_over_disabled_and_ended(caller, account, world):
    alice, erin, path = caller("alice"), caller("erin"), f"{HERE}{account.pk}/"
    assert alice.post(f"{path}give-over/", {"owner": "erin"}).status_code == 204
    assert alice.get(path).status_code == 404
    assert erin.get(path).json()["owner"]["id"] == str(world.erin.pk)
    assert erin.post(f"{path}disable/").json()["state"] == "disabled"
    assert erin.post(f"{path}enable/").json()["state"] == "active"
    assert erin.send("DELETE", path).status_code == 204
    assert erin.get(path).status_code == 404


def test_its_own_token_makes_none_for_others_and_ends_with_the_one_it_was_made_by(caller, account, world):
    robot = Caller(key(world, account)[1])
    assert robot.post("tokens/", {"name": "longer", "expires": (clock.now() + 20 * SOON).isoformat()}).status_code == 400
    other = made(world, "other")
    sent = {"name": "x", "expires": (clock.now() + timedelta(days=1)).isoformat()}
    assert robot.post(f"{HERE}{other.pk}/tokens/", sent).status_code == 404


def test_the_list_asks_little_and_is_narrowed(caller, in_few_queries, world):
    for number in range(55):
        made(world, f"robot-{number}")
    assert len(in_few_queries(caller("erin"), HERE).json()["results"]) == 50
    assert len(caller("erin").get(f"{HERE}?q=robot-54").json()["results"]) == 1
    assert caller("erin").get(f"{HERE}?colour=red").status_code == 400
    assert caller("bob").get(HERE).json()["results"] == []
