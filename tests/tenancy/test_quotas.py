"""Quota is taken at submit, root to leaf; the last slot goes to one."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from portal.core.errors import Forbidden, QuotaExceeded
from portal.tenancy import quotas, services
from portal.tenancy.models import Hold
from portal.tenancy.quotas import free_holds, place_holds, room_in


@pytest.fixture
def limited(world):
    services.set_quota(world.nordwind, "vcpu", 10, actor=world.actor("erin"))
    services.set_quota(world.web, "vcpu", 4, actor=world.actor("erin"))
    return world


def test_what_is_held_counts_in_every_scope_above(limited):
    place_holds(limited.web, {"vcpu": 3, "memory_gib": 8}, key="a")
    place_holds(limited.fleet, {"vcpu": 5}, key="b")
    assert [(room.scope, room.used, room.left) for room in room_in(limited.web)] == [
        (limited.nordwind, 8, 2),
        (limited.web, 3, 1),
    ]


def test_room_is_read_at_once_however_many_quotas_bind_used_or_not(limited, django_assert_num_queries):
    for dimension in ("memory_gib", "servers", "databases"):
        services.set_quota(limited.retail, dimension, 9, actor=limited.actor("erin"))
    place_holds(limited.web, {"vcpu": 3, "memory_gib": 8}, key="a")
    place_holds(limited.web, {"memory_gib": 1}, key="b")
    place_holds(limited.fleet, {"memory_gib": 5}, key="c")
    with django_assert_num_queries(1):
        rooms = room_in(limited.web)
    assert [(room.scope.name, room.dimension, room.used) for room in rooms] == [
        ("Nordwind", "vcpu", 3),
        ("Retail", "databases", 0),
        ("Retail", "memory_gib", 9),
        ("Retail", "servers", 0),
        ("web", "vcpu", 3),
    ]


def test_what_does_not_fit_names_the_scope_and_what_is_missing(limited):
    place_holds(limited.web, {"vcpu": 3}, key="a")
    with pytest.raises(QuotaExceeded) as refusal:
        place_holds(limited.web, {"vcpu": 3}, key="b")
    assert (refusal.value.extra["dimension"], refusal.value.extra["missing"]) == ("vcpu", 2)
    assert "web" in str(refusal.value)
    assert Hold.objects.count() == 1


def test_the_same_key_holds_once_and_is_freed_once(limited):
    place_holds(limited.web, {"vcpu": 4}, key="a")
    place_holds(limited.web, {"vcpu": 4}, key="a")
    assert free_holds("a") == 1
    assert free_holds("a") == 0
    place_holds(limited.web, {"vcpu": 4}, key="b")


def test_a_hold_goes_over_from_the_order_to_the_resource(limited):
    place_holds(limited.web, {"vcpu": 4}, key="order-item:1")
    quotas.rename_holds("order-item:1", "resource:1")
    assert free_holds("resource:1") == 1


def test_a_member_sets_no_quota(limited):
    with pytest.raises(Forbidden):
        services.set_quota(limited.web, "vcpu", 400, actor=limited.actor("alice"))


def test_two_at_once_for_the_last_slot_one_wins_and_nobody_waits_for_ever(fresh_db, limited):
    racers = 8
    start = Barrier(racers)

    def race(number):
        start.wait()
        try:
            place_holds(limited.web if number % 2 else limited.fleet, {"vcpu": 4, "memory_gib": 1}, key=f"r{number}")
        except QuotaExceeded:
            return "refused"
        finally:
            connections.close_all()
        return "held"

    with ThreadPoolExecutor(racers) as pool:
        answers = list(pool.map(race, range(racers)))
    held = sum(Hold.objects.filter(dimension="vcpu").values_list("amount", flat=True))
    assert held == 4 * answers.count("held")
    assert held == 8  # two of four fit into the ten of the organization, wherever they are
    assert Hold.objects.filter(scope=limited.web, dimension="vcpu").count() <= 1
