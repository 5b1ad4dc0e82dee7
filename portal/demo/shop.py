"""What the demo organization offers, and its prices."""

from decimal import Decimal

from portal.access.models import Scope
from portal.catalogue.drafts import ComponentDraft, OfferingDraft, PlanDraft
from portal.catalogue.services import publish_offering
from portal.core import clock
from portal.pricing.services import open_price_book, set_price
from portal.users.actor import Actor

SERVER = OfferingDraft(
    capability="compute",
    name="Linux server",
    summary="A virtual server with a disk of its own, ready in minutes.",
    icon="server",
    narrowing={"properties": {"disk_gib": {"default": 20, "minimum": 8, "maximum": 500}}},
    plans=[
        PlanDraft("tiny", "Tiny", "2 vCPU, 1 GiB", {"size": "t3.micro"}, {"servers": 1, "vcpu": 2}),
        PlanDraft("small", "Small", "2 vCPU, 2 GiB", {"size": "t3.small"}, {"servers": 1, "vcpu": 2}),
        PlanDraft("medium", "Medium", "2 vCPU, 4 GiB", {"size": "t3.medium"}, {"servers": 1, "vcpu": 2}),
        PlanDraft("large", "Large", "2 vCPU, 8 GiB", {"size": "t3.large"}, {"servers": 1, "vcpu": 2}),
    ],
    components=[
        ComponentDraft("server", "Server", "server-hours", "Hours", {"const": 1}, only_while="running"),
        ComponentDraft("disk", "Disk", "storage-gib-hours", "GiB-Hours", {"field": "disk_gib"}, dimension="storage_gib"),
    ],
)
DATABASE = OfferingDraft(
    capability="database",
    name="PostgreSQL database",
    summary="A database with its own role and limits on a managed server.",
    icon="database",
    plans=[
        PlanDraft("small", "Small", "shared server", {}, {}),
        PlanDraft("medium", "Medium", "shared server, more room", {}, {}),
    ],
    components=[
        ComponentDraft("database", "Database", "database-hours", "Hours", {"const": 1}),
        ComponentDraft(
            "storage", "Storage", "storage-gib-hours", "GiB-Hours", {"field": "storage_gib"}, dimension="storage_gib"
        ),
    ],
)
PRICES = {
    "Linux server": {
        ("server", "tiny"): "0.0104",
        ("server", "small"): "0.0208",
        ("server", "medium"): "0.0416",
        ("server", "large"): "0.0832",
        ("disk", ""): "0.00011",
    },
    "PostgreSQL database": {("database", "small"): "0.025", ("database", "medium"): "0.1", ("storage", ""): "0.00015"},
}


def open_shop(organization: Scope, *, actor: Actor) -> None:
    """Publish the offerings and their prices, in force from this hour on."""
    starts = clock.hour_of(clock.now())
    book = open_price_book(organization, name=f"{organization.name} list", currency="EUR", actor=actor)
    for draft in (SERVER, DATABASE):
        version = publish_offering(organization, draft, actor=actor)
        components = {component.key: component for component in version.components.all()}
        plans = {plan.key: plan for plan in version.plans.all()}
        for (component, plan), price in PRICES[draft.name].items():
            set_price(book, components[component], Decimal(price), plan=plans.get(plan), starts=starts, actor=actor)
