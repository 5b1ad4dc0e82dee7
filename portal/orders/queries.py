"""Orders a person may see."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.core.errors import NotFound
from portal.orders.models import Order, OrderItem, OrderState
from portal.users.actor import Actor


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
    rows = OrderItem.objects.filter(order=order).select_related("plan__version__offering", "connection", "resource")
    return rows.order_by("position")


def with_items(orders: QuerySet[Order]) -> Any:
    """The same with their lines, in a fixed number of queries."""
    return orders.prefetch_related("items__plan__version__offering", "items__resource")


def open_orders_of(actor: Actor) -> QuerySet[Order]:
    """What she asked for and what is not over."""
    mine = Q(requester=actor.user) | Q(beneficiary=actor.user)
    return orders_visible_to(actor).filter(mine, state__in=(OrderState.WAITING, OrderState.WORKING, OrderState.FAILED))


def lost_orders(at: datetime) -> list[UUID]:
    """Orders at work that nobody looked at for a while."""
    old = Order.objects.filter(state=OrderState.WORKING, created_at__lte=at - timedelta(seconds=30))
    return list(old.values_list("pk", flat=True)[:500])
