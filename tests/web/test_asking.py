"""Asking for a project or to join one in the browser, following it, and a project's last day."""

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.formats import date_format

from portal.access.models import Role, Scope
from portal.approvals import services as approvals
from portal.approvals.cards import card
from portal.approvals.models import Approval
from portal.core import clock
from portal.tenancy import asking, services
from portal.tenancy.models import JoinAsk, ProjectAsk, ProjectEnd
from tests.cast import person


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def day(days):
    return (clock.now() + timedelta(days=days)).date().isoformat()


def fields(world, **more):
    return {"tenant": world.retail.pk, "name": "Web shop", "purpose": "Sell <b>more</b>.", "ends": day(60), **more}


def approve(world, by="bob"):
    approval = Approval.objects.get(state="waiting")
    approvals.vote(approval, "approve", card(approval, actor=world.actor(by)).hash, actor=world.actor(by))


def test_from_the_button_to_the_project(world, signed_in):
    alice = signed_in("alice")
    for page in ("/", "/scopes/"):
        assert 'href="/projects/ask/"' in text(alice.get(page))
    assert "Nordwind / Retail" in text(alice.get("/projects/ask/"))
    answer = alice.post("/projects/ask/", fields(world, environment="produce", data_class="internal", cost_centre="4711"))
    approval = Approval.objects.get()
    assert answer.headers["Location"] == f"/inbox/{approval.pk}/"
    page = text(alice.get(answer.headers["Location"]))
    for said in (
        "Project Web shop",
        "What for",
        "Sell &lt;b&gt;more&lt;/b&gt;.",
        "Environment",
        "Produce",
        "Last day",
        date_format(Approval.objects.get().created_at + timedelta(days=60), "j F Y"),
        "Bob Test",
        "Take it back",
    ):
        assert said in page
    assert "Nothing waits for you" not in page
    asked = text(alice.get("/projects/asked/"))
    assert "Project Web shop" in asked
    assert "Take back" in asked
    approve(world)
    project = Scope.objects.get(name="Web shop")
    for page in ("/projects/asked/", f"/inbox/{approval.pk}/"):
        assert f'href="/scopes/{project.pk}/"' in text(alice.get(page))
    page = text(alice.get(f"/scopes/{project.pk}/"))
    assert f"/projects/{project.pk}/join/" in page
    assert "Sell &lt;b&gt;more&lt;/b&gt;." in page
    assert "Move the last day" not in page


def test_the_approver_reads_whom_it_is_for(world, signed_in):
    signed_in("alice").post("/projects/ask/", fields(world, owner="carol"))
    page = text(signed_in("bob").get(f"/inbox/{Approval.objects.get().pk}/"))
    assert "For whom" in page
    assert "Carol Test" in page


def test_what_is_refused_stands_beside_its_field(world, signed_in):
    alice = signed_in("alice")
    for change, said in (
        ({"name": "web"}, "This name is taken here."),
        ({"ends": "2020-01-01"}, "Choose a later day"),
        ({"ends": "9999-12-31"}, "at most ten years"),
        ({"ends": "soon"}, "Enter a valid date."),
        ({"owner": "mallory"}, "Nobody here is known by exactly this name."),
        ({"owner": "nobody"}, "Nobody here is known by exactly this name."),
        ({"tenant": world.other_tenant.pk}, "not one of the available choices"),
        ({"purpose": "x" * 2001}, "at most 2000 characters"),
        ({"name": "a\x00"}, "Null characters"),
    ):
        answer = alice.post("/projects/ask/", fields(world, **change))
        assert answer.status_code == 422, change
        assert said in text(answer), change
    assert not ProjectAsk.objects.exists()


def test_who_has_no_role_is_told_so(world, signed_in):
    world.people["eve"] = person("eve")
    eve = signed_in("eve")
    assert "There is no tenant that you can ask in" in text(eve.get("/projects/ask/"))
    assert eve.post("/projects/ask/", fields(world)).status_code == 422
    assert "You asked for nothing yet" in text(eve.get("/projects/asked/"))
    assert eve.get(f"/projects/{world.fleet.pk}/join/").status_code == 404


def test_she_takes_it_back_once(world, signed_in):
    alice = signed_in("alice")
    alice.post("/projects/ask/", fields(world))
    approval = Approval.objects.get()
    for _click in range(2):
        assert alice.post(f"/projects/asked/{approval.pk}/withdraw/").status_code == 302
    assert ProjectAsk.objects.get().state == "withdrawn"
    assert "Project Web shop" in text(alice.get("/projects/asked/?state=withdrawn&kind=project"))
    assert "Nothing fits this filter" in text(alice.get("/projects/asked/?state=waiting"))
    assert alice.get("/projects/asked/?state=odd&kind=%00&page=x").status_code == 200
    for name in ("bob", "erin", "mallory"):
        assert signed_in(name).post(f"/projects/asked/{approval.pk}/withdraw/").status_code == 404


def test_a_denial_is_read_with_its_reason(world, signed_in):
    alice = signed_in("alice")
    alice.post("/projects/ask/", fields(world))
    approval = Approval.objects.get()
    shown = card(approval, actor=world.actor("bob")).hash
    approvals.vote(approval, "deny", shown, actor=world.actor("bob"), note="Join <b>web</b>.")
    for page in ("/projects/asked/", f"/inbox/{approval.pk}/"):
        said = text(alice.get(page))
        assert "Denied" in said
        assert "Join &lt;b&gt;web&lt;/b&gt;." in said
        assert "Take" not in said


