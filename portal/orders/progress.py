"""How an order moves once it is decided: its items become resources, their states become its state."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_noop

from portal.catalogue.queries import quotas_of
from portal.events.services import record
from portal.notices.services import notify
from portal.orders.models import Action, Order, OrderItem, OrderState
from portal.provisioning import services as provisioning
from portal.provisioning.models import Desired, ResourceState
from portal.tenancy.quotas import free_holds, lock_quotas, place_holds, rename_holds
from portal.users.actor import Actor
from portal.users.models import User


def hold(order: Order, items: Sequence[OrderItem]) -> None:
    """Take the quota that new resources need; QuotaExceeded says what is missing."""
    wanted = {item.hold_key: quotas_of(item.plan, item.spec) for item in items if item.action == Action.CREATE}
    lock_quotas(order.project, {dimension for amounts in wanted.values() for dimension in amounts})
    for key, amounts in wanted.items():
        place_holds(order.project, amounts, key=key)


def start(order: Order, *, actor: Actor) -> None:
    """It was allowed or approved: ask for each item's resource. The caller holds the order's row."""
    order.state = OrderState.WORKING
    order.save(update_fields=["state"])
    record("orders.start", order, actor=actor)
    cause = f"order:{order.pk}"
    for item in _items(order):
        if item.action == Action.TERMINATE and item.resource:
            provisioning.end_resource(item.resource, cause=cause, actor=actor)
            continue
        person = order.beneficiary or order.requester
        item.resource = provisioning.request_resource(
            order.project, item.plan, item.spec, item.connection, item.region, requester=person, cause=cause, actor=actor
        )
        item.save(update_fields=["resource"])
        rename_holds(item.hold_key, item.resource.hold_key)


def drop(order: Order, outcome: str, *, actor: Actor, at: datetime) -> None:
    """It will not be done: free what was held."""
    for item in _items(order):
        free_holds(item.hold_key)
    settle(order, OrderState(outcome), actor=actor, at=at)


def settle(order: Order, state: OrderState, *, actor: Actor, at: datetime, reason: str = "") -> None:
    """Give it its state, with the event; an end closes its items."""
    order.state, order.settled_at = state, at
    order.save(update_fields=["state", "settled_at"])
    if state != OrderState.FAILED:
        OrderItem.objects.filter(order=order).update(is_open=False)
    record(
        f"orders.{state.value}", order, actor=actor, reason=reason, outcome="failed" if state == OrderState.FAILED else "done"
    )


def look(order: Order, *, actor: Actor, at: datetime) -> None:
    """Bring the order up to its resources. The caller holds the order's row."""
    items = list(_items(order))
    failed = [item for item in items if item.resource and item.resource.error]
    if all(_is_done(item) for item in items):
        _finish(order, items, actor=actor, at=at)
    elif failed and order.state != OrderState.FAILED and all(_is_done(item) or item in failed for item in items):
        reason = failed[0].resource.error if failed[0].resource else ""
        settle(order, OrderState.FAILED, actor=actor, at=at, reason=reason)
        advice = gettext_noop("Try again, or give it up.")
        notify(_people(order), "order_failed", target=order, actor=actor, reason=reason, advice=advice)
    elif order.state == OrderState.FAILED and not failed:
        order.state, order.settled_at = OrderState.WORKING, None
        order.save(update_fields=["state", "settled_at"])


def _finish(order: Order, items: Sequence[OrderItem], *, actor: Actor, at: datetime) -> None:
    """Done, and people are told; withdrawn, where everything that it was to make was given up."""
    made = [item for item in items if item.action == Action.CREATE]
    given_up = [item for item in made if item.resource and item.resource.state == ResourceState.GONE]
    if made and len(given_up) == len(items):
        settle(order, OrderState.WITHDRAWN, actor=actor, at=at)
        return
    settle(order, OrderState.DONE, actor=actor, at=at)
    if made and not given_up:
        notify(_people(order), "order_ready", target=order, actor=actor)
    else:
        notify(_people(order), "order_moved", target=order, actor=actor, state=order.get_state_display())


def _is_done(item: OrderItem) -> bool:
    resource = item.resource
    if resource is None:
        return False
    if item.action == Action.TERMINATE or resource.desired == Desired.GONE:
        return bool(resource.state == ResourceState.GONE)
    return resource.state in (ResourceState.RUNNING, ResourceState.STOPPED)


def _items(order: Order) -> list[OrderItem]:
    rows = OrderItem.objects.filter(order=order).select_related("plan__version__offering", "connection", "resource__plan")
    return list(rows.prefetch_related("plan__version__components"))


def _people(order: Order) -> list[User]:
    return [user for user in (order.requester, order.beneficiary) if user]
