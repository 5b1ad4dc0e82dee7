"""The tree, its roles and shares: who may change what, and what a change does at the next request."""

from datetime import timedelta

import pytest

from portal.access import resolver
from portal.access.models import Assignment, Role, Scope
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.models import Event
from portal.notices.models import Notice
from portal.tenancy import services
from portal.users.actor import Actor
from portal.users.models import User


def role(key):
    return Role.objects.get(key=key, scope=None)


def test_a_project_is_made_in_a_tenant_by_whom_may(world):
    for name in ("alice", "bob", "dave"):
        with pytest.raises((Forbidden, NotFound)):
            services.create_project(world.retail, "shop", actor=world.actor(name))
    made = services.create_project(world.retail, "  shop  front ", actor=world.actor("erin"))
    assert (made.name, made.path) == ("shop front", f"{world.retail.path}.{made.pk.hex}")
    assert Event.objects.get(action="tenancy.create_project").scope_path == made.path


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\x00b", "///"])
def test_a_name_must_be_a_name(world, name):
    with pytest.raises(Invalid):
        services.create_tenant(world.nordwind, name, actor=world.actor("erin"))


def test_a_name_is_taken_once_in_a_place(world):
    with pytest.raises(Invalid):
        services.create_project(world.retail, "Web", actor=world.actor("erin"))
    services.create_project(world.logistics, "Web", actor=world.actor("erin"))


def test_tenants_nest_five_levels_deep(world):
    parent = world.nordwind
    for level in range(5):
        parent = services.create_tenant(parent, f"level {level}", actor=world.actor("erin"))
    with pytest.raises(Invalid):
        services.create_tenant(parent, "too deep", actor=world.actor("erin"))
    services.create_project(parent, "deep", actor=world.actor("erin"))


def test_another_organizations_tree_is_not_found(world):
    with pytest.raises(NotFound):
        services.create_project(world.retail, "mine now", actor=world.actor("mallory"))


def test_only_the_system_makes_an_organization(world):
    with pytest.raises(Forbidden):
        services.create_organization("Third", currency="EUR", actor=world.actor("erin"))
    assert services.create_organization("Third", currency="EUR", actor=Actor.system()).parent is None


def test_a_scope_that_holds_something_is_not_closed(world):
    with pytest.raises(Refused):
        services.close_scope(world.retail, actor=world.actor("erin"))
    services.close_scope(world.web, actor=world.actor("erin"))
    services.close_scope(world.retail, actor=world.actor("erin"))
    with pytest.raises(Conflict):
        services.create_project(Scope.objects.get(pk=world.retail.pk), "late", actor=world.actor("erin"))


def test_a_role_holds_at_once_and_ends_at_once(world):
    given = services.assign_role(world.bob, role("member"), world.fleet, actor=world.actor("erin"))
    assert resolver.holds(world.actor("bob"), "place_order", world.fleet)
    assert Notice.objects.get(user=world.bob, topic="role_given").params["role"] == "Member"
    services.end_assignment(given, actor=world.actor("erin"))
    assert not resolver.holds(world.actor("bob"), "place_order", world.fleet)


def test_a_role_given_again_moves_its_end(world):
    later = clock.now() + timedelta(days=3)
    services.assign_role(world.bob, role("member"), world.fleet, actor=world.actor("erin"))
    services.assign_role(world.bob, role("member"), world.fleet, expires=later, actor=world.actor("erin"))
    assert Assignment.objects.get(user=world.bob, scope=world.fleet).expires == later


def test_nobody_gives_herself_a_role(world):
    with pytest.raises(Forbidden):
        services.assign_role(world.erin, role("approver"), world.retail, actor=world.actor("erin"))


def test_a_tenant_admin_cannot_make_an_organization_admin(world):
    services.assign_role(world.dave, role("tenant_admin"), world.retail, actor=world.actor("erin"))
    with pytest.raises(Forbidden):
        services.assign_role(world.bob, role("organization_admin"), world.retail, actor=world.actor("dave"))
    services.assign_role(world.bob, role("member"), world.web, actor=world.actor("dave"))


def test_the_last_admin_of_an_organization_stays(world):
    own = Assignment.objects.get(user=world.erin)
    with pytest.raises(Refused):
        services.end_assignment(own, actor=world.actor("erin"))
    services.assign_role(world.carol, role("organization_admin"), world.nordwind, actor=world.actor("erin"))
    services.end_assignment(own, actor=world.actor("carol"))


def test_a_service_account_owns_no_scope(world):
    robot = User.objects.create(username="robot", name="robot", kind_of_user="service", owner=world.alice)
    with pytest.raises(Invalid):
        services.create_project(world.retail, "Shop", owner=robot, actor=world.actor("erin"))
    assert not Scope.objects.filter(name="Shop").exists()
