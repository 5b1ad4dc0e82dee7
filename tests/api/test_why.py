"""The same question by the API."""

import uuid

from portal.access.models import Assignment
from tests.cast import give


def asked(scope, permission, **more):
    query = {"kind": "scope", "id": scope.pk, "permission": permission, **more}
    return "access/why/?" + "&".join(f"{name}={value}" for name, value in query.items())


def test_a_caller_is_told_why_she_can(caller, world):
    said = caller("alice").get(asked(world.web, "place_order")).json()
    assert (said["verdict"], said["can"]) == ("allowed", True)
    assert [(grant["way"], grant["role"]["name"], grant["place_name"]) for grant in said["reasons"]] == [
        ("role", "Member", "web")
    ]


def test_a_narrowed_token_is_told_that_it_is_narrowed(caller, world):
    said = caller("alice", permissions=["view_scope"]).get(asked(world.web, "place_order")).json()
    assert said["verdict"] == "refused"
    assert [(miss["lack"], miss["cure"], miss["barriers"]) for miss in said["misses"]] == [("barred", "lift", ["narrowed"])]


def test_who_gives_roles_there_asks_about_others_and_nobody_else_does(caller, world):
    question = asked(world.web, "vote", person=world.alice.pk)
    said = caller("erin").get(question).json()
    assert said["person"]["name"] == "Alice Test"
    assert said["verdict"] == "refused"
    assert {role["name"] for role in said["roles"]} == {"Organization admin", "Approver", "Finance"}
    for name in ("bob", "carol", "dave"):
        assert caller(name).get(question).status_code in (403, 404), name
    assert caller("mallory").get(question).status_code == 404
    give(world.bob, "tenant_admin", world.logistics)  # who gives roles elsewhere neither
    Assignment.objects.filter(user=world.bob, scope=world.retail).delete()
    assert caller("bob").get(question).status_code == 404


def test_nonsense_is_said(caller, world):
    erin = caller("erin")
    assert erin.get(asked(world.web, "fly")).status_code == 400
    assert erin.get("access/why/?permission=vote").status_code == 400
    assert erin.get(asked(world.web, "vote") + "&more=1").status_code == 400
    assert erin.get(f"access/why/?permission=vote&kind=scope&id={uuid.uuid4()}").status_code == 404
    assert erin.get(f"access/why/?permission=vote&kind=user&id={world.alice.pk}").status_code == 404
    assert erin.get(asked(world.web, "vote", person=uuid.uuid4())).status_code == 404
