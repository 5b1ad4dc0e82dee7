"""The page of calendars: made, changed and chosen by a form; what makes no sense is said; nobody else finds it."""

from datetime import date, time

import pytest

from portal.access.models import Assignment, Role, Scope
from portal.approvals.calendars import set_calendar, work_of
from portal.approvals.models import Calendar
from portal.events.models import Event
from tests.cast import person, scope

WEEK = {"name": "Four days", "days": ["0", "1", "2", "3"], "begins": "08:00", "ends": "18:30", "holidays": ""}


def sent(**fields):
    return {**WEEK, **fields}


@pytest.fixture
def four(world):
    given = {"days": [0, 1, 2, 3], "begins": time(8), "ends": time(18)}
    return set_calendar(world.nordwind, "Four days", actor=world.actor("erin"), **given)


def test_who_makes_the_policies_makes_a_calendar_and_chooses_it(world, signed_in):
    browser = signed_in("erin")
    assert "/calendars/" in browser.get("/policies/").text
    page = browser.get("/calendars/").text
    for text in ("The usual one", "Monday to Friday", "09:00 – 17:00", "wherever no other is chosen"):
        assert text in page
    assert browser.post("/calendars/", sent(holidays="2026-12-25\n\n 2026-12-26 \n2026-12-25")).status_code == 302
    made = Calendar.objects.get()
    assert (made.key, made.days, made.ends) == ("four-days", [0, 1, 2, 3], time(18, 30))
    assert made.holidays == [date(2026, 12, 25), date(2026, 12, 26)]
    assert "no place yet" in browser.get("/calendars/").text
    assert browser.post("/calendars/choose/", {"scope": world.retail.pk, "calendar": "four-days"}).status_code == 302
    assert work_of(Scope.objects.get(pk=world.web.pk)).days == frozenset({0, 1, 2, 3})
    page = browser.get("/calendars/").text
    for text in ("Four days", "Monday to Thursday", "08:00 – 18:30", f"/scopes/{world.retail.pk}/"):
        assert text in page
    assert Event.objects.filter(action__in=("approvals.set_calendar", "approvals.choose_calendar")).count() == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "required"),
        ({"name": "   "}, "required"),
        ({"name": "x" * 121}, "at most 120"),
        ({"name": "\x00"}, "Null characters"),
        ({"days": []}, "required"),
        ({"days": ["7"]}, "Select a valid choice"),
        ({"begins": "x"}, "Enter a valid time"),
        ({"begins": "18:30"}, "begins before it ends"),
        ({"begins": "19:00"}, "begins before it ends"),
        ({"holidays": "2026-12-25\n25.12.2026"}, "Line 2 is no date: 25.12.2026"),
        ({"holidays": "2026-02-30"}, "Line 1 is no date"),
        ({"holidays": "\n".join(str(date.fromordinal(739_000 + day)) for day in range(401))}, "At most 400 days"),
        ({"holidays": "9" * 20_001}, "at most 20000"),
        ({"name": "default"}, "This name is taken"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_lost(world, signed_in, fields, said):
    answer = signed_in("erin").post("/calendars/", sent(**fields))
    assert (answer.status_code, Calendar.objects.count()) == (422, 0)
    assert said in answer.text
    if "ends" not in fields:
        assert 'value="18:30"' in answer.text


@pytest.mark.parametrize("name", ["Four days", "four DAYS", "Four-days"])
def test_the_second_click_makes_no_second_one_and_changes_nothing(world, signed_in, four, name):
    answer = signed_in("erin").post("/calendars/", sent(name=name, days=["6"]))
    assert answer.status_code == 422
    assert "This name is taken" in answer.text
    four.refresh_from_db()
    assert four.days == [0, 1, 2, 3]


def test_a_name_without_latin_letters_is_a_name(world, signed_in):
    browser = signed_in("erin")
    assert browser.post("/calendars/", sent(name="四天")).status_code == 302
    assert browser.post("/calendars/", sent(name="五天")).status_code == 302
    assert Calendar.objects.filter(key__startswith="calendar-").count() == 2


def test_the_usual_one_is_put_in_place_of_monday_to_friday(world, signed_in):
    browser = signed_in("erin")
    assert browser.post("/calendars/", sent(name="Everybody", usual="on")).status_code == 302
    assert work_of(world.web).ends == time(18, 30)
    page = browser.get("/calendars/").text.split("Make a calendar")[0]
    assert "Everybody" in page
    assert "The usual one" not in page
    answer = browser.post("/calendars/", sent(name="Another", usual="on", days=["6"]))
    assert answer.status_code == 422
    assert "There is a usual one already" in answer.text
    assert Calendar.objects.get().days == [0, 1, 2, 3]


def test_one_is_changed_and_keeps_its_key(world, signed_in, four):
    browser = signed_in("erin")
    page = browser.get(f"/calendars/{four.pk}/").text
    assert 'value="08:00"' in page
    assert "Thursday" in page
    answer = browser.post(f"/calendars/{four.pk}/", sent(name="Five days", days=["0", "1", "2", "3", "4"]))
    assert answer.status_code == 302
    four.refresh_from_db()
    assert (four.key, four.name, four.days) == ("four-days", "Five days", [0, 1, 2, 3, 4])
    assert browser.post(f"/calendars/{four.pk}/", sent(begins="23:00")).status_code == 422


@pytest.mark.parametrize("name", ["alice", "bob", "dave"])
def test_nobody_else_finds_it(world, signed_in, four, name):
    browser = signed_in(name)
    for address in ("/calendars/", f"/calendars/{four.pk}/", "/calendars/choose/"):
        assert browser.post(address, sent()).status_code in (403, 404)
    assert browser.get("/calendars/").status_code == 404


def test_another_organization_sees_and_chooses_none_of_it(world, signed_in, four):
    browser = signed_in("mallory")
    assert "Four days" not in browser.get("/calendars/").text
    assert browser.get(f"/calendars/{four.pk}/").status_code == 404
    assert browser.post(f"/calendars/{four.pk}/", sent(name="Mine")).status_code == 404
    for place, key in ((world.other.pk, "four-days"), (world.web.pk, "default"), ("x", "\x00")):
        assert browser.post("/calendars/choose/", {"scope": place, "calendar": key}).status_code == 422
    assert set(Scope.objects.values_list("calendar", flat=True)) == {"default"}


def test_who_makes_the_policies_of_a_tenant_chooses_there_and_makes_none(world, signed_in, four):
    role = Role.objects.create(key="ruler", name="Ruler", permissions=["manage_policies", "view_scope"])
    world.people["rita"] = person("rita")
    Assignment.objects.create(user=world.rita, role=role, scope=world.retail)
    browser = signed_in("rita")
    page = browser.get("/calendars/").text
    assert "Four days" in page
    assert "Make the calendar" not in page
    assert "Change the calendar" not in browser.get(f"/calendars/{four.pk}/").text
    assert browser.post(f"/calendars/{four.pk}/", sent(name="Mine")).status_code in (403, 404)
    assert browser.post("/calendars/", sent(name="Mine")).status_code == 200
    assert Calendar.objects.get().name == "Four days"
    assert browser.post("/calendars/choose/", {"scope": world.retail.pk, "calendar": "four-days"}).status_code == 302
    assert browser.post("/calendars/choose/", {"scope": world.logistics.pk, "calendar": "four-days"}).status_code == 422


def test_many_calendars_and_places_take_few_queries(world, signed_in, in_few_queries):
    week = {"days": [0], "begins": time(9), "ends": time(17), "scope": world.nordwind}
    Calendar.objects.bulk_create(Calendar(key=f"c{number}", name=f"Week {number}", **week) for number in range(120))
    for number in range(40):
        Scope.objects.filter(pk=scope(f"T{number}", world.nordwind).pk).update(calendar=f"c{number % 5}")
    page = in_few_queries(signed_in("erin"), "/calendars/").text
    assert page.count(">Week 1<") == 2  # in the list and to choose from
    assert page.count(">Week 99<") == 1  # on another page of the list, and to choose from all the same
    assert in_few_queries(signed_in("erin"), "/calendars/?page=3").status_code == 200
