"""Invitations in the browser: the list and its acts, and what the link of the mail shows to whom."""

import io
import logging
import re
from datetime import timedelta

import pytest
from django.test import Client

from portal.access.models import Assignment, Role
from portal.core import clock
from portal.events.models import Event
from portal.identity.models import Session
from portal.tenancy import invitations
from portal.tenancy.models import Invitation, InvitationMail
from portal.users.models import User
from tests.cast import PASSWORD, give, person
from tests.races import at_once

NEW = {"name": "Eve Newcomer", "username": "eve", "new_password": "a long sentence", "again": "a long sentence"}


def role(key):
    return Role.objects.get(key=key, scope=None)


def url(scope):
    return f"/scopes/{scope.pk}/invitations/"


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def invite(world, *addresses, at=None, key="member", **more):
    given = addresses or ["eve@example.org"]
    return invitations.invite(at or world.web, given, role(key), actor=world.actor("erin"), **more)


@pytest.fixture
def link(world):
    """The address of an invitation of eve's, who has no account."""
    invite(world)
    return f"/invitations/{InvitationMail.objects.get().secret}/"


def test_an_admin_invites_many_and_sees_how_each_stands(world, signed_in):
    erin = signed_in("erin")
    assert "Nobody is invited yet" in text(erin.get(url(world.web)))
    assert url(world.web) in text(erin.get(f"/scopes/{world.web.pk}/"))
    until = (clock.now() + timedelta(days=90)).date().isoformat()
    sent = {"addresses": "eve@example.org\r\n\r\n Adam@example.org \r\n", "role": role("member").pk, "expires": until}
    assert erin.post(url(world.web), sent).status_code == 302
    page = text(erin.get(url(world.web)))
    assert "2 people are invited." in page
    assert "eve@example.org" in page
    assert "Adam@example.org" in page
    [first, second] = Invitation.objects.order_by("address")
    assert first.role_expires.date().isoformat() == until
    erin.post(f"/invitations/{second.pk}/revoke/")
    page = text(erin.get(url(world.web), {"state": "revoked"}))
    assert "eve@example.org" in page
    assert "Adam@example.org" not in page
    assert "No invitation fits this filter" in text(erin.get(url(world.web), {"q": "nobody"}))


@pytest.mark.parametrize("query", ["state=bogus", "state=pending&state=x", "page=-9", "page=zz&q=%00", "q=%27%22<b>", "x=1"])
def test_the_filter_survives_nonsense(world, signed_in, query):
    invite(world)
    assert signed_in("erin").get(f"{url(world.web)}?{query}").status_code == 200


def test_what_is_refused_stands_in_the_form_with_what_was_typed(world, signed_in):
    erin = signed_in("erin")
    bad = {"addresses": "eve@example.org\nnonsense", "role": role("member").pk, "expires": ""}
    answer = erin.post(url(world.web), bad)
    assert answer.status_code == 422
    assert "Line 2 is no e-mail address: nonsense" in text(answer)
    assert "eve@example.org" in text(answer)
    over = {"addresses": "eve@example.org", "role": role("member").pk, "expires": "2020-01-01"}
    assert "Choose a later day." in text(erin.post(url(world.web), over))
    for odd in ({}, {"addresses": "x" * 30_000, "role": "zz"}, {"addresses": "a\x00", "role": role("member").pk}):
        assert erin.post(url(world.web), odd).status_code == 422
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(("name", "status"), [("alice", 403), ("bob", 403), ("dave", 403), ("mallory", 404)])
def test_nobody_else_reads_or_acts(world, signed_in, name, status):
    [invitation] = invite(world)
    browser, sent = signed_in(name), {"addresses": "x@example.org", "role": role("viewer").pk}
    assert browser.get(url(world.web)).status_code == status
    assert browser.post(url(world.web), sent).status_code == status
    for act in ("resend", "revoke"):
        assert browser.post(f"/invitations/{invitation.pk}/{act}/").status_code == 404
        assert browser.get(f"/invitations/{invitation.pk}/{act}/").status_code == 405
    assert Client().get(url(world.web)).status_code == 302
    assert Invitation.objects.get().is_pending


def test_a_closed_scope_shows_its_list_and_no_form(world, signed_in):
    invite(world, at=world.fleet)
    type(world.fleet).objects.filter(pk=world.fleet.pk).update(state="closed")
    page = text(signed_in("erin").get(url(world.fleet)))
    assert "is closed, so nobody can be invited" in page
    assert "Send the invitations" not in page


def test_the_list_asks_the_same_few_questions_for_fifty_rows(world, signed_in, in_few_queries):
    facts = {"role": role("member"), "invited_by": world.erin, "expires": clock.now() + timedelta(days=9)}
    rows = [Invitation(scope=world.web, address=f"p{number}@example.org", **facts) for number in range(120)]
    Invitation.objects.bulk_create(rows)
    page = in_few_queries(signed_in("erin"), url(world.web))
    assert text(page).count('<span class="name text-break">p') == 50


def test_the_link_shows_what_it_is_and_changes_nothing(world, link):
    answer = Client().get(link)
    page = text(answer)
    for said in ("Invitation to web", "Erin Test invites you.", "Nordwind", "Member", "Make the account and accept"):
        assert said in page
    assert answer.headers["Referrer-Policy"] == "strict-origin"
    assert "no-store" in answer.headers["Cache-Control"]
    assert Invitation.objects.get().is_pending
    assert not User.objects.filter(email="eve@example.org").exists()


