"""Every built-in role against every permission, and one scope's role against every other place."""

import pytest

from portal.access import resolver
from portal.access.models import Scope
from portal.access.permissions import PERMISSIONS, ROLES
from portal.users.actor import Actor, Auth
from tests.cast import give, person

# Who may do what is worth saying twice: here by permission, in the code by role.
EVERYBODY = set(ROLES)
MAY = {
    "view_scope": EVERYBODY,
    "manage_tenants": {"organization_admin"},
    "manage_projects": {"organization_admin", "tenant_admin"},
    "manage_members": {"organization_admin", "tenant_admin"},
    "manage_roles": {"organization_admin"},
    "manage_people": {"organization_admin"},
    "manage_terms": {"organization_admin"},
    "view_as": {"organization_admin"},
    "manage_quotas": {"organization_admin", "tenant_admin"},
    "manage_service_accounts": {"organization_admin", "tenant_admin"},
    "manage_identity_providers": {"organization_admin"},
    "view_offering": EVERYBODY,
    "manage_offerings": {"organization_admin", "operator"},
    "place_order": {"tenant_admin", "member"},
    "view_order": EVERYBODY,
    "vote": {"organization_admin", "approver", "finance"},
    "view_resource": EVERYBODY,
    "operate_resource": {"tenant_admin", "member", "operator"},
    "view_secret": {"tenant_admin", "member"},
    "take_lease": {"tenant_admin", "member", "operator"},
    "share_resource": {"organization_admin", "tenant_admin"},
    "view_connection": {"organization_admin", "finance", "operator", "auditor"},
    "manage_connections": {"organization_admin", "operator"},
    "view_cost": EVERYBODY,
    "export_cost": {"organization_admin", "finance"},
    "manage_budgets": {"organization_admin", "finance"},
    "manage_prices": {"organization_admin", "finance"},
    "manage_policies": {"organization_admin"},
    "view_event": EVERYBODY,
    "view_platform": {"organization_admin", "operator", "auditor"},
    "operate_platform": {"organization_admin", "operator"},
}


def newcomer(role, scope):
    user = person(f"new-{role.replace('_', '-')}")
    give(user, role, scope)
    return Actor(user, Auth("password"))


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_gives_its_permissions_and_no_others(world, role):
    actor = newcomer(role, world.retail)
    held = {name for name in PERMISSIONS if resolver.holds(actor, name, world.retail)}
    assert held == ROLES[role][1]


@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
def test_who_may_do_what_is_as_written(permission):
    assert {role for role, (_, held) in ROLES.items() if permission in held} == MAY[permission]


def test_nothing_is_written_of_a_permission_that_is_none():
    assert MAY.keys() == PERMISSIONS.keys()


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_reaches_down_and_neither_up_nor_aside(world, role):
    actor = newcomer(role, world.retail)
    for permission in ROLES[role][1]:
        places = {scope for scope in Scope.objects.all() if resolver.holds(actor, permission, scope)}
        assert places == {world.retail, world.web}


def test_nobody_who_decides_also_orders():
    """An organization admin governs and does not spend: separation of duties begins with the roles."""
    for role, (_, held) in ROLES.items():
        assert not {"vote", "place_order"} <= held, role
