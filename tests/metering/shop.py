"""A small shop for tests: offerings with plans and prices, published through the services as erin and carol would."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from portal.access.models import Scope
from portal.catalogue.drafts import ComponentDraft, OfferingDraft, PlanDraft
from portal.catalogue.models import Component, OfferingVersion, Plan
from portal.catalogue.services import publish_offering
from portal.core import clock
from portal.pricing.models import PriceBook
from portal.pricing.services import open_price_book, set_price
from tests.cast import World

OPENED = datetime(2026, 1, 1, tzinfo=UTC)
SERVER = OfferingDraft(
    capability="compute",
    name="Linux server",
    narrowing={"properties": {"image": {"const": "debian-12"}, "disk_gib": {"default": 20, "minimum": 8, "maximum": 500}}},
    plans=[
        PlanDraft("small", "Small", spec={"size": "t3.small"}, quotas={"servers": 1}),
        PlanDraft("large", "Large", spec={"size": "t3.large"}, quotas={"servers": 1}),
    ],
    components=[
        ComponentDraft("server", "Server", "server-hours", "Hours", {"const": 1}, only_while="running"),
        ComponentDraft("disk", "Disk", "storage-gib-hours", "GiB-Hours", {"field": "disk_gib"}, dimension="storage_gib"),
    ],
)
SERVER_PRICES = {("server", "small"): "0.02080000", ("server", "large"): "0.08320000", ("disk", None): "0.00012345"}


@dataclass
class Shop:
    """What is for sale in one organization."""

    world: World
    organization: Scope
    book: PriceBook
    server: OfferingVersion

    def plan(self, key: str) -> Plan:
        return self.server.plans.get(key=key)

    def component(self, key: str) -> Component:
        return self.server.components.get(key=key)


def open_shop(world: World, *, organization: str = "nordwind", seller: str = "erin", priced: bool = True) -> Shop:
    """Publish the server and its prices on the first of January 2026."""
    scope, actor = world.scopes[organization], world.actor(seller)
    with clock.travel(OPENED):
        book = open_price_book(scope, name=f"{scope.name} 2026", currency="EUR", actor=actor)
        shop = Shop(world, scope, book, publish_offering(scope, SERVER, actor=actor))
        for (component, plan), amount in SERVER_PRICES.items() if priced else ():
            set_price(
                book,
                shop.component(component),
                Decimal(amount),
                plan=shop.plan(plan) if plan else None,
                starts=OPENED,
                actor=actor,
            )
    return shop
