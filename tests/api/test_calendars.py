"""Calendars and the statistics of decisions through the API."""

import pytest

from portal.access.models import Scope
from portal.approvals import services
from portal.approvals.models import Calendar
from tests.addresses import week_of
from tests.approvals.wish import PATH, Wish, WishKind


def new(world, name="Five days", **given):
    return {"organization": str(world.nordwind.pk), **week_of(name), **given}


def test_a_calendar_is_made_once_read_changed_and_chosen(caller, world):
    erin = caller("erin")
    answer = erin.post("calendars/", new(world), Idempotency_Key="one")
    made = answer.json()
    assert (answer.status_code, made["key"], made["holidays"]) == (201, "five-days", ["2026-12-25"])
    assert erin.post("calendars/", new(world), Idempotency_Key="one").json() == made
    assert erin.get(answer["Location"].removeprefix("/api/")).json() == made
    assert erin.get("calendars/").json()["results"] == [made]
    changed = erin.send("PUT", f"calendars/{made['id']}/", {**week_of("Six days"), "days": [0, 1, 2, 3, 4, 5]}).json()
    assert (changed["id"], changed["key"], changed["days"]) == (made["id"], "five-days", [0, 1, 2, 3, 4, 5])
    chosen = erin.send("PUT", f"scopes/{world.retail.pk}/calendar/", {"calendar": "five-days"}).json()
    assert chosen == {"id": str(world.retail.pk), "name": "Retail", "calendar": "five-days"}
    assert Scope.objects.get(pk=world.retail.pk).calendar == "five-days"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"days": []}, "days"),
        ({"days": [7]}, "days"),
        ({"begins": "18:00"}, "ends"),
        ({"holidays": ["2026-13-01"]}, "holidays"),
        ({"holidays": ["2026-12-25"] * 401}, "holidays"),
        ({"name": "default"}, "name"),
        ({"key": "mine"}, "key"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(caller, world, given, field):
    answer = caller("erin").post("calendars/", new(world, **given))
    assert (answer.status_code, Calendar.objects.count()) == (400, 0)
    assert field in {name.split(".")[0] for name in answer.json()["errors"]}


def test_a_calendar_is_an_organizations(caller, world):
    answer = caller("erin").post("calendars/", new(world, organization=str(world.retail.pk)))
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["organization"])
    assert caller("erin").send("PUT", f"scopes/{world.web.pk}/calendar/", {"calendar": "nowhere"}).status_code == 400


def test_the_usual_one_is_made_under_its_own_key(caller, world):
    assert caller("erin").post("calendars/", new(world, usual=True)).json()["key"] == "default"
    again = caller("erin").post("calendars/", new(world, "Another", usual=True))
    assert (again.status_code, list(again.json()["errors"])) == (400, ["usual"])


def test_the_statistics_are_those_of_the_page(caller, world, settings, in_few_queries):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    wish = WishKind.wishes["s"] = Wish("s", world.web)
    made = services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish")
    found = in_few_queries(caller("bob"), f"approvals/statistics/?days=90&kind=wish&scope={world.retail.pk}").json()
    assert (found["days"], found["all"]["asked"], found["all"]["allowed_share"], found["all"]["waiting"]) == (90, 1, 0, 1)
    assert [each["id"] for each in found["slowest"]] == [str(made.pk)]
    services.vote(made, "approve", made.card_hash, actor=world.actor("bob"))
    found = caller("bob").get("approvals/statistics/").json()
    assert (found["days"], found["kinds"][0]["approved"], found["deciders"][0]["name"]) == (30, 1, "Bob Test")
    assert 0 <= found["all"]["hours"]["median"] < 1
    assert caller("alice").get("approvals/statistics/").status_code == 404


@pytest.mark.parametrize(
    ("query", "status"), [("days=31", 400), ("days=x", 400), ("kind=x", 400), ("scope=x", 400), ("other=1", 400)]
)
def test_a_question_that_makes_no_sense_is_refused(caller, world, query, status):
    assert caller("bob").get(f"approvals/statistics/?{query}").status_code == status


def test_of_a_place_of_others_there_are_no_figures(caller, world):
    assert caller("mallory").get(f"approvals/statistics/?scope={world.web.pk}").status_code == 404
