"""The demo's tree, roles, quotas and policies."""

from portal.access.models import Role, Scope
from portal.approvals.services import publish_policy
from portal.demo.people import CAST
from portal.tenancy import services as tenancy
from portal.users.actor import Actor
from portal.users.models import User

TREE: dict[str, dict[str, tuple[str, ...]]] = {
    "Nordwind Group": {
        "Retail": ("web", "Kundenportal-Digitalisierung Mittelstand Phase 2"),
        "Logistics": ("fleet", "warehouse"),
        "华东研发中心": ("数据分析平台",),
    },
    "Südwind Werke": {"Plant": ("robots",)},
}
QUOTAS = {
    "Nordwind Group": {"servers": 60, "vcpu": 240, "storage_gib": 20_000},
    "web": {"servers": 12, "vcpu": 40, "storage_gib": 1_000},
}
ADMIN = {
    "who": {"pick": "role", "role": "organization_admin", "at": "organization"},
    "mode": "any",
    "due_hours": 72,
    "on_timeout": "expire",
}


def make_tree(*, actor: Actor) -> dict[str, Scope]:
    """Organizations with their tenants and projects, by name."""
    made: dict[str, Scope] = {}
    for organization, tenants in TREE.items():
        root = made[organization] = tenancy.create_organization(
            organization, currency="EUR", zone="Europe/Berlin", actor=actor
        )
        for tenant, projects in tenants.items():
            made[tenant] = tenancy.create_tenant(root, tenant, actor=actor)
            for project in projects:
                made[project] = tenancy.create_project(made[tenant], project, environment="production", actor=actor)
    return made


def give_roles(people: dict[str, User], scopes: dict[str, Scope], *, actor: Actor) -> None:
    """Every role of the cast."""
    roles = {role.key: role for role in Role.objects.filter(scope=None)}
    for part in CAST:
        for role, scope in part.roles:
            tenancy.assign_role(people[part.username], roles[role], scopes[scope], actor=actor)


def set_limits(scopes: dict[str, Scope], *, actor: Actor) -> None:
    """Quotas, and the policy that says who decides on a new cloud."""
    for name, limits in QUOTAS.items():
        for dimension, limit in limits.items():
            tenancy.set_quota(scopes[name], dimension, limit, actor=actor)
    root = scopes["Nordwind Group"]
    publish_policy(root, "New clouds", subject_kind="connection", conditions=[], stages=[ADMIN], actor=actor)
