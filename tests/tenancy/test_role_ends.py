"""Who is told that her role ends, when, and how often."""

from datetime import timedelta

import pytest

from portal.access.models import Assignment, Role
from portal.core import clock
from portal.notices.models import Notice
from portal.tenancy import services
from portal.tenancy.tasks import tell_role_ends

DAY = timedelta(days=1)


def give(world, *, days, starts=None):
    role = Role.objects.get(key="viewer", scope=None)
    expires = clock.now() + days * DAY
    return services.assign_role(world.bob, role, world.web, starts=starts, expires=expires, actor=world.actor("erin"))


def told():
    return [str(notice.title) for notice in Notice.objects.filter(topic="role_ends").order_by("created_at")]


def test_a_role_that_ends_within_a_week_is_told_of_once(world):
    given = give(world, days=30)
    tell_role_ends()
    assert told() == []
    with clock.travel(given.expires - 6 * DAY):
        for _again in range(2):
            tell_role_ends()
        assert told() == ["Viewer in web ends in 6 days"]


def test_a_new_end_is_told_of_anew(world):
    given = give(world, days=30)
    with clock.travel(given.expires - DAY):
        tell_role_ends()
        moved = give(world, days=30)
    with clock.travel(moved.expires - DAY):
        tell_role_ends()
    assert told() == ["Viewer in web ends in 1 day"] * 2


@pytest.mark.parametrize("days", [1, 7])
def test_who_was_given_it_for_a_week_knows(world, days):
    give(world, days=days)
    tell_role_ends()
    assert told() == []


def test_who_is_gone_and_what_is_over_is_not_told_of(world):
    given = give(world, days=30)
    with clock.travel(given.expires):
        tell_role_ends()
    world.bob.is_active = False
    world.bob.save()
    with clock.travel(given.expires - DAY):
        tell_role_ends()
    assert told() == []
    assert Assignment.objects.filter(told_end=None).count() == Assignment.objects.count()
