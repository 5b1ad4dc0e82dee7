"""Orders a person may see."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import CharField, Exists, OuterRef, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import Cast

from portal.access.models import Scope
from portal.approvals.eligibility import accounts_holding
from portal.approvals.models import Approval, State
from portal.core.errors import NotFound
from portal.orders.models import KIND, OPEN, Action, Order, OrderItem, OrderState, Revision
from portal.provisioning.models import Resource, ResourceState
from portal.tenancy.quotas import held_under
from portal.users.actor import Actor
from portal.users.models import User, UserKind

MOST_PEOPLE = 500
NOT_PAID_YET = (ResourceState.PLANNED, ResourceState.CREATING, ResourceState.FAILED)


def orders_visible_to(actor: Actor) -> QuerySet[Order]:
    """The orders she may see, newest first; filters may ask which are hers."""
    hers = Q(beneficiary=actor.user) | Q(requester=actor.user, beneficiary=None)
    found: QuerySet[Order] = Order.objects.visible_to(actor).alias(is_hers=hers, is_asked_by_her=Q(requester=actor.user))
    return found.select_related("project", "requester", "beneficiary").order_by("-created_at", "-id")


def order_visible_to(actor: Actor, pk: UUID | str) -> Order:
    """One order, or NotFound."""
    found = orders_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def item_visible_to(actor: Actor, pk: UUID | str) -> OrderItem:
    """One line of an order that she may see, or NotFound."""
    parts = ("order__project", "plan__version__offering", "connection")
    rows = OrderItem.objects.filter(order__in=orders_visible_to(actor).order_by().values("pk"), pk=pk)
    found = rows.select_related(*parts).first()
    if found is None:
        raise NotFound
    return found


def people_to_order_for(project: Scope, *, but: User) -> list[User]:
    """The people who see what a project has, by name, without the one who orders."""
    seeing = list(accounts_holding("view_resource", project))
    people = User.objects.filter(pk__in=seeing, kind_of_user=UserKind.PERSON).exclude(pk=str(but.person_id))
    return list(people.order_by("name", "username")[:MOST_PEOPLE])


def items_of(order: Order) -> QuerySet[OrderItem]:
    """Its lines with all a page shows of them."""
    parts = ("plan__version__offering", "connection", "resource__connection")
    return OrderItem.objects.filter(order=order).select_related(*parts).order_by("position")


def with_returned(orders: QuerySet[Order]) -> Any:
    """The same, each knowing whether it `is_returned`: it waits for who asked, not for a decision."""
    back = Approval.objects.filter(subject_kind=KIND, subject_id=Cast(OuterRef("pk"), CharField()), state=State.RETURNED)
    return orders.annotate(is_returned=Exists(back))


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


def revisions_of(order: Order) -> list[Revision]:
    """How it was changed while it waited, first change first."""
    return list(Revision.objects.filter(order=order).select_related("made_by"))


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


def made_by_item(resource: Resource) -> OrderItem | None:
    """The line of an order that made a resource; None where it was found, not ordered."""
    rows = OrderItem.objects.filter(resource=resource, action=Action.CREATE)
    return rows.select_related("order", "plan__version__offering").first()


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
