"""The page on which somebody leaves: looked over, done at once or on a day, and what became of each thing."""

from datetime import timedelta

import pytest
from django.urls import reverse

from portal.access.models import Scope
from portal.core import clock
from portal.identity.models import Leaving
from portal.provisioning.models import Resource
from portal.users.models import User
from tests.cast import give


@pytest.fixture
def hers(market, world):
    """A project that alice owns, a server of hers, and bob who could take over the project."""
    Scope.objects.filter(pk=world.web.pk).update(owner=world.alice)
    market.active("web-1", key="hers")
    give(world.bob, "member", world.web)
    return market


def page_of(person):
    return reverse("person-leave", args=[person.pk])


def test_it_shows_what_she_has_and_where_it_would_go_and_changes_nothing(hers, world, signed_in, in_few_queries):
    page = signed_in("erin").get(page_of(world.alice)).text
    assert "web-1" in page
    assert "web" in page
    assert "→" in page
    assert not Leaving.objects.exists()


def test_everything_goes_to_the_one_who_was_chosen_and_she_is_out(hers, world, signed_in):
    browser = signed_in("erin")
    looked = browser.get(page_of(world.alice), {"default": str(world.bob.pk)}).text
    assert f'value="{world.bob.pk}" selected' in looked
    answer = browser.post(page_of(world.alice), {"default": str(world.bob.pk), "reason": "Moved on."})
    found = Leaving.objects.get()
    assert answer["Location"] == reverse("leaving", args=[found.pk])
    assert (found.state, found.reason) == ("done", "Moved on.")
    assert Resource.objects.get(name="web-1").requester == world.bob
    assert Scope.objects.get(pk=world.web.pk).owner == world.bob
    assert not User.objects.get(pk=world.alice.pk).is_active
    shown = browser.get(answer["Location"]).text
    assert "web-1" in shown
    assert "Bob Test" in shown
    again = browser.post(page_of(world.alice), {"default": str(world.bob.pk), "reason": "Moved on."})
    assert again["Location"] == answer["Location"]
    assert "Alice Test" in browser.get(reverse("leavings")).text


def test_one_thing_may_go_to_another_and_who_cannot_take_it_is_refused(hers, world, signed_in):
    browser = signed_in("erin")
    answer = browser.post(
        page_of(world.alice), {"default": str(world.dave.pk), "reason": "x", "kind-scope": str(world.mallory.pk)}
    )
    assert answer.status_code == 422
    assert "has no role that reaches it" in answer.text
    assert Resource.objects.get(name="web-1").requester == world.alice
    assert User.objects.get(pk=world.alice.pk).is_active
    assert not Leaving.objects.exists()


def test_a_day_is_planned_changed_and_called_off(hers, world, signed_in):
    browser = signed_in("erin")
    day = (clock.now() + timedelta(days=9)).date().isoformat()
    answer = browser.post(page_of(world.alice), {"default": str(world.bob.pk), "reason": "Moves.", "on": day})
    found = Leaving.objects.get()
    assert found.state == "planned"
    assert f'value="{world.bob.pk}" selected' in browser.get(page_of(world.alice)).text, "the plan's own choice is shown"
    assert "Call off" in browser.get(answer["Location"]).text
    called_off = browser.post(reverse("leaving-call-off", args=[found.pk]), follow=True)
    assert "Alice Test stays." in called_off.text
    assert User.objects.get(pk=world.alice.pk).is_active
    assert Leaving.objects.get().state == "cancelled"


@pytest.mark.parametrize("given", [{"reason": ""}, {"reason": "x", "on": "2001-01-01"}, {"reason": "x", "on": "soon"}])
def test_what_cannot_be_is_said_in_the_form(world, signed_in, given):
    answer = signed_in("erin").post(page_of(world.alice), {"default": "owner", **given})
    assert answer.status_code == 422
    assert not Leaving.objects.exists()


def test_nonsense_in_the_choice_is_no_choice(hers, world, signed_in):
    asked = {"default": "nobody", "kind-dragon": "x", "thing-\x00": "y", "organization": "none"}
    assert signed_in("erin").get(page_of(world.alice), asked).status_code == 200


def test_nobody_lets_herself_leave_nor_the_last_admin(world, signed_in):
    browser = signed_in("erin")
    assert "ask another admin" in browser.get(page_of(world.erin)).text
    assert browser.post(page_of(world.erin), {"default": "owner", "reason": "x"}).status_code == 422
    assert User.objects.get(pk=world.erin.pk).is_active


def test_what_a_disabled_person_still_has_is_listed_and_handed_over(hers, world, signed_in, in_few_queries):
    User.objects.filter(pk=world.alice.pk).update(is_active=False, disabled_at=clock.now())
    browser = signed_in("erin")
    shown = in_few_queries(browser, reverse("leavings"), most=18).text
    assert "still answers for 2 things" in shown
    browser.post(page_of(world.alice), {"default": str(world.bob.pk), "reason": "Late."})
    assert Resource.objects.get(name="web-1").requester == world.bob
    assert "Everything has somebody who answers for it." in browser.get(reverse("leavings")).text


@pytest.mark.parametrize("name", ["alice", "bob", "mallory"])
def test_others_find_nothing(world, signed_in, name):
    found = Leaving.objects.create(
        organization=world.nordwind, person=world.dave, asked_by=world.erin, due_at=clock.now() + timedelta(days=3)
    )
    browser = signed_in(name)
    assert browser.get(page_of(world.dave)).status_code == 404
    assert browser.post(page_of(world.dave), {"default": "owner", "reason": "x"}).status_code == 404
    assert browser.get(reverse("leaving", args=[found.pk])).status_code == 404
    assert browser.post(reverse("leaving-call-off", args=[found.pk])).status_code == 404
    answer = browser.get(reverse("leavings"))
    assert answer.status_code == (200 if name == "mallory" else 404)
    assert "Dave Test" not in answer.text
