"""The rows of signed-in sessions, and ending one from elsewhere."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session as StoredSession
from django.test import Client

from portal.core import clock
from portal.core.crypto import Unreadable
from portal.identity import sessions
from portal.identity.models import Session, SessionEnd
from tests.cast import PASSWORD


def sign_in(name="alice", agent="Firefox"):
    browser = Client(headers={"User-Agent": agent})
    browser.post("/signin/", {"username": name, "password": PASSWORD})
    return browser


def test_a_session_is_on_record_with_where_it_came_from(world):
    browser = sign_in(agent="Firefox " + "x" * 300)
    row = Session.objects.get()
    assert (row.user, row.method, row.address, len(row.agent)) == (world.alice, "password", "127.0.0.1", 200)
    assert row.key == browser.session.session_key
    assert list(sessions.living_of(world.alice)) == [row]


def test_signing_out_keeps_the_row_and_forgets_its_key(world):
    sign_in().post("/signout/")
    row = Session.objects.get()
    assert (row.end, row.key) == (SessionEnd.SIGNED_OUT, None)
    assert row.ended_at


def test_ending_one_session_leaves_the_other(world):
    first, second = sign_in(), sign_in()
    one = Session.objects.filter(key=first.session.session_key)
    assert sessions.end_all(one, why=SessionEnd.PROVIDER) == 1
    assert (first.get("/").status_code, second.get("/").status_code) == (302, 200)
    assert sessions.end_all(Session.objects.all(), why=SessionEnd.PROVIDER) == 1
    assert not StoredSession.objects.exists()


def test_signing_in_again_in_the_same_browser_ends_nothing_half(world):
    browser = sign_in()
    browser.post("/signin/", {"username": "bob", "password": PASSWORD})
    assert [row.user for row in Session.objects.filter(ended_at=None)] == [world.bob]


def test_an_idle_session_is_no_longer_among_the_living(world):
    sign_in()
    with clock.travel(clock.now() + sessions.IDLE + timedelta(seconds=1)):
        assert not sessions.living_of(world.alice)


def test_a_session_that_is_used_stays_among_the_living(world):
    browser = sign_in()
    start = clock.now()
    with clock.travel(start + timedelta(hours=1)):
        browser.get("/")
    with clock.travel(start + timedelta(hours=2, minutes=30)):
        assert sessions.living_of(world.alice)


def test_the_refresh_token_is_sealed_to_its_row(world):
    sign_in(), sign_in("bob")
    hers, his = Session.objects.get(user=world.alice), Session.objects.get(user=world.bob)
    hers.refresh_token = "what further tokens are had with"
    hers.save()
    hers.refresh_from_db()
    assert hers.refresh_token == "what further tokens are had with"
    assert b"further" not in bytes(hers.sealed)
    his.sealed = hers.sealed
    with pytest.raises(Unreadable):
        _ = his.refresh_token
