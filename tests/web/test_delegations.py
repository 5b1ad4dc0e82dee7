"""The page of delegations: a window given by a form, ended by a button, and whose it is not is not there."""

from datetime import timedelta
from decimal import Decimal

import pytest

from portal.approvals.delegations import delegate
from portal.approvals.models import Delegation
from portal.core import clock
from tests.approvals.wish import PATH
from tests.cast import give, person


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]


@pytest.fixture
def window(world):
    given = {
        "ends": clock.now() + timedelta(days=7),
        "reason": "On leave",
        "kinds": ["wish"],
        "most_per_month": Decimal(1200),
    }
    return delegate(world.nordwind, world.carol, actor=world.actor("bob"), **given)


def sent(**fields):
    until = (clock.now() + timedelta(days=14)).date().isoformat()
    return {"delegate": "carol", "ends": until, "reason": "On leave", **fields}


def test_she_names_who_decides_in_her_place(world, signed_in):
    browser = signed_in("bob")
    assert browser.post("/delegations/", sent(kinds=["wish"], most_per_month="1200")).status_code == 302
    made = Delegation.objects.get()
    assert (made.delegator, made.delegate, made.kinds, made.most_per_month) == (world.bob, world.carol, ["wish"], 1200)
    page = browser.get("/delegations/").content.decode()
    for text in ("Carol Test", "On leave", "Wish", "1,200.00", "End now"):
        assert text in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"delegate": "nobody"}, "Nobody here is known by exactly this name"),
        ({"delegate": "mallory"}, "Nobody in Nordwind is known by exactly this name"),
        ({"delegate": "bob"}, "This is you"),
        ({"ends": "2999-01-01"}, "At most 90 days"),
        ({"ends": ""}, "required"),
        ({"reason": ""}, "required"),
        ({"kinds": ["x"]}, "Select a valid choice"),
        ({"most_per_month": "-1"}, "greater than or equal to 0"),
        ({"most_per_month": "NaN"}, "Enter a number"),
        ({"reason": "\x00"}, "Null characters"),
    ],
)
def test_what_makes_no_sense_is_said_beside_the_field_and_nothing_is_lost(world, signed_in, fields, said):
    answer = signed_in("bob").post("/delegations/", sent(**fields))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert not Delegation.objects.exists()
    if "delegate" not in fields:
        assert 'value="carol"' in page


def test_a_second_window_about_the_same_is_refused_in_the_form(world, signed_in, window):
    answer = signed_in("bob").post("/delegations/", sent())
    assert answer.status_code == 422
    assert "stands in for you" in answer.content.decode()


@pytest.mark.parametrize(("name", "act"), [("bob", "End now"), ("carol", "Give back")])
def test_either_ends_it_and_the_second_click_changes_nothing(world, signed_in, window, name, act):
    browser = signed_in(name)
    assert act in browser.get(f"/delegations/{window.pk}/").content.decode()
    for _ in range(2):
        assert browser.post(f"/delegations/{window.pk}/end/").status_code == 302
    window.refresh_from_db()
    assert window.ended_by == world.people[name]
    assert "Ended early" in browser.get("/delegations/").content.decode()


@pytest.mark.parametrize("name", ["alice", "erin", "mallory"])
def test_whose_it_is_not_finds_nothing(world, signed_in, window, name):
    browser = signed_in(name)
    assert browser.get(f"/delegations/{window.pk}/").status_code == 404
    assert browser.post(f"/delegations/{window.pk}/end/").status_code == 404
    assert "On leave" not in browser.get("/delegations/").content.decode()


def test_who_decides_nowhere_has_no_form_and_sends_none(world, signed_in):
    browser = signed_in("alice")
    page = browser.get("/delegations/").content.decode()
    assert "You decide nowhere" in page
    assert 'name="delegate"' not in page
    browser.post("/delegations/", sent())
    assert not Delegation.objects.exists()


def test_the_page_takes_few_queries_whatever_was(world, signed_in, in_few_queries):
    rows = []
    for number in range(60):
        other = person(f"other{number}")
        give(other, "viewer", world.retail)
        began = clock.now() - timedelta(days=200 + number)
        ends = clock.now() + timedelta(days=7) if number < 9 else began + timedelta(days=2)
        given = {"organization": world.nordwind, "delegator": other, "delegate": world.bob, "reason": "x"}
        rows.append(Delegation(starts=began, ends=ends, **given))
    Delegation.objects.bulk_create(rows)
    page = in_few_queries(signed_in("bob"), "/delegations/?page=nonsense").content.decode()
    assert "1 to 50 of 51" in page
