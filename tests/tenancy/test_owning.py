"""Handing a place or a resource over: who may, to whom, and what stays."""

import pytest

from portal.access.models import Assignment
from portal.core.errors import Forbidden, Invalid, NotFound
from portal.events.models import Event
from portal.identity.service_accounts import create_service_account
from portal.notices.models import Notice
from portal.provisioning.models import Resource
from portal.tenancy.owning import hand_over, may_hand_over
from tests.cast import give


@pytest.fixture
def web(world):
    """A project of alice's."""
    world.web.owner = world.alice
    world.web.save()
    return world.web


def test_its_owner_hands_it_over_and_both_know(world, web):
    give(world.bob, "viewer", world.web)
    hand_over(web, world.bob, actor=world.actor("alice"))
    web.refresh_from_db()
    assert web.owner == world.bob
    [event] = Event.objects.filter(action="tenancy.hand_over_scope")
    assert event.actor == world.alice
    assert Notice.objects.get(topic="given_over").user == world.bob
    assert not Notice.objects.filter(topic="taken_over").exists()  # she did it herself
    with pytest.raises(Forbidden):
        hand_over(web, world.alice, actor=world.actor("alice"))


def test_an_admin_hands_it_over_and_who_had_it_is_told(world, web):
    for _click in range(2):
        hand_over(web, world.bob, actor=world.actor("erin"))
    assert Notice.objects.get(topic="taken_over").user == world.alice
    assert Event.objects.filter(action="tenancy.hand_over_scope").count() == 1
    assert Assignment.objects.filter(user=world.alice, scope=world.web).exists()


def test_a_place_without_an_owner_is_given_one(world):
    assert world.web.owner is None
    hand_over(world.web, world.bob, actor=world.actor("erin"))
    world.web.refresh_from_db()
    assert world.web.owner == world.bob


def test_nobody_takes_a_thing_for_herself(world, web):
    with pytest.raises(Forbidden):
        hand_over(web, world.erin, actor=world.actor("erin"))


@pytest.mark.parametrize("name", ["bob", "carol", "dave"])
def test_who_neither_owns_nor_manages_it_does_not_hand_it_over(world, web, name):
    assert not may_hand_over(world.actor(name), web)
    with pytest.raises(Forbidden):
        hand_over(web, world.bob, actor=world.actor(name))
    with pytest.raises(NotFound):
        hand_over(web, world.bob, actor=world.actor("mallory"))


def test_an_owner_who_lost_her_role_sees_it_no_more(world, web):
    Assignment.objects.filter(user=world.alice).delete()
    with pytest.raises(NotFound):
        hand_over(web, world.bob, actor=world.actor("alice"))


def test_it_goes_to_a_person_who_can_see_it(world, web):
    account = create_service_account(world.web, "ci", owner=world.erin, actor=world.actor("erin"))
    give(account.user, "member", world.web)
    world.bob.is_active = False
    world.bob.save()
    for whom in (world.mallory, world.bob):
        with pytest.raises(Invalid):
            hand_over(web, whom, actor=world.actor("erin"))
    with pytest.raises(Invalid):
        hand_over(web, account.user, actor=world.actor("alice"))
    web.refresh_from_db()
    assert web.owner == world.alice


def test_a_resource_is_handed_over_by_who_answers_for_it_or_shares_it(world, market):
    resource = market.active("web-1", key="made")
    assert resource.requester == world.alice
    with pytest.raises(Forbidden):
        hand_over(resource, world.dave, actor=world.actor("bob"))
    hand_over(resource, world.dave, actor=world.actor("alice"))
    resource = Resource.objects.get(pk=resource.pk)
    assert resource.requester == world.dave
    hand_over(resource, world.alice, actor=world.actor("erin"))
    assert Resource.objects.get(pk=resource.pk).requester == world.alice
    assert Event.objects.filter(action="provisioning.hand_over").count() == 2
