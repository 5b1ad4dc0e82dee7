"""Roles of one's own: nobody makes, changes or ends one beyond what she governs, nor adds to what she holds herself."""

from datetime import timedelta

import pytest

from portal.access.guard import holds
from portal.access.models import Assignment, Group, Role
from portal.access.permissions import PERMISSIONS
from portal.core import clock
from portal.core.errors import Forbidden, Invalid, NotFound, Refused, Stale
from portal.events.models import Event
from portal.tenancy import custom_roles as services
from portal.tenancy.role_forms import SECTIONS
from portal.tenancy.services import assign_role
from portal.users.models import User, UserKind
from tests.cast import give

NAMES = ["view_scope", "view_resource", "operate_resource"]


def make(world, name="Deployer", permissions=NAMES, at="retail", by="erin"):
    return services.create_role(world.scopes[at], name, permissions, actor=world.actor(by))


def change(world, role, permissions, *, name=None, by="erin"):
    seen = services.edition_of(Role.objects.get(pk=role.pk))
    return services.change_role(role, name or role.name, permissions, seen=seen, actor=world.actor(by))


def manager_of(world, name, at, more=()):
    """Somebody who manages roles at one scope, and governs `more` there."""
    role = Role.objects.create(
        key=f"for-{name}", name=f"For {name}", scope=at, permissions=["view_scope", "manage_roles", *more]
    )
    return Assignment.objects.create(user=world.people[name], role=role, scope=at)


def test_every_permission_stands_in_one_section():
    assert sorted(name for _title, names in SECTIONS for name in names) == sorted(PERMISSIONS)


@pytest.mark.parametrize(
    ("name", "error"), [("alice", NotFound), ("bob", Forbidden), ("carol", Forbidden), ("mallory", NotFound)]
)
def test_only_who_manages_roles_there_makes_changes_or_ends_one(world, name, error):
    role = make(world)
    with pytest.raises(error):
        make(world, "Another", by=name)
    with pytest.raises(error):
        change(world, role, ["view_scope"], by=name)
    with pytest.raises(error):
        services.delete_role(role, actor=world.actor(name))
    assert Role.objects.get(pk=role.pk).permissions == sorted(NAMES)


def test_a_role_holds_where_it_was_made_and_below_and_nowhere_else(world):
    role = make(world)
    assign_role(world.bob, role, world.web, actor=world.actor("erin"))
    assert holds(world.actor("bob"), "operate_resource", world.web)
    with pytest.raises(Invalid):
        assign_role(world.bob, role, world.fleet, actor=world.actor("erin"))
    with pytest.raises(Invalid):
        assign_role(world.alice, role, world.other_project, actor=world.actor("mallory"))


def test_nobody_makes_a_role_that_governs_more_than_she_does_there(world):
    manager_of(world, "dave", world.retail)
    with pytest.raises(Forbidden):
        make(world, permissions=["view_scope", "manage_members"], by="dave")
    role = make(world, by="dave")
    with pytest.raises(Forbidden):
        change(world, role, [*NAMES, "vote"], by="dave")


def test_nobody_takes_away_what_she_does_not_govern(world):
    manager_of(world, "dave", world.retail)
    role = make(world, permissions=["view_scope", "manage_members"])
    with pytest.raises(Forbidden):
        change(world, role, ["view_scope"], by="dave")
    with pytest.raises(Forbidden):
        services.delete_role(role, actor=world.actor("dave"))


@pytest.mark.parametrize("by", ["herself", "a group", "a service account", "a role to come"])
def test_nobody_adds_to_a_role_that_she_holds_herself(world, by):
    role, who = make(world, at="nordwind"), {"user": world.erin}
    if by == "a group":
        group = Group.objects.create(scope=world.nordwind, name="admins")
        group.members.add(world.erin)
        who = {"group": group}
    elif by == "a service account":
        account = User.objects.create(username="ci", kind_of_user=UserKind.SERVICE, owner=world.erin)
        who = {"user": account}
    starts = clock.now() + timedelta(days=1) if by == "a role to come" else None
    Assignment.objects.create(**who, role=role, scope=world.web, starts=starts)
    with pytest.raises(Forbidden):
        change(world, role, [*NAMES, "place_order"])
    assert change(world, role, ["view_scope"]).permissions == ["view_scope"]


