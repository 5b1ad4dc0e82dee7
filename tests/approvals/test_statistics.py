"""The statistics of decisions, held against figures worked out by hand on one small week."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from portal.access.models import Scope
from portal.approvals import services
from portal.approvals.calendars import choose_calendar, hours_of_week, set_calendar, with_weeks, work_of
from portal.approvals.models import Approval, Stage
from portal.approvals.statistics import Span, percentile, statistics_for
from portal.approvals.timeouts import expire
from portal.core import clock
from portal.core.errors import NotFound
from tests.approvals.wish import PATH, Wish, WishKind

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(hours=27)
STAGE = {"who": {"pick": "role", "role": "approver"}, "due_hours": 9, "on_timeout": "expire"}


def at(hours=0, days=0):
    return clock.travel(MONDAY + timedelta(days=days, hours=hours))


@pytest.fixture(autouse=True)
def _rules(world, settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()
    with at(days=-200):
        for name, operator, stages in (("Dear", "ge", [STAGE]), ("Small", "lt", [])):
            test = {"field": "cost_per_month", "operator": operator, "value": "100"}
            services.publish_policy(
                world.nordwind, name, subject_kind="wish", conditions=[test], stages=stages, actor=world.actor("erin")
            )


@pytest.fixture
def ask(world):
    def ask(name, *, hours=0, days=0, cost="120.00", scope=None):
        wish = WishKind.wishes[name] = Wish(name, scope or world.web, {"cost_per_month": cost, "action": "create"})
        with at(hours, days):
            return services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title=f"Wish {name}")

    return ask


@pytest.fixture
def vote(world):
    def vote(approval, choice, *, hours=0, days=0):
        with at(hours, days):
            services.vote(approval, choice, approval.card_hash, actor=world.actor("bob"), note="Because")

    return vote


@pytest.fixture
def week(world, ask, vote):
    """Eight things asked on a Monday at nine, due on Tuesday at ten; one forty days and one a hundred days before."""
    for name, choice, hours in (("a", "approve", 2), ("b", "deny", 4), ("c", "approve", 10), ("e", "return", 3)):
        vote(ask(name), choice, hours=hours)
    withdrawn, _allowed, _waits, expired = ask("d"), ask("f", cost="20.00"), ask("g"), ask("h")
    with at(1):
        services.withdraw(withdrawn, actor=world.actor("alice"))
    with at(26):
        expire(expired.pk, actor=world.actor("erin"))
    vote(ask("j", days=-40), "approve", days=-40, hours=6)
    vote(ask("i", days=-100), "approve", days=-99)


def told(world, name="erin", now=TUESDAY, **about):
    with clock.travel(now):
        return statistics_for(world.actor(name), **about)


def counts(figures):
    names = ("asked", "allowed", "approved", "denied", "returned", "withdrawn", "expired", "waiting", "overdue")
    return tuple(getattr(figures, name) for name in names)


def test_what_became_of_it(world, week):
    found = told(world)
    assert counts(found.whole) == (8, 1, 2, 1, 1, 1, 1, 1, 1)
    assert found.whole.decided == 3
    assert found.whole.allowed_share == 1 / 8
    [wish] = found.kinds
    assert (wish.kind, counts(wish)) == ("wish", counts(found.whole))


def test_how_long_it_took_by_the_clock_and_in_working_hours(world, week):
    """2, 4 and 10 hours; of the last, which ended in the evening, eight were worked."""
    found = told(world).whole
    assert found.took == Span(4, pytest.approx(8.8))
    assert found.worked == Span(4, pytest.approx(7.2))
    assert found.stage == Span(3.5, pytest.approx(8.2)), "2, 4, 10, and 3 of the one that was returned"


def test_who_decided_how_often_and_how_fast(world, week):
    [bob] = told(world).deciders
    assert (bob.id, bob.name, bob.votes) == (world.bob.pk, "Bob Test", 4)
    assert (bob.approved, bob.denied, bob.returned) == (2, 1, 1)
    assert bob.took == Span(3.5, pytest.approx(8.2))


def test_what_waits_longest_stands_first(world, week, ask):
    ask("later", hours=5)
    found = told(world).slowest
    assert [(each.title, each.opened_at) for each in found] == [
        ("Wish g", MONDAY),
        ("Wish later", MONDAY + timedelta(hours=5)),
    ]


def test_more_days_tell_of_more_and_what_waits_is_of_now(world, week):
    assert counts(told(world, days=90).whole) == (9, 1, 3, 1, 1, 1, 1, 1, 1)
    assert told(world, days=90).whole.took == Span(5, pytest.approx(8.8))
    after = told(world, now=MONDAY + timedelta(days=32)).whole
    assert counts(after) == (0, 0, 0, 0, 0, 0, 0, 1, 1)
    assert (after.took, after.allowed_share, after.is_empty) == (Span(), None, False)


def test_before_it_is_due_nothing_is_overdue(world, week):
    assert told(world, now=MONDAY + timedelta(hours=7)).whole.overdue == 0


def test_a_vote_that_was_set_aside_is_nobodys_decision(world, ask, vote):
    services.publish_policy(
        world.nordwind,
        "Two",
        subject_kind="wish",
        conditions=[],
        stages=[STAGE, {**STAGE, "who": {"pick": "role", "role": "organization_admin"}, "position": 2}],
        actor=world.actor("erin"),
    )
    with clock.travel(clock.now()):
        wish = WishKind.wishes["x"] = Wish("x", world.web)
        asked = services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish")
        services.vote(asked, "approve", asked.card_hash, actor=world.actor("bob"))
        assert [each.votes for each in statistics_for(world.actor("erin")).deciders] == [1]
        wish.facts = {**wish.facts, "cost_per_month": "900.00"}
        services.facts_changed("wish", "x", actor=world.actor("alice"))
        assert statistics_for(world.actor("erin")).deciders == []


def test_each_sees_the_figures_of_what_she_may_see(world, week, ask):
    ask("k", scope=world.fleet)
    assert told(world).whole.asked == 9
    assert told(world, "bob").whole.asked == 8
    assert told(world, within=str(world.fleet.path)).whole.asked == 1
    assert told(world, within=str(world.retail.path)).whole.asked == 8
    assert told(world, kind="order").whole.is_empty
    assert told(world, "mallory").whole.is_empty
    with pytest.raises(NotFound):
        told(world, "alice")


def test_nothing_was_ever_asked(world):
    found = told(world)
    assert found.whole.is_empty
    assert (found.whole.took, found.whole.worked, found.whole.stage) == (Span(), Span(), Span())
    assert (list(found.kinds), found.deciders, found.slowest) == ([], [], [])


def test_a_night_and_a_weekend_are_not_worked(world, ask, vote):
    """From Friday four in the afternoon to Monday ten: 66 hours, two of them worked; by a calendar of every day and hour all."""
    vote(ask("w", days=4, hours=7), "approve", days=7, hours=1)
    assert told(world, now=MONDAY + timedelta(days=8)).whole.worked.median == 2
    always = {"days": range(7), "begins": time(0), "ends": time(23, 59)}
    set_calendar(world.nordwind, "Always", actor=world.actor("erin"), **always)
    choose_calendar(world.retail, "always", actor=world.actor("erin"))
    found = told(world, now=MONDAY + timedelta(days=8)).whole
    assert (found.took.median, found.worked.median) == (66, pytest.approx(66 - 3 / 60))


def test_the_calendar_of_many_is_that_of_each(world, ask):
    erin = world.actor("erin")
    given = {"days": [0, 1], "begins": time(8), "ends": time(12, 30), "holidays": [date(2026, 12, 25)]}
    for place in (world.web, world.fleet, world.retail, world.nordwind):
        ask(str(place.pk), scope=place)
    same(world)
    set_calendar(world.nordwind, "Usual", key="default", actor=erin, **given)
    set_calendar(world.nordwind, "Short", actor=erin, **given | {"days": [2]})
    set_calendar(world.nordwind, "Shorter", actor=erin, **given | {"days": [3]})
    same(world)
    choose_calendar(world.retail, "short", actor=erin)
    Scope.objects.filter(pk=world.web.pk).update(zone="Asia/Tokyo")
    same(world)
    choose_calendar(Scope.objects.get(pk=world.web.pk), "shorter", actor=erin)
    same(world)


def same(world):
    rows = list(with_weeks(Approval.objects.select_related("scope")))
    assert len(rows) == 4
    for row in rows:
        assert hours_of_week(row.week, row.scope.zone) == work_of(row.scope), row.scope


def test_a_stage_that_time_agreed_to_is_not_one_that_people_decided(world, week):
    Stage.objects.filter(state="done").update(by_time=True)
    assert told(world).whole.stage.median == 3.5  # 4 and 3 are left


@pytest.mark.parametrize(
    ("lengths", "share", "said"), [([], 0.5, None), ([7], 0.9, 7), ([1, 2], 0.5, 1.5), ([3, 1, 2], 1, 3), ([1, 2, 3], 0, 1)]
)
def test_a_percentile_lies_between_the_two_nearest(lengths, share, said):
    assert percentile(lengths, share) == said
