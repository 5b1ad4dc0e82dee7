"""Signing in with a local account, and everything that ends it."""

from datetime import timedelta

import pytest
from django.test import Client

from portal.core import clock
from portal.core.errors import Forbidden
from portal.events.models import Event
from portal.identity import services
from portal.users.models import User
from tests.cast import PASSWORD


@pytest.fixture
def alice(client, world):
    answer = client.post("/signin/", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 302
    return client


def test_a_person_signs_in_and_reaches_her_home(alice):
    assert alice.get("/").status_code == 200
    assert Event.objects.get(action="identity.sign_in").outcome == "done"


@pytest.mark.parametrize(
    ("name", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("system", ""), ("alice\x00", PASSWORD)]
)
def test_a_wrong_sign_in_says_one_thing_and_is_on_record(client, world, name, password):
    answer = client.post("/signin/", {"username": name, "password": password or "x"})
    assert answer.status_code == 422
    assert client.get("/").status_code == 302


def test_the_refused_sign_in_is_an_event(client, world):
    client.post("/signin/", {"username": "alice", "password": "wrong"})
    event = Event.objects.get(action="identity.sign_in")
    assert (event.outcome, event.target_id) == ("refused", str(world.alice.pk))


def test_the_session_gets_a_new_key_at_sign_in(client, world):
    client.get("/signin/")
    client.session.save()
    before = client.session.session_key
    client.post("/signin/", {"username": "alice", "password": PASSWORD})
    assert client.session.session_key != before


def test_signing_in_leads_only_to_pages_of_this_site(client, world):
    answer = client.post("/signin/", {"username": "alice", "password": PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_signing_out_ends_the_session(alice):
    assert alice.post("/signout/").status_code == 302
    assert alice.get("/").status_code == 302
    assert alice.post("/signout/").status_code == 302


def test_a_link_cannot_sign_anyone_out(alice):
    assert alice.get("/signout/").status_code == 405


@pytest.mark.parametrize("later", [timedelta(hours=3), timedelta(hours=13)])
def test_a_session_ends_when_idle(alice, later):
    with clock.travel(clock.now() + later):
        assert alice.get("/").status_code == 302


def test_a_session_ends_after_twelve_hours_however_busy(alice):
    start = clock.now()
    for hour in range(1, 12):
        with clock.travel(start + timedelta(hours=hour)):
            assert alice.get("/").status_code == 200
    with clock.travel(start + timedelta(hours=12, minutes=1)):
        assert alice.get("/").status_code == 302


def test_signing_out_everywhere_ends_sessions_at_the_next_request(alice, world):
    services.sign_out_everywhere(actor=world.actor("alice"))
    assert alice.get("/").status_code == 302


def test_a_disabled_person_is_out_at_the_next_request(alice, world):
    User.objects.filter(pk=world.alice.pk).update(is_active=False)
    assert alice.get("/").status_code == 302


def test_the_live_check_refuses_who_was_cut_off(world):
    actor = world.actor("alice")
    services.check_live(actor)
    services.sign_out_everywhere(actor=actor)
    with pytest.raises(Forbidden):
        services.check_live(actor)


def test_a_form_from_elsewhere_is_refused(world):
    answer = Client(enforce_csrf_checks=True).post("/signin/", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 403
