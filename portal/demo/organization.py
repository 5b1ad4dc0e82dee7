"""The demo's tree, roles, quotas, policies and budgets."""

from decimal import Decimal
from typing import Any

from portal.access.models import Environment, Role, Scope
from portal.approvals.services import publish_policy
from portal.demo.people import CAST
from portal.metering.services import set_budget
from portal.tenancy import services as tenancy
from portal.users.actor import Actor
from portal.users.models import User

Stage = dict[str, Any]
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
BUDGETS = {"Nordwind Group": 1500, "Retail": 700, "web": 450, "Logistics": 400}
ADMIN: Stage = {
    "who": {"pick": "role", "role": "organization_admin", "at": "organization"},
    "mode": "any",
    "due_hours": 24,
    "on_timeout": "expire",
}
APPROVER: Stage = {"who": {"pick": "role", "role": "approver"}, "mode": "any", "due_hours": 16, "on_timeout": "expire"}
SMALL = "10"
"""What costs less a month than this needs no decision. An end always does: it costs less than nothing."""
POLICIES: tuple[tuple[str, str, list[tuple[str, str, str]], list[Stage]], ...] = (
    ("New clouds", "connection", [], [ADMIN]),
    ("Small orders", "order", [("cost_per_month", "ge", "0"), ("cost_per_month", "lt", SMALL)], []),
    ("Orders of weight", "order", [("cost_per_month", "ge", SMALL)], [APPROVER]),
    ("Ends", "order", [("cost_per_month", "lt", "0")], [APPROVER]),
)


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
                made[project] = tenancy.create_project(made[tenant], project, environment=Environment.PRODUCE, actor=actor)
    return made


def give_roles(people: dict[str, User], scopes: dict[str, Scope], *, actor: Actor) -> None:
    """Every role of the cast."""
    roles = {role.key: role for role in Role.objects.filter(scope=None)}
    for part in CAST:
        for role, scope in part.roles:
            tenancy.assign_role(people[part.username], roles[role], scopes[scope], actor=actor)


def set_limits(scopes: dict[str, Scope], *, actor: Actor) -> None:
    """Quotas, and the policies that say what needs whose decision."""
    for name, limits in QUOTAS.items():
        for dimension, limit in limits.items():
            tenancy.set_quota(scopes[name], dimension, limit, actor=actor)
    for name, kind, tests, stages in POLICIES:
        conditions = [{"field": field, "operator": operator, "value": value} for field, operator, value in tests]
        publish_policy(
            scopes["Nordwind Group"], name, subject_kind=kind, conditions=conditions, stages=list(stages), actor=actor
        )


def set_budgets(scopes: dict[str, Scope], *, actor: Actor) -> None:
    """What a month may cost, in the organization and in some parts of it."""
    for name, amount in BUDGETS.items():
        set_budget(scopes[name], Decimal(amount), actor=actor)
