"""Every permission of the portal and the built-in roles that carry them: policy in code."""

from django.utils.translation import gettext_lazy as _

PERMISSIONS = {
    "view_scope": _("See an organization, tenant or project and who is in it"),
    "manage_tenants": _("Create, rename and close tenants"),
    "manage_projects": _("Create, rename and close projects"),
    "manage_members": _("Give and end roles"),
    "manage_roles": _("Make and change roles of one's own"),
    "manage_people": _("Disable and enable people of an organization"),
    "manage_terms": _("Publish an organization's terms of use"),
    "view_as": _("Look at the portal as another person sees it"),
    "manage_quotas": _("Set quotas"),
    "manage_service_accounts": _("Create and end service accounts"),
    "manage_identity_providers": _("Set up how an organization's people sign in"),
    "view_offering": _("See the catalogue"),
    "manage_offerings": _("Publish and withdraw offerings"),
    "place_order": _("Place and withdraw orders"),
    "view_order": _("See orders"),
    "vote": _("Decide on what waits for approval"),
    "view_resource": _("See resources"),
    "operate_resource": _("Start, stop and restart resources"),
    "view_secret": _("Take and rotate the secrets of a resource"),
    "take_lease": _("Take short-lived credentials into clouds"),
    "share_resource": _("Share a scope or resource for a time"),
    "view_connection": _("See connections to clouds"),
    "manage_connections": _("Connect, check and disable clouds"),
    "view_cost": _("See cost and budgets"),
    "export_cost": _("Export cost"),
    "manage_budgets": _("Set budgets"),
    "manage_prices": _("Set prices"),
    "manage_policies": _("Change approval policies"),
    "view_event": _("Read events"),
    "view_platform": _("See queues, workers and failures"),
    "operate_platform": _("Retry failed work and run jobs now"),
}

VIEWER = {"view_scope", "view_offering", "view_order", "view_resource", "view_cost", "view_event"}
MEMBER = VIEWER | {"place_order", "operate_resource", "view_secret", "take_lease"}
APPROVER = VIEWER | {"vote"}
FINANCE = {
    *("view_scope", "view_offering", "view_order", "view_resource", "view_cost", "view_event", "view_connection"),
    *("export_cost", "manage_budgets", "manage_prices", "vote"),
}
OPERATOR = {
    *("view_scope", "view_offering", "view_order", "view_resource", "operate_resource", "view_event", "view_cost"),
    *("view_connection", "manage_connections", "manage_offerings", "view_platform", "operate_platform", "take_lease"),
}
TENANT_ADMIN = MEMBER | {
    "manage_projects",
    "manage_members",
    "manage_quotas",
    "manage_service_accounts",
    "share_resource",
}
AUDITOR = VIEWER | {"view_connection", "view_platform"}

ROLES = {
    "organization_admin": (
        _("Organization admin"),
        frozenset(PERMISSIONS) - {"place_order", "view_secret", "operate_resource", "take_lease"},
    ),
    "tenant_admin": (_("Tenant admin"), frozenset(TENANT_ADMIN)),
    "approver": (_("Approver"), frozenset(APPROVER)),
    "member": (_("Member"), frozenset(MEMBER)),
    "viewer": (_("Viewer"), frozenset(VIEWER)),
    "finance": (_("Finance"), frozenset(FINANCE)),
    "operator": (_("Operator"), frozenset(OPERATOR)),
    "auditor": (_("Auditor"), frozenset(AUDITOR)),
}
