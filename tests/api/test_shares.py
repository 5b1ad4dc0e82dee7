"""Shares and owners through the API."""

from datetime import timedelta

import pytest

from portal.access.models import ScopeShare
from portal.approvals.models import Approval
from portal.approvals.services import publish_policy
from portal.core import clock


@pytest.fixture
def sent():
    return {"person": "mallory", "permission": "view_scope", "expires": (clock.now() + timedelta(days=3)).isoformat()}


def test_a_scope_is_shared_listed_and_the_share_ended(caller, world, sent):
    erin, path = caller("erin"), f"scopes/{world.web.pk}/shares/"
    answer = erin.send("post", path, sent)
    assert answer.status_code == 201
    at = answer.json()["id"]
    assert answer["Location"].endswith(f"/{path}{at}/")
    [row] = erin.get(path).json()["results"]
    assert (row["person"]["name"], row["permission"]) == ("Mallory Test", "view_scope")
    assert caller("mallory").get(f"scopes/{world.web.pk}/").status_code == 200
    assert caller("mallory").get(path).status_code == 403
    assert erin.send("delete", f"{path}{at}/", {}).status_code == 204
    assert erin.send("delete", f"{path}{at}/", {}).status_code == 404
    assert caller("mallory").get(f"scopes/{world.web.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"permission": "manage_members"}, 400),
        ({"permission": "view_secret"}, 403),
        ({"expires": "2020-01-01T00:00:00Z"}, 400),
        ({"person": "nobody"}, 404),
        ({"person": "erin"}, 403),
        ({"note": "x"}, 400),
    ],
)
def test_what_cannot_be_shared_is_refused(caller, world, sent, changed, status):
    assert caller("erin").send("post", f"scopes/{world.web.pk}/shares/", {**sent, **changed}).status_code == status
    assert not ScopeShare.objects.exists()


def test_a_share_of_one_thing_is_not_ended_at_another(caller, world, sent):
    at = caller("erin").send("post", f"scopes/{world.web.pk}/shares/", sent).json()["id"]
    assert caller("erin").send("delete", f"scopes/{world.fleet.pk}/shares/{at}/", {}).status_code == 404
    assert ScopeShare.objects.exists()


def test_an_owner_is_named(caller, world):
    answer = caller("erin").send("put", f"scopes/{world.web.pk}/owner/", {"owner": "bob"})
    assert answer.status_code == 200
    assert answer.json()["owner"]["name"] == "Bob Test"
    world.web.refresh_from_db()
    assert world.web.owner == world.bob
    assert caller("erin").send("put", f"scopes/{world.web.pk}/owner/", {"owner": "mallory"}).status_code == 400


def test_a_share_that_a_policy_asks_about_waits_and_the_answer_names_the_decision(caller, world, sent):
    rule = {"subject_kind": "share", "conditions": [], "stages": [{"who": {"pick": "role", "role": "approver"}}]}
    publish_policy(world.nordwind, "Shares", actor=world.actor("erin"), **rule)
    for _time in range(2):
        answer = caller("erin").send("post", f"scopes/{world.web.pk}/shares/", sent)
        waiting = Approval.objects.get(subject_kind="share")
        assert (answer.status_code, answer.json()) == (202, {"state": "waiting", "approval": str(waiting.pk)})
    assert not ScopeShare.objects.exists()
