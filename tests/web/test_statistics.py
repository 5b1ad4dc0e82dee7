"""The page of statistics: for whom it is, what it shows, what nonsense does to it, and how few queries it takes."""

from datetime import timedelta

import pytest

from portal.approvals import services
from portal.core import clock
from tests.approvals.wish import PATH, Wish, WishKind

URL = "/approvals/statistics/"


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()


def asked(world, name, *, hours=3, choice=""):
    """A wish of some hours ago; with a choice bob decided on it now."""
    wish = WishKind.wishes[name] = Wish(name, world.web)
    with clock.travel(clock.now() - timedelta(hours=hours)):
        made = services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title=f"Wish {name}")
    if choice:
        services.vote(made, choice, made.card_hash, actor=world.actor("bob"), note="Because")
    return made


def test_it_shows_the_figures_and_links_what_waits(world, signed_in):
    asked(world, "one", choice="approve")
    asked(world, "two", choice="deny", hours=5)
    waiting = asked(world, "three")
    page = signed_in("bob").get(URL).text
    for text in ("1 approved, 1 denied", "4.0 <small>h</small>", "Bob Test", f"/inbox/{waiting.pk}/", "Wish three"):
        assert text in page
    assert URL in signed_in("bob").get("/inbox/").text


def test_who_makes_the_policies_finds_it_beside_them(world, signed_in):
    assert URL in signed_in("erin").get("/policies/").text
    assert "Nothing was asked in these days" in signed_in("erin").get(URL).text


@pytest.mark.parametrize("name", ["alice"])
def test_who_decides_nowhere_finds_nothing(world, signed_in, name):
    assert signed_in(name).get(URL).status_code == 404


def test_of_another_organization_there_is_nothing(world, signed_in):
    asked(world, "one", choice="approve")
    page = signed_in("mallory").get(URL, {"scope": world.web.pk}).text
    assert "Nothing was asked in these days" in page
    assert "Wish one" not in page


@pytest.mark.parametrize(
    "query", ["days=-1", "days=x&kind=y&scope=z", "scope=%00", "kind=%FF", "days=" + "9" * 400, "days=30&days=90", "x=1"]
)
def test_nonsense_narrows_nothing(world, signed_in, query):
    asked(world, "one", choice="approve")
    answer = signed_in("bob").get(f"{URL}?{query}")
    assert answer.status_code == 200
    assert "1 approved, 0 denied" in answer.text


def test_a_filter_narrows_it_and_says_when_nothing_fits(world, signed_in):
    asked(world, "one", choice="approve")
    browser = signed_in("erin")
    assert "1 approved, 0 denied" in browser.get(URL, {"kind": "wish", "scope": world.web.pk, "days": 90}).text
    page = browser.get(URL, {"scope": world.logistics.pk}).text
    assert "Nothing fits this filter" in page
    assert f'value="{world.logistics.pk}" selected' in page


def test_it_takes_few_queries_whatever_there_is(world, signed_in, in_few_queries):
    for number in range(12):
        asked(world, f"w{number}", choice=("approve", "deny", "return", "")[number % 4])
    with clock.travel(clock.now()):
        for name in ("bob", "erin"):
            assert in_few_queries(signed_in(name), URL).status_code == 200