def test_a_change_holds_at_the_next_request_and_says_before_and_after(world):
    role = make(world)
    assign_role(world.bob, role, world.web, actor=world.actor("erin"))
    change(world, role, ["view_scope", "view_secret"], name="Keeper")
    assert holds(world.actor("bob"), "view_secret", world.web)
    assert not holds(world.actor("bob"), "operate_resource", world.web)
    said = Event.objects.get(action="tenancy.change_role")
    assert said.detail["before"] == {"name": "Deployer", "permissions": sorted(NAMES)}
    assert said.detail["after"] == {"name": "Keeper", "permissions": ["view_scope", "view_secret"]}
    assert said.scope_path == str(world.retail.path)


def test_who_saves_over_another_admins_change_is_told_and_changes_nothing(world):
    role = make(world)
    seen = services.edition_of(role)
    change(world, role, ["view_scope"])
    with pytest.raises(Stale):
        services.change_role(role, "Deployer", NAMES, seen=seen, actor=world.actor("erin"))
    assert Role.objects.get(pk=role.pk).permissions == ["view_scope"]


def test_saving_what_is_there_already_records_nothing(world):
    role = make(world)
    change(world, role, NAMES)
    assert not Event.objects.filter(action="tenancy.change_role").exists()


@pytest.mark.parametrize(
    ("name", "permissions"),
    [
        *[(name, NAMES) for name in ("", "a\x00", "x" * 121, "Member", "Organization admin", "Deployer")],
        ("Ok", []),
        ("Ok", ["fly"]),
    ],
)
def test_a_role_that_is_none_is_refused(world, name, permissions):
    make(world)
    with pytest.raises(Invalid):
        make(world, name, permissions)
    assert Role.objects.exclude(scope=None).count() == 1


def test_a_built_in_role_is_changed_and_ended_by_nobody(world):
    member = Role.objects.get(key="member", scope=None)
    with pytest.raises(Forbidden):
        change(world, member, NAMES)
    with pytest.raises(Forbidden):
        services.delete_role(member, actor=world.actor("erin"))


def test_a_role_ends_when_nobody_holds_it_and_its_past_does_not_hold_it_up(world):
    role = make(world)
    held = Assignment.objects.create(user=world.bob, role=role, scope=world.web)
    with pytest.raises(Refused):
        services.delete_role(role, actor=world.actor("erin"))
    Assignment.objects.filter(pk=held.pk).update(expires=clock.now())
    services.delete_role(role, actor=world.actor("erin"))
    assert not Role.objects.filter(pk=role.pk).exists()
    assert Event.objects.get(action="tenancy.delete_role").detail["before"]["permissions"] == sorted(NAMES)


def test_an_admin_counts_and_sees_only_what_is_hers(world):
    make(world)
    own = {role.key: role.held for role in services.roles_visible_to(world.actor("erin"))}
    assert own["deployer"] == 0
    assert own["organization_admin"] == 1  # mallory's is counted by mallory
    assert "deployer" not in {role.key for role in services.roles_visible_to(world.actor("mallory"))}
    with pytest.raises(NotFound):
        services.roles_visible_to(world.actor("alice"))


def test_a_role_that_expired_manages_nothing(world):
    world.erin.assignments.update(expires=clock.now())
    with pytest.raises(NotFound):
        make(world)


def test_a_tenants_own_manager_of_roles_makes_them_there_only(world):
    manager_of(world, "dave", world.retail)
    give(world.dave, "viewer", world.nordwind)
    assert make(world, by="dave").scope == world.retail
    with pytest.raises(Forbidden):
        make(world, at="nordwind", by="dave")
