"""A dry run: everything an order meets on its way, and nothing of it stays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import transaction

from portal.access.guard import require
from portal.access.models import Scope
from portal.approvals.cards import StageLine, stage_lines
from portal.core import clock
from portal.core.errors import Forbidden, NotFound, PortalError
from portal.core.models import new_id
from portal.metering.budgets import BudgetState
from portal.orders.drafts import ItemDraft, item_from
from portal.orders.models import Order, OrderItem
from portal.orders.previews import budget_with
from portal.orders.services import approval_for, place_order
from portal.tenancy.quotas import Room, room_in
from portal.users.actor import Actor
from portal.users.models import User


@dataclass(frozen=True, slots=True)
class DryItem:
    """One line: the item as it would be frozen, or why it cannot be."""

    item: OrderItem | None
    refusal: PortalError | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """The items, and what the order as a whole would meet. Rooms and budget stand as they would with it placed.

    `rule` names what would allow it at once, else `stages` says who would decide. `budget` is for who may see cost.
    """

    items: list[DryItem]
    refusal: PortalError | None = None
    rule: str = ""
    stages: list[StageLine] = field(default_factory=list)
    rooms: list[Room] = field(default_factory=list)
    budget: BudgetState | None = None

    @property
    def is_orderable(self) -> bool:
        return self.refusal is None and all(item.refusal is None for item in self.items)

    @property
    def cost_per_month(self) -> Decimal:
        return sum((item.item.cost_per_month for item in self.items if item.item), Decimal())

    @property
    def currency(self) -> str:
        return next((str(item.item.quote["currency"]) for item in self.items if item.item), "")


def dry_run(
    project: Scope, items: Sequence[ItemDraft], *, actor: Actor, note: str = "", beneficiary: User | None = None
) -> DryRun:
    """Place the order for good in every check it meets, look at it, and take everything back.

    It runs in a transaction that is rolled back: no row, no message and no notice of it stays, only a number is skipped.
    Raises Forbidden and NotFound as an order does; every other refusal is part of the answer.
    """
    require(actor, "place_order", project)
    with transaction.atomic():
        found = _look(project, items, actor=actor, note=note, beneficiary=beneficiary)
        transaction.set_rollback(True)
    return found


def _look(project: Scope, items: Sequence[ItemDraft], *, actor: Actor, note: str, beneficiary: User | None) -> DryRun:
    lines = [_draw(draft, project, actor) for draft in items]
    order, refusal = None, None
    if all(line.refusal is None for line in lines):
        order, refusal = _place(project, items, actor=actor, note=note, beneficiary=beneficiary)
    asked = approval_for(order) if order else None
    cost = sum((line.item.cost_per_month for line in lines if line.item), Decimal())
    return DryRun(
        items=lines,
        refusal=refusal,
        rule=order.rule if order else "",
        stages=stage_lines(asked) if asked and asked.is_waiting else [],
        rooms=room_in(project),
        budget=budget_with(project, cost, actor=actor, but=order),
    )


def _draw(draft: ItemDraft, project: Scope, actor: Actor) -> DryItem:
    try:
        with transaction.atomic():
            return DryItem(item_from(draft, project, actor=actor, at=clock.now()), None)
    except (Forbidden, NotFound):
        raise
    except PortalError as refusal:
        return DryItem(None, refusal)


def _place(
    project: Scope, items: Sequence[ItemDraft], *, actor: Actor, note: str, beneficiary: User | None
) -> tuple[Order | None, PortalError | None]:
    key = f"dry-run:{new_id().hex}"
    try:
        return place_order(project, items, key=key, actor=actor, note=note, beneficiary=beneficiary), None
    except (Forbidden, NotFound):
        raise
    except PortalError as refusal:
        return None, refusal
