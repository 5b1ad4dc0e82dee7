"""Invitations and asks through the API: the same acts, the same refusals, one effect for one key."""

import uuid
from datetime import timedelta

from django.db.models import F

from portal.access.models import Role
from portal.approvals.models import Approval
from portal.core import clock
from portal.tenancy import asking, invitations
from portal.tenancy.models import Invitation, InvitationMail, ProjectAsk


def role(key):
    return Role.objects.get(key=key, scope=None)


def invited(world):
    """An invitation into web, by erin."""
    [made] = invitations.invite(world.web, ["eve@example.org"], role("member"), actor=world.actor("erin"))
    return made


def asked_for(world):
    """A project that alice asked for."""
    ends = clock.now().date() + timedelta(days=90)
    return asking.ask_project(world.retail, "shop", purpose="Sell more.", ends=ends, actor=world.actor("alice"))


def joining(world):
    """A role that alice asked for in fleet."""
    return asking.ask_to_join(world.fleet, role("viewer"), reason="I look.", actor=world.actor("alice"))


def project_of(world, **more):
    ends = (clock.now() + timedelta(days=60)).date().isoformat()
    return {"tenant": str(world.retail.pk), "name": "shop", "purpose": "Sell more.", "ends": ends, **more}


def test_an_admin_invites_sends_again_and_revokes(world, caller):
    erin = caller("erin")
    body = {"scope": str(world.web.pk), "addresses": ["eve@example.org", "adam@example.org"], "role": str(role("member").pk)}
    first = erin.post("invitations/", body, Idempotency_Key="one")
    assert first.status_code == 201
    assert erin.post("invitations/", body, Idempotency_Key="one").json() == first.json()
    assert Invitation.objects.count() == 2
    assert {row["state"] for row in first.json()["invitations"]} == {"pending"}
    assert "digest" not in first.content.decode()
    pk = first.json()["invitations"][0]["id"]
    assert erin.post(f"invitations/{pk}/resend/").status_code == 409
    InvitationMail.objects.update(due_at=None, sent_at=F("leaves_at"), sealed=None)
    assert erin.post(f"invitations/{pk}/resend/").json()["sent"] == 1
    assert erin.post(f"invitations/{pk}/revoke/").json()["state"] == "revoked"
    assert [row["id"] for row in erin.get("invitations/?state=revoked").json()["results"]] == [pk]
    assert erin.get("invitations/?state=odd").status_code == 400


def test_what_is_wrong_with_an_invitation_is_said_by_field(world, caller):
    erin, good = (
        caller("erin"),
        {"scope": str(world.web.pk), "addresses": ["eve@example.org"], "role": str(role("member").pk)},
    )
    for change, field in (
        ({"addresses": ["nonsense"]}, "addresses"),
        ({"addresses": []}, "addresses"),
        ({"addresses": ["x@example.org"] * 51}, "addresses"),
        ({"role": "king"}, "role"),
        ({"role": str(uuid.uuid4())}, "role"),
        ({"expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"link": True}, "link"),
    ):
        answer = erin.post("invitations/", {**good, **change})
        assert answer.status_code == 400, change
        assert field in {name.split(".")[0] for name in answer.json()["errors"]}
    assert not Invitation.objects.exists()


def test_lists_ask_the_same_few_questions(world, caller, in_few_queries):
    facts = {"role": role("member"), "invited_by": world.erin, "expires": clock.now() + timedelta(days=9)}
    Invitation.objects.bulk_create(
        [Invitation(scope=world.web, address=f"p{number}@example.org", **facts) for number in range(70)]
    )
    assert len(in_few_queries(caller("erin"), "invitations/").json()["results"]) == 50
    asked_for(world), joining(world)
    in_few_queries(caller("alice"), "project-asks/")
    in_few_queries(caller("alice"), "join-asks/")


def test_a_project_is_asked_for_once_for_a_key_and_taken_back(world, caller):
    alice = caller("alice")
    first = alice.post("project-asks/", project_of(world), Idempotency_Key="one")
    assert (first.status_code, first.json()["state"], first.json()["project"]) == (201, "waiting", None)
    assert alice.post("project-asks/", project_of(world), Idempotency_Key="one").json() == first.json()
    assert alice.get(first.headers["Location"].removeprefix("/api/")).json() == first.json()
    withdrawn = alice.post(f"project-asks/{first.json()['id']}/withdraw/", {"reason": "Not needed."})
    assert withdrawn.json()["state"] == "withdrawn"
    assert Approval.objects.get().state == "withdrawn"
    for change in ({"name": ""}, {"ends": "2020-01-01"}, {"ends": "soon"}, {"purpose": ""}, {"name": "web"}, {"admin": True}):
        assert alice.post("project-asks/", project_of(world, **change)).status_code == 400, change
    assert alice.post("project-asks/", project_of(world, tenant=str(world.other_tenant.pk))).status_code == 404
    for owner in ("mallory", "nobody"):
        assert alice.post("project-asks/", project_of(world, owner=owner)).json()["errors"] == {
            "owner": ["Nobody here is known by exactly this name."]
        }
    assert ProjectAsk.objects.count() == 1
    assert alice.post("project-asks/", project_of(world, owner="carol")).json()["owner"]["id"] == str(world.carol.pk)
    assert [row["name"] for row in alice.get("project-asks/?state=withdrawn").json()["results"]] == ["shop"]
    assert alice.get("project-asks/?state=odd").status_code == 400


def test_a_role_is_asked_for_by_the_id_of_a_link(world, caller):
    alice, body = caller("alice"), {"project": str(world.fleet.pk), "role": "viewer", "reason": "I look."}
    made = alice.post("join-asks/", body)
    assert (made.status_code, made.json()["state"], made.json()["project"]["name"]) == (201, "waiting", "fleet")
    assert alice.post(f"join-asks/{made.json()['id']}/withdraw/").json()["state"] == "withdrawn"
    assert alice.post("join-asks/", {**body, "role": "tenant_admin"}).status_code == 400
    assert caller("mallory").post("join-asks/", body).status_code == 404


def test_a_narrowed_token_asks_for_nothing(world, caller):
    narrow = caller("alice", permissions=["view_scope"])
    assert narrow.post("project-asks/", project_of(world)).status_code == 403
    assert narrow.get("project-asks/").json()["results"] == []


def test_the_last_day_of_a_project_is_read_and_moved(world, caller):
    erin, place = caller("erin"), f"scopes/{world.web.pk}/end/"
    assert erin.get(place).json() == {"ends": None, "purpose": ""}
    day = (clock.now() + timedelta(days=60)).date().isoformat()
    for _again in range(2):
        assert erin.send("PUT", place, {"ends": day}).json()["ends"] == day
    assert caller("alice").get(place).json()["ends"] == day
    for body in ({"ends": "2020-01-01"}, {"ends": "soon"}, {}, {"ends": day, "purpose": "x"}):
        assert erin.send("PUT", place, body).status_code == 400, body
    assert erin.send("PUT", place, {"ends": None}).json()["ends"] is None
    assert erin.get(f"scopes/{world.retail.pk}/end/").status_code == 404
