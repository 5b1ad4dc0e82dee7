"""Working hours: when what may take so many of them is due."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.access.models import Scope
from portal.approvals.calendars import choose_calendar, set_calendar, work_of
from portal.approvals.hours import Hours, due_after, hours_between
from portal.core.errors import Invalid, NotFound

BERLIN = Hours(zone="Europe/Berlin")
FRIDAY = datetime(2026, 3, 27, 16, 0, tzinfo=ZoneInfo("Europe/Berlin"))


def local(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo("Europe/Berlin")).strftime("%a %H:%M")


def test_a_weekend_and_the_change_of_clocks_pass_without_counting() -> None:
    assert local(due_after(FRIDAY, 2, BERLIN)) == "Mon 10:00"


def test_what_is_due_at_closing_time_is_due_that_day() -> None:
    assert local(due_after(FRIDAY, 1, BERLIN)) == "Fri 17:00"


def test_a_day_off_does_not_count() -> None:
    easter = Hours(zone="Europe/Berlin", holidays=frozenset({date(2026, 3, 30)}))
    assert local(due_after(FRIDAY, 2, easter)) == "Tue 10:00"


def test_what_begins_at_night_starts_in_the_morning() -> None:
    assert local(due_after(FRIDAY + timedelta(hours=10), 3, BERLIN)) == "Mon 12:00"


def test_where_work_never_stops_hours_are_hours() -> None:
    always = Hours(days=range(7), begins=time(0), ends=time(23, 59, 59, 999999))
    assert due_after(FRIDAY, 48, always) - FRIDAY < timedelta(hours=48, seconds=1)


@pytest.mark.parametrize("wrong", [{"days": ()}, {"days": (7,)}, {"begins": time(17), "ends": time(9)}])
def test_a_week_without_work_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError):
        Hours(**wrong)


minutes = st.integers(0, 365 * 24 * 60)
moments = minutes.map(lambda passed: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=passed))
weeks = st.builds(
    Hours,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    begins=st.times(time(0), time(11)).map(lambda each: each.replace(second=0, microsecond=0)),
    ends=st.times(time(12), time(23)).map(lambda each: each.replace(second=0, microsecond=0)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Shanghai", "Pacific/Apia"]),
    holidays=st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=10),
)


@settings(deadline=None)
@given(moments, st.integers(1, 200), weeks)
def test_as_many_hours_lie_before_the_due_moment_as_it_may_take(start: datetime, hours: int, work: Hours) -> None:
    due = due_after(start, hours, work)
    assert due > start
    assert hours_between(start, due, work) == pytest.approx(hours)


@settings(deadline=None)
@given(moments, st.integers(1, 50), st.integers(1, 50), weeks)
def test_more_time_is_never_due_earlier(start: datetime, few: int, more: int, work: Hours) -> None:
    assert due_after(start, few + more, work) > due_after(start, few, work)


def test_the_nearest_calendar_holds_and_the_house_has_one(world) -> None:
    assert work_of(world.web) == Hours(zone=world.web.zone)
    erin = world.actor("erin")
    week = {"days": [0, 1, 2, 3], "begins": time(8), "ends": time(18)}
    set_calendar(world.nordwind, "Four days", actor=erin, **week)
    set_calendar(world.nordwind, "Everybody", key="default", actor=erin, **week | {"days": [0]})
    assert work_of(world.web).days == frozenset({0})
    choose_calendar(world.retail, "four-days", actor=erin)
    assert work_of(Scope.objects.get(pk=world.web.pk)).days == frozenset({0, 1, 2, 3})
    assert work_of(world.other).days == Hours().days


def test_a_calendar_is_an_admins_to_set_and_a_wrong_one_is_refused(world) -> None:
    week = {"days": [0], "begins": time(8), "ends": time(18)}
    with pytest.raises(NotFound):
        set_calendar(world.nordwind, "Mine", actor=world.actor("alice"), **week)
    with pytest.raises(Invalid):
        set_calendar(world.nordwind, "Never", actor=world.actor("erin"), **week | {"days": []})
    with pytest.raises(Invalid):
        choose_calendar(world.web, "nowhere", actor=world.actor("erin"))
