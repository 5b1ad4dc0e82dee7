"""Many of everything at once: orders, resources, approvals, events, notices and connections, written in bulk."""

from decimal import Decimal
from itertools import islice
from typing import Any

from portal.access.models import Scope, ScopeKind
from portal.approvals.models import Approval, Stage
from portal.catalogue.models import Plan
from portal.clouds.models import Connection
from portal.core import clock
from portal.core.models import new_id
from portal.events.models import Event
from portal.notices.models import Notice
from portal.orders.models import Order, OrderItem
from portal.provisioning.models import Resource
from portal.users.models import User
from tests.cast import World

ORDER_STATES = ("waiting", "working", "done", "failed", "denied", "withdrawn")
RESOURCE_STATES = ("running", "stopped", "creating", "failed", "gone")
WHO = {"pick": "role", "role": "approver", "at": "scope", "group": "", "people": []}


def projects(world: World, count: int) -> list[Scope]:
    """More projects beside `web`."""
    made = []
    for number in range(count):
        scope = Scope(scope_kind=ScopeKind.PROJECT, parent=world.retail, name=f"project-{number}", slug=f"project-{number}")
        scope.path = world.retail.path_below(scope)
        made.append(scope)
    Scope.objects.bulk_create(made)
    return [world.web, *made]


def fill_resources(
    world: World, plan: Plan, connection: Connection, *, count: int, places: list[Scope], first: int = 0
) -> list[Resource]:
    """`count` resources, numbered from `first` on."""
    numbers = range(first, first + count)
    resources = [_resource(number, places, plan, connection, world.alice) for number in numbers]
    _write(Resource, resources)
    return resources


def fill(world: World, plan: Plan, connection: Connection, *, count: int, places: list[Scope], first: int = 0) -> None:
    """`count` orders with one item and one resource each, their events, and notices for everybody."""
    people = list(world.people.values())[:5]
    system = User.objects.system()
    resources = fill_resources(world, plan, connection, count=count, places=places, first=first)
    orders = [_order(number, places, world.alice) for number in range(first, first + count)]
    _write(Order, orders)
    pairs = zip(orders, resources, strict=True)
    _write(OrderItem, [_item(order, resource, plan, connection) for order, resource in pairs])
    waiting = [order for order in orders if order.state == "waiting"]
    approvals = [_approval(order) for order in waiting]
    _write(Approval, approvals)
    _write(Stage, [_stage(approval) for approval in approvals])
    _write(Event, [_event(order, system) for order in orders])
    _write(Notice, [_notice(order, people[number % 5]) for number, order in enumerate(orders)])


def _resource(number: int, places: list[Scope], plan: Plan, connection: Connection, person: User) -> Resource:
    state = RESOURCE_STATES[number % len(RESOURCE_STATES)]
    return Resource(
        project=places[number % len(places)],
        connection=connection,
        region="eu-west-1",
        capability="compute",
        version=plan.version,
        plan=plan,
        name=f"server-{number}",
        spec={"name": f"server-{number}", "disk_gib": 20},
        desired="running",
        state=state,
        external_id=f"i-{number:017x}",
        observed={"addresses": [f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"]},
        requester=person,
        seen_at=clock.now(),
    )


def _order(number: int, places: list[Scope], person: User) -> Order:
    return Order(
        number=1_000_000 + number,
        project=places[number % len(places)],
        requester=person,
        state=ORDER_STATES[number % len(ORDER_STATES)],
        cost_per_month=Decimal("15.184"),
        currency="EUR",
        key=f"crowd-{number}",
    )


def _item(order: Order, resource: Resource, plan: Plan, connection: Connection) -> OrderItem:
    return OrderItem(
        order=order,
        plan=plan,
        spec=resource.spec,
        connection=connection,
        region=resource.region,
        resource=resource,
        cost_per_month=order.cost_per_month,
        quote={"lines": [], "per_hour": "0.0208", "per_month": "15.184", "currency": "EUR"},
    )


def _approval(order: Order) -> Approval:
    return Approval(
        subject_kind="order",
        subject_id=str(order.pk),
        scope=order.project,
        title=f"Linux server, server-{order.number}",
        requester=order.requester,
        facts={"cost_per_month": "15.184", "currency": "EUR", "items": []},
        card_hash="0" * 64,
        key=f"order:{order.pk}",
        decision_due=clock.now(),
    )


def _stage(approval: Approval) -> Stage:
    given = {"mode": "any", "due_hours": 72, "on_timeout": "expire", "state": "open", "due": clock.now()}
    return Stage(approval=approval, position=0, who=WHO, place=approval.scope, **given)


def _event(order: Order, actor: User) -> Event:
    return Event(
        actor=actor,
        action="orders.place",
        target_kind="order",
        target_id=str(order.pk),
        target_label=f"Order {order.number}",
        scope_path=order.project.path,
        correlation_id=new_id().hex[:12],
    )


def _notice(order: Order, person: User) -> Notice:
    params = {"label": f"Order {order.number}"}
    return Notice(user=person, topic="order_ready", params=params, link_kind="order", link_id=str(order.pk))


def _write(model: Any, rows: list[Any]) -> None:
    left = iter(rows)
    while part := list(islice(left, 2000)):
        model.objects.bulk_create(part)
