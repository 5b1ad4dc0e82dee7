"""Asking the realm what it says of a person: every answer that is not plainly about her counts for nothing."""

import json
import time
from collections.abc import Iterator

import pytest

from portal.core.errors import Unavailable
from portal.identity import userinfo
from portal.identity.userinfo import BadUserInfo
from tests.identity.saying import Saying, saying

HERS = json.dumps({"sub": "s-1", "groups": ["/équipe"], "name": "Zoë"}).encode()


@pytest.fixture
def said(settings, monkeypatch) -> Iterator[Saying]:
    with saying(HERS) as said:
        settings.KEYCLOAK_URL = said.url
        monkeypatch.setattr(userinfo, "WITHIN_S", 0.5)
        yield said


def ask() -> dict:
    return userinfo.ask("the-token", subject="s-1")


def test_what_is_said_of_her_is_asked_for_with_her_token(said):
    said.kind = "application/json;charset=UTF-8"
    assert ask() == {"sub": "s-1", "groups": ["/équipe"], "name": "Zoë"}
    assert said.asked == ["/realms/concord/protocol/openid-connect/userinfo Bearer the-token"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"sub": "s-2"}', "about another person"),
        (b'{"groups": []}', "about another person"),
        (b'{"sub": ["s-1"]}', "about another person"),
        (b'["s-1"]', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe{", "not JSON"),
        (b'{"sub": "s-1", "n": NaN}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b" " * (userinfo.MOST_BYTES + 1), "over 2097152 bytes"),
    ],
)
def test_an_answer_that_is_not_about_her_is_refused(said, body, why):
    said.body = body
    with pytest.raises(BadUserInfo, match=why):
        ask()


@pytest.mark.parametrize("kind", ["text/html", "application/jwt", "", "application/json-seq"])
def test_an_answer_of_another_type_is_not_read(said, kind):
    said.kind = kind
    with pytest.raises(BadUserInfo, match="not JSON"):
        ask()


@pytest.mark.parametrize("status", [204, 302, 401, 403, 404])
def test_another_status_is_no_answer_about_her(said, status):
    said.status, said.body = status, b"" if status == 204 else HERS
    said.headers = {"Location": f"{said.url}/elsewhere"} if status == 302 else {}
    with pytest.raises(BadUserInfo, match=f"answers {status}"):
        ask()
    assert len(said.asked) == 1, "no redirect is followed"


def test_a_realm_in_trouble_or_away_is_unavailable(said, settings):
    said.status = 502
    with pytest.raises(Unavailable):
        ask()
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    with pytest.raises(Unavailable):
        ask()


@pytest.mark.parametrize(("drips", "pause_s"), [(False, 3.0), (True, 0.05)])
def test_who_is_slow_or_drips_holds_no_page(said, drips, pause_s):
    said.drips, said.pause_s, said.body = drips, pause_s, b" " * 200 + HERS
    began = time.monotonic()
    with pytest.raises(Unavailable):
        ask()
    assert time.monotonic() - began < 2


def test_an_answer_that_breaks_off_is_unavailable(said):
    said.headers = {"Content-Length": "10000"}
    with pytest.raises(Unavailable):
        ask()
