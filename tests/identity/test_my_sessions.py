"""A person's sessions on her page: which they are, and ending one."""

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.events.models import Event
from portal.identity.models import Session
from portal.web.devices import device_of
from tests.cast import PASSWORD

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def sign_in(name: str = "alice", agent: str = FIREFOX) -> Client:
    browser = Client(headers={"User-Agent": agent})
    browser.post("/signin/", {"username": name, "password": PASSWORD})
    return browser


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "Firefox on Linux"),
        (SAFARI, "Safari on iPhone"),
        (CHROME, "Chrome on Windows"),
        (CHROME + " Edg/140.0.0.0", "Edge on Windows"),
        (CHROME.replace("Windows NT 10.0; Win64; x64", "Linux; Android 15; Pixel 9"), "Chrome on Android"),
        (CHROME.replace("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7"), "Chrome on macOS"),
        ("curl/8.14.1", "curl/8.14.1"),
        ("  spaced \n out ", "spaced out"),
        ("x" * 200, "x" * 40 + "…"),
        ("", "A program that does not say what it is"),
    ],
)
def test_a_browser_is_named_in_plain_words(agent, device):
    assert device_of(agent) == device


def test_her_page_lists_her_sessions_and_marks_this_one(world):
    here, _there, _bobs = sign_in(), sign_in(agent=SAFARI), sign_in("bob", CHROME)
    page = here.get("/profile/").content.decode()
    assert "Safari on iPhone" in page
    assert "Chrome on Windows" not in page
    assert page.count("· this one") == 1
    assert page.count("/profile/sessions/") == 1


def test_what_a_browser_says_of_itself_is_text_on_the_page(world):
    here = sign_in(agent="<script>alert(1)</script>")
    assert "<script>alert" not in here.get("/profile/").content.decode()


def test_she_signs_another_browser_out_and_stays_in(world):
    here, there = sign_in(), sign_in(agent=SAFARI)
    row = Session.objects.get(agent=SAFARI)
    assert here.post(f"/profile/sessions/{row.pk}/end/").status_code == 302
    assert (here.get("/").status_code, there.get("/").status_code) == (200, 302)
    assert "Safari on iPhone" not in here.get("/profile/").content.decode()
    assert here.post(f"/profile/sessions/{row.pk}/end/").status_code == 302
    assert Event.objects.filter(action="identity.end_session").count() == 1


def test_ending_this_one_is_signing_out(world):
    here = sign_in()
    assert here.post(f"/profile/sessions/{Session.objects.get().pk}/end/")["Location"] == "/signin/"
    assert here.get("/").status_code == 302


def test_a_session_of_somebody_else_is_not_found(world):
    here, his = sign_in(), sign_in("bob")
    row = Session.objects.get(user=world.bob)
    assert here.post(f"/profile/sessions/{row.pk}/end/").status_code == 404
    assert here.post(f"/profile/sessions/{uuid.uuid4()}/end/").status_code == 404
    assert here.get(f"/profile/sessions/{row.pk}/end/").status_code == 405
    assert his.get("/").status_code == 200


def test_ending_one_wants_the_token_of_the_page(world):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = sign_in().cookies
    assert strict.post(f"/profile/sessions/{Session.objects.get().pk}/end/").status_code == 403


def test_the_page_takes_few_queries_however_many_sessions(world):
    here = sign_in()
    mine = {"user": world.alice, "method": "password", "address": "203.0.113.7", "agent": FIREFOX}
    Session.objects.bulk_create([Session(key=f"k{number}", **mine) for number in range(200)])
    with CaptureQueriesContext(connection) as queries:
        page = here.get("/profile/").content.decode()
    assert len(queries) <= 13
    assert page.count("Firefox on Linux") >= 50
