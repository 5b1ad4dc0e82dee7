"""A person reads the portal in her language, and is told times in her zone."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from portal.core.errors import Forbidden, Invalid
from portal.events.models import Event
from portal.identity import reading
from portal.tenancy.forms import UntilField
from portal.users.actor import Narrowing
from portal.web import figures

WINTER = datetime(2026, 1, 15, 12, tzinfo=UTC)


def choose(browser, **given):
    return browser.post(reverse("profile-reading"), {"language": "", "zone": "UTC", **given})


def test_her_language_holds_in_every_browser_once_chosen(world, signed_in, client):
    browser = signed_in("alice")
    assert '<html lang="en"' in browser.get("/profile/").text
    assert choose(browser, language="zh-hans")["Location"] == "/profile/#reading"
    answer = browser.get("/profile/", headers={"accept-language": "en"})
    assert '<html lang="zh-hans"' in answer.text
    assert answer["Content-Language"] == "zh-hans"
    world.alice.refresh_from_db()
    assert world.alice.language == "zh-hans"


def test_without_a_choice_the_browser_is_asked(signed_in):
    assert '<html lang="zh-hans"' in signed_in("alice").get("/profile/", headers={"accept-language": "zh-hans"}).text


def test_the_switch_on_top_is_the_same_choice(world, signed_in):
    browser = signed_in("alice")
    answer = browser.post(reverse("choose-language"), {"language": "zh-hans", "next": "/orders/"})
    assert answer["Location"] == "/orders/"
    world.alice.refresh_from_db()
    assert world.alice.language == "zh-hans"
    browser.post(reverse("choose-language"), {"language": "klingon"})
    world.alice.refresh_from_db()
    assert world.alice.language == "zh-hans"


def test_a_stranger_keeps_her_language_in_the_browser(db, client):
    answer = client.post(reverse("choose-language"), {"language": "zh-hans", "next": "https://elsewhere.example/"})
    assert answer["Location"] == "/"
    assert '<html lang="zh-hans"' in client.get("/signin/").text


def test_times_are_told_in_her_zone_with_utc_beside(signed_in):
    browser = signed_in("alice")
    browser.post(reverse("token-create"), {"name": "ci", "days": "3"})
    assert " UTC</time>" in browser.get("/profile/").text
    choose(browser, zone="Asia/Kathmandu")
    page = browser.get("/profile/").text
    assert " +0545</time>" in page
    assert " +0545 · " in page
    assert " UTC</time>" not in page


def test_a_moment_names_its_zone():
    with timezone.override("Europe/Berlin"):
        assert figures.clock_time(WINTER) == "13:00 CET"
        assert figures.stamp(WINTER) == "2026-01-15 13:00:00 CET · 2026-01-15 12:00:00 UTC"
    assert figures.stamp(WINTER) == "2026-01-15 12:00:00 UTC"


def test_a_day_in_a_form_ends_where_she_lives():
    with timezone.override("America/New_York"):
        until = UntilField().clean("2026-01-15")
    assert until.astimezone(UTC).replace(microsecond=0) == datetime(2026, 1, 16, 4, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("given", [{"language": "xx"}, {"zone": "Mars/Olympus"}, {"zone": ""}])
def test_nonsense_is_refused_in_the_form_and_changes_nothing(world, signed_in, given):
    answer = choose(signed_in("alice"), **given)
    assert answer.status_code == 422
    world.alice.refresh_from_db()
    assert (world.alice.language, world.alice.zone) == ("", "UTC")


def test_the_service_knows_languages_and_zones_and_keeps_an_event(world):
    with pytest.raises(Invalid):
        reading.choose(actor=world.actor("alice"), language="xx")
    with pytest.raises(Invalid):
        reading.choose(actor=world.actor("alice"), zone="../etc/passwd")
    reading.choose(actor=world.actor("alice"), zone="Europe/Berlin")
    reading.choose(actor=world.actor("alice"), zone="Europe/Berlin")
    [event] = Event.objects.filter(action="identity.choose_reading")
    assert event.detail == {"before": {"zone": "UTC"}, "after": {"zone": "Europe/Berlin"}}


def test_only_she_herself_chooses(world):
    looking = world.actor("alice")
    for actor in (
        type(looking)(world.alice, looking.auth, viewed_as_by=world.erin),
        type(looking)(world.alice, looking.auth, narrowed_to=Narrowing(frozenset())),
    ):
        with pytest.raises(Forbidden):
            reading.choose(actor=actor, zone="Europe/Berlin")


def test_the_api_speaks_utc(world, signed_in):
    browser = signed_in("alice")
    browser.post(reverse("token-create"), {"name": "ci", "days": "3"})
    choose(browser, zone="Asia/Kathmandu")
    assert "+05:45" not in browser.get("/api/tokens/").text