def test_what_cannot_be_made_any_more_is_said_on_the_card_with_the_note_kept(world, signed_in):
    signed_in("alice").post("/projects/ask/", fields(world))
    services.create_project(world.retail, "web shop", actor=world.actor("erin"))
    approval = Approval.objects.get()
    vote = {"choice": "approve", "card_hash": approval.card_hash, "note": "Good luck."}
    bob = signed_in("bob")
    answer = bob.post(f"/inbox/{approval.pk}/", vote)
    assert answer.status_code == 422
    for said in ("There is a project of this name by now.", "Good luck.", "Nothing was decided"):
        assert said in text(answer)
    assert bob.post(f"/inbox/{approval.pk}/", {**vote, "choice": "deny", "note": "Taken."}).status_code == 302
    assert ProjectAsk.objects.get().state == "denied"


def test_of_several_tenants_none_is_taken_unseen(world, signed_in):
    erin = signed_in("erin")
    assert "Choose a tenant" in text(erin.get("/projects/ask/"))
    assert erin.post("/projects/ask/", fields(world, tenant="")).status_code == 422
    assert "Choose a tenant" not in text(signed_in("alice").get("/projects/ask/"))


def test_nobody_takes_back_an_order_here(market, signed_in):
    market.place(market.draft("web-1"), key="one")
    approval = Approval.objects.get()
    assert signed_in("alice").post(f"/projects/asked/{approval.pk}/withdraw/").status_code == 404


def test_she_joins_by_the_link(world, signed_in):
    alice, link = signed_in("alice"), f"/projects/{world.fleet.pk}/join/"
    page = text(alice.get(link))
    assert "Join fleet" in page
    assert "Logistics" not in page
    role = Role.objects.get(key="member", scope=None).pk
    assert alice.post(link, {"role": role, "reason": "", "until": ""}).status_code == 422
    assert alice.post(link, {"role": "zz", "reason": "x", "until": day(-1)}).status_code == 422
    answer = alice.post(link, {"role": role, "reason": "I help out.", "until": day(30)})
    assert answer.headers["Location"] == f"/inbox/{Approval.objects.get().pk}/"
    page = text(alice.get(answer.headers["Location"]))
    for said in ("Member in fleet", "I help out.", "Erin Test", "Membership"):
        assert said in page
    approve(world, by="erin")
    assert JoinAsk.objects.get().state == "done"
    assert f'href="/scopes/{world.fleet.pk}/"' in text(alice.get("/projects/asked/"))
    assert "You may do all that a Member does there already, for as long." in text(
        alice.post(link, {"role": role, "reason": "again", "until": day(20)})
    )


def test_the_link_opens_for_people_of_the_organization_alone(world, signed_in):
    link = f"/projects/{world.fleet.pk}/join/"
    assert Client().get(link).status_code == 302
    mallory = signed_in("mallory")
    assert mallory.get(link).status_code == 404
    assert mallory.post(link, {}).status_code == 404
    assert signed_in("erin").get(f"/projects/{world.retail.pk}/join/").status_code == 404


def test_what_a_policy_allows_is_there_at_once(world, signed_in):
    facts = {"subject_kind": "project", "conditions": [], "stages": []}
    approvals.publish_policy(world.nordwind, "Free", actor=world.actor("erin"), **facts)
    alice = signed_in("alice")
    answer = alice.post("/projects/ask/", fields(world))
    assert answer.headers["Location"] == f"/scopes/{Scope.objects.get(name='Web shop').pk}/"
    assert "Nobody had to decide" in text(alice.get(answer.headers["Location"]))


def test_the_list_asks_the_same_few_questions_for_fifty_rows(world, signed_in, in_few_queries):
    asking.ask_project(
        world.retail, "real", purpose="x", ends=clock.now().date() + timedelta(days=9), actor=world.actor("alice")
    )
    facts = {"scope": world.retail, "requester": world.alice, "state": "approved", "settled_at": clock.now()}
    rows = [
        Approval(
            subject_kind="project", subject_id=str(uuid.uuid4()), title=f"p {number}", card_hash="", key=f"k{number}", **facts
        )
        for number in range(80)
    ]
    Approval.objects.bulk_create(rows)
    page = in_few_queries(signed_in("alice"), "/projects/asked/")
    assert text(page).count('class="name text-break"') == 50


def test_the_last_day_is_moved_by_who_may(world, signed_in):
    address = f"/scopes/{world.web.pk}/end/"
    erin = signed_in("erin")
    assert erin.get(address).status_code == 200
    assert erin.post(address, {"ends": "2020-01-01"}).status_code == 422
    assert erin.post(address, {"ends": day(50)}).status_code == 302
    assert ProjectEnd.objects.get().ends.isoformat() == day(50)
    assert "Move the last day" in text(erin.get(f"/scopes/{world.web.pk}/"))
    assert erin.post(f"/scopes/{world.retail.pk}/end/", {"ends": day(50)}).status_code == 404
    assert erin.post(address, {"ends": ""}).status_code == 302
    assert ProjectEnd.objects.get().ends is None


@pytest.mark.parametrize(("name", "status"), [("alice", 403), ("bob", 403), ("mallory", 404)])
def test_nobody_else_moves_it(world, signed_in, name, status):
    browser = signed_in(name)
    assert browser.get(f"/scopes/{world.web.pk}/end/").status_code == status
    assert browser.post(f"/scopes/{world.web.pk}/end/", {"ends": day(50)}).status_code == status
