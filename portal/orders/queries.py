"""Orders a person may see."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Sum

from portal.access.models import Scope
from portal.core.errors import NotFound
from portal.orders.models import OPEN, Action, Order, OrderItem, OrderState
from portal.provisioning.models import Resource, ResourceState
from portal.tenancy.quotas import held_under
from portal.users.actor import Actor

NOT_PAID_YET = (ResourceState.PLANNED, ResourceState.CREATING, ResourceState.FAILED)


def orders_visible_to(actor: Actor) -> QuerySet[Order]:
    """The orders she may see, newest first."""
    found: QuerySet[Order] = Order.objects.visible_to(actor)
    return found.select_related("project", "requester", "beneficiary").order_by("-created_at", "-id")


def order_visible_to(actor: Actor, pk: UUID | str) -> Order:
    """One order, or NotFound."""
    found = orders_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def items_of(order: Order) -> QuerySet[OrderItem]:
    """Its lines with all a page shows of them."""
    parts = ("plan__version__offering", "connection", "resource__connection")
    return OrderItem.objects.filter(order=order).select_related(*parts).order_by("position")


def with_items(orders: QuerySet[Order]) -> Any:
    """The same with their lines, in one query more."""
    items = OrderItem.objects.select_related("plan__version__offering", "resource")
    return orders.prefetch_related(Prefetch("items", items))


def open_orders_of(actor: Actor) -> QuerySet[Order]:
    """What she asked for and what is not over."""
    mine = Q(requester=actor.user) | Q(beneficiary=actor.user)
    return orders_visible_to(actor).filter(mine, state__in=(OrderState.WAITING, OrderState.WORKING, OrderState.FAILED))


def open_items_of(actor: Actor) -> QuerySet[OrderItem]:
    """The lines of those orders with all that a page shows of both: one query. Newest order first."""
    rows = OrderItem.objects.filter(order__in=open_orders_of(actor).order_by().values("pk"))
    parts = ("order__project", "plan__version__offering", "resource")
    return rows.select_related(*parts).order_by("-order__created_at", "-order", "position")


def end_of(resource: Resource) -> Order | None:
    """The order that ends a resource, while it is open."""
    found = OrderItem.objects.filter(resource=resource, action=Action.TERMINATE, is_open=True)
    item = found.select_related("order__requester").first()
    return item.order if item else None


def held_by(order: Order) -> dict[str, int]:
    """How much of each quota dimension an order holds, before and after its resources exist."""
    items = list(OrderItem.objects.filter(order=order, action=Action.CREATE).select_related("resource"))
    keys = [item.hold_key for item in items] + [item.resource.hold_key for item in items if item.resource]
    return held_under(keys)


def open_cost(scope: Scope, *, but: Order | None = None) -> Decimal:
    """What is ordered at or below a scope and is not paid yet will cost a month: it waits, is made, or may be tried again."""
    items = OrderItem.objects.filter(order__project__path__within=scope.path, order__state__in=OPEN, cost_per_month__gt=0)
    items = items.filter(Q(resource=None) | Q(resource__state__in=NOT_PAID_YET))
    items = items.exclude(order=but) if but else items
    return items.aggregate(total=Sum("cost_per_month"))["total"] or Decimal()


def lost_orders(at: datetime) -> list[UUID]:
    """Orders at work, and failed ones whose fault is gone, that nobody looked at for a while."""
    faults = OrderItem.objects.filter(order=OuterRef("pk")).exclude(resource__error="")
    moving = Q(state=OrderState.WORKING) | Q(~Exists(faults), state=OrderState.FAILED)
    old = Order.objects.filter(moving, created_at__lte=at - timedelta(seconds=30))
    return list(old.values_list("pk", flat=True)[:500])
