"""The life of a resource: half-open lines that never overlap, whatever the clock does."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from portal.core import clock
from portal.provisioning.lifelines import mark, mark_all, size_of
from portal.provisioning.models import Lifeline, Resource
from portal.provisioning.services import request_resource

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def a_resource(market, name="web-1"):
    with clock.travel(NOON):
        return request_resource(
            market.world.web,
            market.server,
            {"name": name, "disk_gib": 20},
            market.aws,
            "eu-west-1",
            requester=market.world.alice,
            cause="",
            actor=market.world.actor("alice"),
        )


@pytest.fixture
def resource(market):
    return a_resource(market)


def turn(resource, state, minutes, **more):
    resource.state = state
    resource.save()
    mark(resource, NOON + timedelta(minutes=minutes), **more)


def lines(resource):
    """(state, minutes from, minutes to) of each, checked to be half-open and free of overlaps."""
    rows = list(Lifeline.objects.filter(resource=resource).order_by("period"))
    assert all(line.period.lower_inc and not line.period.upper_inc for line in rows)
    assert all(left.period.upper <= right.period.lower for left, right in pairwise(rows))
    return [(line.state, minutes(line.period.lower), minutes(line.period.upper)) for line in rows]


def minutes(at):
    return None if at is None else round((at - NOON) / timedelta(minutes=1), 3)


def test_states_follow_each_other_without_a_gap(resource):
    for minute, state in enumerate(("creating", "running", "running", "stopping", "stopped", "removing", "gone")):
        turn(resource, state, minute)
    assert lines(resource) == [
        ("creating", 0, 1),
        ("running", 1, 3),
        ("stopping", 3, 4),
        ("stopped", 4, 5),
        ("removing", 5, 6),
    ]


def test_the_first_line_starts_when_the_cloud_says_it_was_made(resource):
    turn(resource, "running", 5, began=NOON + timedelta(minutes=2))
    assert lines(resource) == [("running", 2, None)]


@pytest.mark.parametrize("began", [-60, 60], ids=["before it was asked for", "in the future"])
def test_a_cloud_whose_clock_is_wrong_is_not_believed(resource, began):
    turn(resource, "running", 5, began=NOON + timedelta(minutes=began))
    assert lines(resource) == [("running", 5, None)]


def test_a_clock_set_back_an_hour_keeps_every_line_valid(resource):
    turn(resource, "creating", 0)
    turn(resource, "running", 10)
    turn(resource, "stopped", -50)
    assert lines(resource) == [("creating", 0, 10), ("stopped", 10, None)]
    turn(resource, "running", 70)
    assert lines(resource) == [("creating", 0, 10), ("stopped", 10, 70), ("running", 70, None)]


def test_an_end_after_the_clock_went_back_leaves_the_shortest_line(resource):
    turn(resource, "running", 10)
    turn(resource, "gone", -50)
    assert lines(resource) == [("running", 10, 10)]
    row = Lifeline.objects.get()
    assert row.period.upper - row.period.lower == timedelta(microseconds=1)


def test_many_states_at_one_instant_are_the_last_of_them(resource):
    for state in ("creating", "running", "stopping", "stopped"):
        turn(resource, state, 5)
    assert lines(resource) == [("stopped", 5, None)]


def test_what_came_back_lives_on_in_a_new_line(resource):
    turn(resource, "running", 0)
    turn(resource, "gone", 10)
    turn(resource, "gone", 15)
    turn(resource, "running", 5)
    assert lines(resource) == [("running", 0, 10), ("running", 10, None)]


def test_missing_and_planned_are_no_states_of_life(resource):
    turn(resource, "planned", 0)
    turn(resource, "running", 1)
    turn(resource, "missing", 2)
    assert lines(resource) == [("running", 1, None)]


@pytest.mark.parametrize("part", ["generation", "size", "project"])
def test_another_generation_size_or_project_is_another_line(market, resource, part):
    turn(resource, "running", 0)
    match part:
        case "generation":
            resource.generation = "2"
        case "size":
            resource.spec = {**resource.spec, "disk_gib": 40}
        case "project":
            resource.project = market.world.fleet
    turn(resource, "running", 7)
    turn(resource, "running", 8)
    assert lines(resource) == [("running", 0, 7), ("running", 7, None)]


def test_a_name_is_no_size(resource):
    assert size_of(resource) == {"disk_gib": 20}
    turn(resource, "running", 0)
    resource.spec = {**resource.spec, "name": "web-2"}
    turn(resource, "running", 5)
    assert lines(resource) == [("running", 0, None)]


def test_many_resources_turn_at_once_each_in_its_own_way(market, resource):
    other, fresh = a_resource(market, "web-2"), a_resource(market, "web-3")
    turn(resource, "running", 0)
    turn(other, "running", 0)
    nobodys = Resource.objects.create(connection=market.aws, region="r", capability="compute", name="x", state="running")
    resource.state, other.state, fresh.state = "stopped", "gone", "running"
    mark_all([resource, other, fresh, nobodys], NOON + timedelta(minutes=9))
    assert lines(resource) == [("running", 0, 9), ("stopped", 9, None)]
    assert lines(other) == [("running", 0, 9)]
    assert lines(fresh) == [("running", 9, None)]
    assert lines(nobodys) == []


@pytest.mark.parametrize(("starts", "ends"), [(5, 15), (0, None), (9, 10)])
def test_the_database_refuses_an_overlap(resource, starts, ends):
    turn(resource, "running", 0)
    turn(resource, "stopped", 10)
    line = Lifeline.objects.first()
    upper = None if ends is None else NOON + timedelta(minutes=ends)
    line.pk, line.id, line.period = None, Resource().pk, DateTimeTZRange(NOON + timedelta(minutes=starts), upper)
    with pytest.raises(IntegrityError), transaction.atomic():
        line.save(force_insert=True)
