"""What an order would cost, take and have decided, before anybody places it: for the form, and for a dry run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from portal.access.guard import holds
from portal.access.models import Scope
from portal.approvals.previews import Preview, preview
from portal.catalogue.models import Plan
from portal.catalogue.queries import quotas_of
from portal.clouds.models import Connection
from portal.core import clock
from portal.core.errors import Refused
from portal.metering.budgets import BudgetState
from portal.metering.queries import budget_state
from portal.orders.drafts import quote_data
from portal.orders.kinds import OrderKind, budget_of, facts_of
from portal.orders.models import Order, OrderItem
from portal.orders.queries import items_of, open_cost
from portal.pricing.quotes import Quote, quote
from portal.tenancy.quotas import Room, held_under, room_in
from portal.users.actor import Actor
from portal.users.models import User


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What placing it now would mean. `quote` is of the item, `cost` of the whole order a month.

    `rooms` are the quotas that bind with what it takes of each. `budget` counts it and what is open; None where she may
    not see cost. `decision` says who would decide; None where nobody could, and then `undecidable` says so.
    """

    quote: Quote
    cost: Decimal
    rooms: list[tuple[Room, int]]
    budget: BudgetState | None
    decision: Preview | None
    undecidable: str = ""


def preview_order(
    project: Scope,
    plan: Plan,
    spec: Mapping[str, Any],
    connection: Connection,
    region: str,
    *,
    actor: Actor,
    note: str = "",
    beneficiary: User | None = None,
    instead_of: OrderItem | None = None,
) -> OrderPreview:
    """Look at an order of one item with the answers so far, or at one that waits with this `instead_of` an item of it.

    Raises Invalid or NoPrice where it cannot be priced.
    """
    priced = quote(plan, spec, project=project, at=clock.now())
    taken = quotas_of(plan, spec)
    item = OrderItem(plan=plan, spec=dict(spec), connection=connection, region=region, cost_per_month=priced.per_month)
    item.quote = quote_data(priced)
    waits = instead_of.order if instead_of else None
    others = [each for each in items_of(waits) if each != instead_of] if waits else []
    cost = sum((each.cost_per_month for each in others), priced.per_month)
    order = Order(project=project, requester=actor.user, note=note, cost_per_month=cost, currency=priced.currency)
    order.beneficiary = waits.beneficiary if waits else beneficiary
    decision, undecidable = _decision(order, [item, *others], actor)
    return OrderPreview(
        quote=priced,
        cost=cost,
        rooms=[(room, taken[room.dimension]) for room in room_but(project, instead_of) if taken.get(room.dimension)],
        budget=budget_with(project, cost, actor=actor, but=waits),
        decision=decision,
        undecidable=undecidable,
    )


def room_but(project: Scope, item: OrderItem | None) -> list[Room]:
    """The quotas that bind a project, without what an item that waits holds of them."""
    held = held_under([item.hold_key]) if item else {}
    return [replace(room, used=room.used - held.get(room.dimension, 0)) for room in room_in(project)]


def budget_with(project: Scope, cost: Decimal, *, actor: Actor, but: Order | None = None) -> BudgetState | None:
    """Where the tightest budget would stand with this cost a month beside every open order, or every one `but` this.

    None for who may not see cost. Nothing is locked: who places the order is checked again.
    """
    if not holds(actor, "view_cost", project):
        return None
    return budget_state(project, extra_per_month=cost, open_below=partial(open_cost, but=but))


def _decision(order: Order, items: Sequence[OrderItem], actor: Actor) -> tuple[Preview | None, str]:
    facts = facts_of(order, items)
    try:
        context = {"budget": budget_of(order)}
        return (
            preview(OrderKind.name, facts, order.project, actor=actor, beneficiary=order.beneficiary, context=context),
            "",
        )
    except Refused as refusal:
        return None, str(refusal)
