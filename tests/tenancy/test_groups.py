"""Groups hold roles: who joins one gets them, so nobody joins, lets in, takes out or ends beyond what she governs."""

import pytest

from portal.access.guard import holds
from portal.access.models import Assignment, Group, Role
from portal.core.errors import Forbidden, Invalid, NotFound, Refused
from portal.events.models import Event
from portal.notices.models import Notice
from portal.tenancy import groups as services
from portal.tenancy.services import assign_role, end_assignment
from portal.users.models import User, UserKind
from tests.cast import give


def role(key):
    return Role.objects.get(key=key, scope=None)


@pytest.fixture
def team(world):
    """A group of Retail that is member of web."""
    group = services.create_group(world.retail, "Team", actor=world.actor("erin"))
    assign_role(group, role("member"), world.web, actor=world.actor("erin"))
    return group


@pytest.mark.parametrize(
    ("name", "error"), [("alice", NotFound), ("bob", Forbidden), ("dave", Forbidden), ("mallory", NotFound)]
)
def test_only_who_manages_members_changes_a_group(world, team, name, error):
    actor = world.actor(name)
    acts = [
        lambda: services.create_group(world.retail, "Mine", actor=actor),
        lambda: services.rename_group(team, "Mine", actor=actor),
        lambda: services.add_member(team, world.carol, actor=actor),
        lambda: services.remove_member(team, world.carol, actor=actor),
        lambda: services.delete_group(team, actor=actor),
    ]
    before = Event.objects.count()
    for act in acts:
        with pytest.raises(error):
            act()
    assert Event.objects.count() == before


def test_who_joins_gets_the_roles_and_who_leaves_loses_them_at_once(world, team):
    for _click in range(2):
        services.add_member(team, world.bob, actor=world.actor("erin"))
    assert holds(world.actor("bob"), "place_order", world.web)
    for _click in range(2):
        services.remove_member(team, world.bob, actor=world.actor("erin"))
    assert not holds(world.actor("bob"), "place_order", world.web)
    acts = Event.objects.filter(action__in=["tenancy.add_member", "tenancy.remove_member"])
    assert [event.detail["to"] for event in acts] == [str(world.bob.pk)] * 2
    assert sorted(Notice.objects.filter(user=world.bob).values_list("topic", flat=True)) == ["role_ended", "role_given"]


@pytest.mark.parametrize("who", ["herself", "a service account of hers"])
def test_nobody_gives_herself_a_role_through_a_group(world, team, who):
    member = world.erin
    if who != "herself":
        member = User.objects.create(username="ci", kind_of_user=UserKind.SERVICE, owner=world.erin)
    with pytest.raises(Forbidden):
        services.add_member(team, member, actor=world.actor("erin"))
    empty = services.create_group(world.nordwind, "Empty", actor=world.actor("erin"))
    services.add_member(empty, member, actor=world.actor("erin"))
    with pytest.raises(Forbidden):
        assign_role(empty, role("member"), world.web, actor=world.actor("erin"))
    assert not Assignment.objects.filter(group=empty).exists()


def test_nobody_lets_in_takes_out_or_ends_beyond_what_she_governs(world):
    give(world.dave, "tenant_admin", world.retail)
    group = Group.objects.create(scope=world.retail, name="Deciders")
    group.members.add(world.carol)
    Assignment.objects.create(group=group, role=role("approver"), scope=world.web)
    for act in (services.add_member, services.remove_member):
        with pytest.raises(Forbidden):
            act(group, world.carol, actor=world.actor("dave"))
    with pytest.raises(Forbidden):
        services.delete_group(group, actor=world.actor("dave"))


def test_a_role_elsewhere_keeps_a_groups_own_admin_from_letting_people_into_it(world):
    give(world.dave, "tenant_admin", world.retail)
    group = Group.objects.create(scope=world.retail, name="Wide")
    Assignment.objects.create(group=group, role=role("member"), scope=world.fleet)
    with pytest.raises(Forbidden):
        services.add_member(group, world.bob, actor=world.actor("dave"))


def test_a_group_is_known_at_its_scope_and_below(world, team):
    other = Group.objects.create(scope=world.other, name="Theirs")
    for group, place in ((team, world.fleet), (team, world.nordwind), (other, world.web)):
        with pytest.raises(Invalid):
            assign_role(group, role("member"), place, actor=world.actor("erin"))
    assert list(services.groups_at(world.web)) == [team]
    assert not services.groups_at(world.fleet)


def test_the_last_admin_stays_when_she_is_one_by_a_group(world):
    group = Group.objects.create(scope=world.nordwind, name="Admins")
    group.members.add(world.alice)
    Assignment.objects.create(group=group, role=role("organization_admin"), scope=world.nordwind)
    own = Assignment.objects.get(user=world.erin)
    end_assignment(own, actor=world.actor("erin"))
    with pytest.raises(Refused):
        services.remove_member(group, world.alice, actor=world.actor("alice"))
    with pytest.raises(Refused):
        services.delete_group(group, actor=world.actor("alice"))
    assert holds(world.actor("alice"), "manage_members", world.nordwind)


def test_a_group_without_anybody_is_no_other_admin(world):
    group = Group.objects.create(scope=world.nordwind, name="Empty")
    Assignment.objects.create(group=group, role=role("organization_admin"), scope=world.nordwind)
    with pytest.raises(Refused):
        end_assignment(Assignment.objects.get(user=world.erin), actor=world.actor("erin"))


def test_deleting_a_group_ends_its_roles_and_says_whose(world, team):
    services.add_member(team, world.bob, actor=world.actor("erin"))
    services.delete_group(team, actor=world.actor("erin"))
    assert not holds(world.actor("bob"), "place_order", world.web)
    said = Event.objects.get(action="tenancy.delete_group").detail["before"]
    assert said == {"members": [str(world.bob.pk)], "roles": ["member"]}
    with pytest.raises(NotFound):
        services.delete_group(team, actor=world.actor("erin"))


@pytest.mark.parametrize("name", ["", "Team", "a\x00", "x" * 121])
def test_a_name_that_is_none_or_taken_is_refused(world, team, name):
    with pytest.raises(Invalid):
        services.create_group(world.retail, name, actor=world.actor("erin"))
