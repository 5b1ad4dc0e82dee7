"""Who may do what where."""

from datetime import timedelta

import pytest

from portal.access import resolver
from portal.access.models import Assignment, Group, Role, Scope
from portal.core import clock
from portal.core.errors import Forbidden, NotFound
from portal.users.actor import Actor, Narrowing
from tests.cast import give


def test_a_member_sees_her_project_and_nothing_beside_it(world):
    assert set(Scope.objects.visible_to(world.actor("alice"))) == {world.web}


def test_an_admin_sees_all_of_her_organization_and_nothing_of_another(world):
    seen = set(Scope.objects.visible_to(world.actor("erin")))
    assert seen == {world.nordwind, world.retail, world.logistics, world.web, world.fleet}


def test_what_is_anothers_is_not_found_and_what_is_hers_is_forbidden(world):
    with pytest.raises(NotFound):
        resolver.require(world.actor("mallory"), "place_order", world.web)
    with pytest.raises(Forbidden):
        resolver.require(world.actor("bob"), "place_order", world.web)
    resolver.require(world.actor("alice"), "place_order", world.web)


def test_a_role_ends_at_the_next_request_after_it_expires(world):
    give(world.bob, "member", world.web, expires=clock.now() + timedelta(hours=1))
    resolver.require(world.actor("bob"), "place_order", world.web)
    with clock.travel(clock.now() + timedelta(hours=2)), pytest.raises(Forbidden):
        resolver.require(world.actor("bob"), "place_order", world.web)


def test_a_role_that_has_not_begun_gives_nothing(world):
    Assignment.objects.create(
        user=world.mallory, role=Role.objects.get(key="member"), scope=world.web, starts=clock.now() + timedelta(days=1)
    )
    with pytest.raises(NotFound):
        resolver.require(world.actor("mallory"), "view_scope", world.web)


def test_a_group_gives_its_roles_to_its_members(world):
    group = Group.objects.create(scope=world.nordwind, name="Night shift")
    group.members.add(world.alice)
    Assignment.objects.create(group=group, role=Role.objects.get(key="viewer"), scope=world.fleet)
    assert set(Scope.objects.visible_to(world.actor("alice"))) == {world.web, world.fleet}


def test_a_token_may_do_less_than_its_owner(world):
    erin = world.actor("erin")
    only_reading = Actor(erin.user, erin.auth, narrowed_to=Narrowing(frozenset({"view_scope"}), world.retail.path))
    assert set(Scope.objects.visible_to(only_reading)) == {world.retail, world.web}
    with pytest.raises(Forbidden):
        resolver.require(only_reading, "manage_projects", world.retail)


def test_who_looks_as_another_person_cannot_write(world):
    alice = world.actor("alice")
    watched = Actor(alice.user, alice.auth, viewed_as_by=world.erin)
    resolver.require(watched, "view_scope", world.web)
    with pytest.raises(Forbidden):
        resolver.require(watched, "place_order", world.web)


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "erin", "mallory"])
@pytest.mark.parametrize("permission", ["view_scope", "place_order", "vote", "view_cost"])
def test_a_scope_is_listed_exactly_when_the_check_passes(world, name, permission):
    actor = world.actor(name)
    listed = set(Scope.objects.visible_to(actor, permission))
    assert listed == {scope for scope in Scope.objects.all() if resolver.holds(actor, permission, scope)}


def test_access_is_resolved_in_three_queries_however_often_it_is_asked(world, django_assert_num_queries):
    actor = world.actor("erin")
    with django_assert_num_queries(4):  # assignments, shares, the tree, and the list itself
        list(Scope.objects.visible_to(actor))
        resolver.require(actor, "manage_projects", world.retail)
        resolver.permissions_of(actor)
