"""A market for tests: two clouds that really answer, offerings with prices on them, and a worker that is this process."""

import os
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import boto3
from django.core.management import call_command

from portal.approvals.models import Approval
from portal.approvals.services import vote
from portal.catalogue.drafts import ComponentDraft, OfferingDraft, PlanDraft
from portal.catalogue.models import Plan
from portal.catalogue.services import publish_offering
from portal.clouds.models import Choice, Connection, ConnectionState, Health, Provider
from portal.core import clock
from portal.orders import services as orders
from portal.orders.drafts import ItemDraft
from portal.orders.models import Order
from portal.pricing.services import open_price_book, set_price
from portal.provisioning.models import Resource
from portal.provisioning.reconcile import reconcile
from portal.users.actor import Actor
from tests.cast import World

REGION = "eu-west-1"
SERVER = OfferingDraft(
    capability="compute",
    name="Linux server",
    narrowing={"properties": {"disk_gib": {"default": 20, "minimum": 8, "maximum": 500}}},
    plans=[PlanDraft("small", "Small", spec={"size": "t3.small"}, quotas={"servers": 1})],
    components=[
        ComponentDraft("server", "Server", "server-hours", "Hours", {"const": 1}, only_while="running"),
        ComponentDraft("disk", "Disk", "storage-gib-hours", "GiB-Hours", {"field": "disk_gib"}, dimension="storage_gib"),
    ],
)
DATABASE = OfferingDraft(
    capability="database",
    name="PostgreSQL database",
    plans=[PlanDraft("small", "Small", quotas={"databases": 1})],
    components=[
        ComponentDraft("database", "Database", "database-hours", "Hours", {"const": 1}),
        ComponentDraft("storage", "Storage", "storage-gib-hours", "GiB-Hours", {"field": "storage_gib"}),
    ],
)
PRICES = {"server": "0.0208", "disk": "0.00011", "database": "0.025", "storage": "0.00015"}


@dataclass
class Market:
    """What can be ordered, and where it goes."""

    world: World
    aws: Connection
    postgres: Connection
    server: Plan
    database: Plan
    image: str

    def draft(self, name: str = "web-1", **answers: Any) -> ItemDraft:
        """A server for the project web."""
        given = {"name": name, "region": REGION, "image": self.image, **answers}
        return ItemDraft(plan_id=self.server.pk, connection_id=self.aws.pk, answers=given)

    def database_draft(self, name: str = "shop-db", **answers: Any) -> ItemDraft:
        given = {"name": name, "region": "home", "storage_gib": 2, **answers}
        return ItemDraft(plan_id=self.database.pk, connection_id=self.postgres.pk, answers=given)

    def place(self, *drafts: ItemDraft, key: str = "k", who: str = "alice", **more: Any) -> Order:
        """An order as the page or the API places it."""
        return orders.place_order(self.world.web, drafts or [self.draft()], key=key, actor=self.world.actor(who), **more)

    def approve(self, order: Order, who: str = "bob") -> Approval:
        approval = Approval.objects.get(subject_kind="order", subject_id=str(order.pk))
        return vote(approval, "approve", approval.card_hash, actor=self.world.actor(who))

    def work(self, rounds: int = 4) -> None:
        """What a worker does, half a minute apart: reconcile every resource, then look at every order."""
        began = clock.now()
        for number in range(rounds):
            with clock.travel(began + timedelta(seconds=30 * number)):
                for pk in Resource.objects.filter(project__isnull=False).values_list("pk", flat=True):
                    reconcile(pk)
                for pk in Order.objects.values_list("pk", flat=True):
                    orders.advance(pk, actor=Actor.system())

    def active(self, name: str = "web-1", key: str = "k") -> Resource:
        """A server that was ordered, approved and made."""
        order = self.place(self.draft(name), key=key)
        self.approve(order)
        self.work()
        return order.items.get().resource


def open_market(world: World, aws_port: int) -> Market:
    """Providers, connections in use with their choices, offerings and prices."""
    call_command("sync_providers", verbosity=0)
    admin = urlsplit(os.environ["TEST_ADMIN_URL"])
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}
    aws = connection(world, "aws", {"regions": REGION, "endpoint": f"http://127.0.0.1:{aws_port}"}, keys)
    server_config = {"host": "127.0.0.1", "port": admin.port, "database": "postgres", "sslmode": "prefer"}
    postgres = connection(world, "postgresql", server_config, {"user": admin.username, "password": admin.password})
    image = an_image(aws)
    choose(aws, REGION, "region", REGION, at="")
    choose(aws, REGION, "size", "t3.small")
    choose(aws, REGION, "image", image)
    choose(postgres, "home", "region", "home", at="")
    actor = world.actor("erin")
    book = open_price_book(world.nordwind, name="List", currency="EUR", actor=actor)
    plans = []
    for draft in (SERVER, DATABASE):
        version = publish_offering(world.nordwind, draft, actor=actor)
        for component in version.components.all():
            set_price(book, component, Decimal(PRICES[component.key]), starts=clock.hour_of(clock.now()), actor=actor)
        plans.append(version.plans.get())
    return Market(world, aws, postgres, *plans, image)


def connection(
    world: World, provider: str, config: dict[str, Any], credentials: dict[str, Any], *, name: str = ""
) -> Connection:
    """A connection in use, as after its checks and its approval."""
    made = Connection(
        scope=world.nordwind,
        provider=Provider.objects.get(key=provider),
        name=name or f"{provider}-main",
        config=config,
        made_by=world.dave,
        key=name or provider,
        state=ConnectionState.READY,
        health=Health.WELL,
        approved_at=clock.now(),
    )
    made.seal_credentials(credentials)
    made.save()
    return made


def choose(made: Connection, region: str, kind: str, key: str, at: str | None = None) -> None:
    """Something that may be chosen there."""
    Choice.objects.create(connection=made, region=region if at is None else at, choice_kind=kind, key=key, name=key)


def an_image(made: Connection) -> str:
    """An image that the simulated cloud knows."""
    return str(client_of(made).describe_images(Owners=["099720109477"])["Images"][0]["ImageId"])


def client_of(made: Connection) -> Any:
    """The vendor's own client of a simulated AWS: what there is, without our adapter."""
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}
    return boto3.client("ec2", endpoint_url=made.config["endpoint"], region_name=REGION, **keys)


def sealed_plan(market: Market) -> Plan:
    """An offering of servers that shows the setting to encrypt their disk; no price is set."""
    shown = {"properties": {**SERVER.narrowing["properties"], "encrypted": {"x-hidden": False}}}
    draft = replace(SERVER, name="Sealed server", narrowing=shown)
    version = publish_offering(market.world.nordwind, draft, actor=market.world.actor("erin"))
    plan: Plan = version.plans.get()
    return plan