def test_who_has_no_account_makes_one_and_is_in(world, link):
    browser = Client()
    answer = browser.post(link, NEW)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/scopes/{world.web.pk}/")
    assert "You are Member in web now." in text(browser.get(answer.headers["Location"]))
    eve = User.objects.get(username="eve")
    assert (eve.email, eve.name) == ("eve@example.org", "Eve Newcomer")
    assert Assignment.objects.get(user=eve).scope == world.web
    assert Session.objects.get(user=eve).method == "password"
    again = Client()
    assert again.post("/signin/", {"username": "eve", "password": NEW["new_password"]}).status_code == 302
    assert "You have accepted this invitation" in text(again.get(link))
    late = Client().post(link, {**NEW, "username": "eve2"})
    assert late.status_code == 409
    assert "was accepted already" in text(late)
    assert not User.objects.filter(username="eve2").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"username": "alice"}, "This name is taken."),
        ({"username": "ALICE"}, "This name is taken."),
        ({"username": "System"}, "This name is taken."),
        ({"username": "<b>"}, "A sign-in name is at most 100 letters"),
        ({"username": "x" * 101}, "at most 100 characters"),
        ({"new_password": "short", "again": "short"}, "too short"),
        ({"again": "another long one"}, "The two differ."),
        ({"name": "a\x00b"}, "Null characters are not allowed."),
    ],
)
def test_what_will_not_do_is_said_and_nothing_is_made(world, link, change, said):
    people = User.objects.count()
    answer = Client().post(link, {**NEW, **change})
    assert answer.status_code == 422
    assert said in text(answer)
    assert User.objects.count() == people
    assert Invitation.objects.get().is_pending
    assert NEW["new_password"] not in text(answer)


def test_of_two_accounts_made_at_once_by_one_link_one_is(fresh_db, world):
    invite(world)
    link = f"/invitations/{InvitationMail.objects.get().secret}/"
    answers = at_once(*[lambda name=name: Client().post(link, {**NEW, "username": name}).status_code for name in ("a", "b")])
    assert sorted(answers) == [302, 409]
    assert User.objects.filter(email="eve@example.org").count() == 1


def test_who_has_an_account_signs_in_and_comes_back(world, link):
    person("eve")
    browser = Client()
    page = text(browser.get(link))
    assert "Sign in to accept" in page
    assert "Make the account" not in page
    assert browser.post(link, {**NEW, "username": "second"}).status_code == 409
    target = re.search(r'href="(/signin/\?next=[^"]+)"', page)[1]
    back = browser.post(target, {"username": "eve", "password": PASSWORD})
    assert back.headers["Location"] == link
    assert "Accept the invitation" in text(browser.get(link))
    assert browser.post(link).status_code == 302
    assert "You have accepted this invitation" in text(browser.post(link))


def test_a_disabled_person_gets_no_second_account(world, link):
    eve = person("eve")
    User.objects.filter(pk=eve.pk).update(is_active=False, email="EVE@Example.org")
    assert "Make the account" not in text(Client().get(link))
    assert Client().post(link, {**NEW, "username": "second"}).status_code == 409
    assert User.objects.filter(email__iexact="eve@example.org").count() == 1


def test_with_keycloak_she_is_sent_to_sign_in(world, link, settings):
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    page = text(Client().get(link))
    assert "Sign in to accept" in page
    assert f"/signin/?next={link.replace('/', '%2F')}" in page
    answer = Client().post(link, NEW)
    assert answer.status_code == 409
    assert "sign in with their organization" in text(answer)
    assert not User.objects.filter(username="eve").exists()


def test_somebody_else_learns_nothing_but_that_it_is_not_hers(world, link, signed_in):
    mallory = signed_in("mallory")
    for answer in (mallory.get(link), mallory.post(link)):
        page = text(answer)
        assert answer.status_code == 403
        assert "not for this account" in page
        assert not any(said in page for said in ("eve@", "Nordwind", "Erin", "Invitation to web"))
    assert Invitation.objects.get().is_pending


def test_a_dead_link_says_so(world, link, signed_in):
    assert Client().get("/invitations/nonsense/").status_code == 404
    with clock.travel(clock.now() + timedelta(days=15)):
        answer = Client().get(link)
        assert answer.status_code == 409
        assert "has ended" in text(answer)
    invitations.revoke_invitation(Invitation.objects.get(), actor=world.actor("erin"))
    assert "was revoked" in text(Client().post(link, NEW))


def test_an_inviter_who_may_no_more_is_named(world, link):
    Assignment.objects.filter(user=world.erin).delete()
    answer = Client().post(link, NEW)
    assert answer.status_code == 422
    assert "Erin Test, who invited you, may not give this role any more." in text(answer)
    assert not User.objects.filter(username="eve").exists()
    give(world.erin, "organization_admin", world.nordwind)
    assert Client().post(link, NEW).status_code == 302


def test_a_form_from_elsewhere_is_refused(world, link):
    person("eve")
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(link, NEW).status_code == 403
    assert Invitation.objects.get().is_pending


def test_the_log_and_the_events_never_hold_the_secret(world, link):
    handler = next(each for each in logging.getLogger().handlers if any("Links" in str(f) for f in each.filters))
    before = handler.setStream(io.StringIO())
    try:
        Client().post(link, {**NEW, "again": "another"})
        Client().get(f"{link}x/")
        Client().post(link, NEW)
        said = handler.stream.getvalue()
    finally:
        handler.setStream(before)
    secret = link.split("/")[2]
    assert "/invitations/•••" in said
    assert secret not in said
    assert not any(secret in f"{event.detail}{event.reason}{event.target_label}" for event in Event.objects.all())
