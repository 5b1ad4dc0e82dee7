"""The link of a mail that decides: it shows to whoever holds it, votes once, and for high risk asks for a sign-in."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client

from portal.approvals import services
from portal.approvals.links import path_for
from portal.approvals.models import Approval, DecisionLink, Vote
from portal.approvals.tasks import expire
from portal.core import clock
from portal.events.models import Event
from portal.notices import mail as mails
from portal.notices.models import Delivery
from portal.users.models import User
from tests.approvals.wish import PATH, Wish, WishKind

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()


@pytest.fixture
def approval(world):
    wish = WishKind.wishes["w1"] = Wish("w1", world.web)
    return services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="Ein Wunsch")


@pytest.fixture
def stranger():
    """Nobody who is signed in."""
    return Client(REMOTE_ADDR="203.0.113.9")


def send(stranger, path, approval, choice="approve", note="", **more):
    return stranger.post(path, {"choice": choice, "card_hash": approval.card_hash, "note": note, **more})


def test_the_mail_carries_a_link_that_shows_first_and_votes_when_sent(world, approval, stranger):
    delivery = Delivery.objects.get(notice__user=world.bob)
    assert mails.deliver(delivery.pk, at=clock.now())
    path = re.search(r"/decide/[\w-]+/", mail.outbox[0].body)[0]
    shown = stranger.get(path)
    assert b"Ein Wunsch" in shown.content
    assert not Vote.objects.exists()
    assert "no-store" in shown["Cache-Control"]
    assert b"You approved it" in send(stranger, path, approval).content
    assert Approval.objects.get().state == "approved"
    event = Event.objects.get(action="approvals.vote")
    assert (event.actor, event.auth["method"], event.auth["address"]) == (world.bob, "link", "203.0.113.9")


def test_of_a_link_only_a_digest_is_kept(world, approval):
    secret = path_for(approval.pk, world.bob).split("/")[-2]
    kept = DecisionLink.objects.values_list("digest", flat=True).get()
    assert secret not in kept
    assert len(kept) == 64


def test_used_it_decides_nothing_more(world, approval, stranger):
    path = path_for(approval.pk, world.bob)
    send(stranger, path, approval)
    assert stranger.get(path).status_code == 410
    assert send(stranger, path, approval, "deny", "No").status_code == 410
    assert Vote.objects.count() == 1


def test_a_denial_without_a_reason_is_asked_again_and_the_link_is_as_good(world, approval, stranger):
    path = path_for(approval.pk, world.bob)
    assert send(stranger, path, approval, "deny").status_code == 422
    assert send(stranger, path, approval, "deny", "Too dear").status_code == 200
    assert Approval.objects.get().state == "denied"


def test_a_card_that_moved_is_shown_anew(world, approval, stranger):
    path = path_for(approval.pk, world.bob)
    WishKind.wishes["w1"].facts = {"cost_per_month": "480.00", "action": "create"}
    answer = send(stranger, path, approval)
    assert answer.status_code == 409
    assert b"480.00" in answer.content
    assert not Vote.objects.exists()


@pytest.mark.parametrize(
    "end", ["late", "changed", "disabled", "signed out everywhere", "decided", "high risk", "role ended"]
)
def test_a_link_that_has_ended_says_why_and_votes_no_more(world, approval, stranger, end):
    path = path_for(approval.pk, world.bob)
    at = clock.now()
    if end == "late":
        DecisionLink.objects.update(expires=at)
    elif end == "changed":
        WishKind.wishes["w1"].facts = {"cost_per_month": "480.00", "action": "create"}
        services.facts_changed("wish", "w1", actor=world.actor("alice"))
    elif end == "disabled":
        User.objects.filter(pk=world.bob.pk).update(is_active=False)
    elif end == "signed out everywhere":
        User.objects.filter(pk=world.bob.pk).update(access_epoch=1)
    elif end == "high risk":
        Approval.objects.update(risk="high")
    elif end == "role ended":
        world.bob.assignments.all().delete()
    else:
        with clock.travel(at + timedelta(days=10)):
            expire()
    answer = stranger.get(path)
    assert answer.status_code == 410
    assert b"Sign in to see where it stands" in answer.content
    assert send(stranger, path, approval).status_code in (410, 409)
    assert not Vote.objects.exists()


def test_who_asked_gets_no_link_and_what_is_of_high_risk_has_none(world, approval):
    assert path_for(approval.pk, world.alice) == ""
    Approval.objects.update(risk="high")
    assert path_for(approval.pk, world.bob) == ""


def test_a_made_up_link_opens_nothing(stranger):
    assert stranger.get("/decide/made-up/").status_code == 404
    assert stranger.post("/decide/made-up/", {}).status_code == 404
