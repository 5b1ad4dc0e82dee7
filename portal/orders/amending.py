"""Change an order that waits, or send again one that came back; nothing that was decided is changed by it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.approvals import returning
from portal.approvals import services as approvals
from portal.approvals.changing import lock_open, rename
from portal.approvals.facts import plain
from portal.approvals.models import Approval, State
from portal.catalogue.schemas import filled
from portal.core.errors import Conflict, Forbidden
from portal.events.services import record
from portal.orders import progress
from portal.orders.drafts import ItemDraft
from portal.orders.kinds import facts_of
from portal.orders.models import KIND, Action, Order, OrderItem, OrderState, Revision
from portal.orders.queries import items_of
from portal.orders.services import check_budget_of, check_note, check_order, drawn_from, locked, title_of
from portal.tenancy.quotas import free_holds
from portal.users.actor import Actor


@transaction.atomic
def amend_order(order: Order, items: Sequence[ItemDraft], *, actor: Actor, note: str = "", said: str = "") -> Order:
    """Ask for these items instead, while nobody decided: holds and budget move, votes given are void, it is decided anew.

    An item that is asked for as it stands keeps its frozen price. `note` is why it is wanted at all, `said` what she tells
    who decides about the change. Returned, it is sent again by this. The same as before changes nothing. Raises Forbidden
    (another's order), Conflict (decided by now), and whatever `place_order` refuses.
    """
    check_note(note)
    check_note(said)
    order, approval = _held(order, actor)
    check_order(order.project, items, None)
    before, now = _facts(order), list(items_of(order))
    kept = {at: item for at, item in enumerate(now) if at < len(items) and is_asked_as_it_is(items[at], item)}
    for at, item in enumerate(now):
        if at not in kept:
            free_holds(item.hold_key)
            item.delete()
    order.note = note.strip()
    _put(order, items, kept, actor)
    after = _facts(order)
    if after != before:
        _keep_revision(order, before, after, actor=actor, said=said.strip())
        rename(approval, title_of(list(items_of(order))))
    if approval.state == State.RETURNED:
        returning.resubmit(approval, actor=actor, note=said.strip())
    elif after != before:
        approvals.facts_changed(KIND, order.pk, actor=actor)
    return locked(order.pk)


@transaction.atomic
def resubmit_order(order: Order, *, actor: Actor, said: str = "") -> Order:
    """Send an order that came back again as it is, with a word to who decides. Conflict where it does not wait for her."""
    check_note(said)
    order, approval = _held(order, actor)
    if approval.state != State.RETURNED:
        raise Conflict(_("It waits for a decision already."))
    record("orders.resubmit", order, actor=actor, reason=said.strip())
    returning.resubmit(approval, actor=actor, note=said.strip())
    return locked(order.pk)


def is_asked_as_it_is(draft: ItemDraft, item: OrderItem) -> bool:
    """Whether the draft asks for the very item that stands there."""
    if draft.action != item.action:
        return False
    if item.action == Action.TERMINATE:
        return draft.resource_id == item.resource_id
    same = draft.plan_id == item.plan_id and draft.connection_id == item.connection_id
    return same and filled(item.plan.version, item.plan, draft.answers or {}) == item.spec


def draft_of(item: OrderItem) -> ItemDraft:
    """The item as one would ask for it."""
    if item.action == Action.TERMINATE:
        return ItemDraft(action=Action.TERMINATE, resource_id=item.resource_id)
    return ItemDraft(plan_id=item.plan_id, connection_id=item.connection_id, answers=item.spec)


def why_not_amend(order: Order, actor: Actor) -> str:
    """Why she cannot change it now; empty where she can, as far as can be said without trying."""
    if order.requester.person_id != actor.person_id:
        return _("Only who asked for it can change it.")
    if order.state != OrderState.WAITING:
        return _("It was decided already, so it cannot be changed. Order again instead.")
    return ""


def _held(order: Order, actor: Actor) -> tuple[Order, Approval]:
    """Order and approval, both held: hers, and not decided."""
    require(actor, "place_order", order)
    approval = lock_open(KIND, order.pk)
    order = locked(order.pk)
    said = why_not_amend(order, actor)
    if order.requester.person_id != actor.person_id:
        raise Forbidden(said)
    if approval is None or said:
        raise Conflict(said)
    return order, approval


def _put(order: Order, items: Sequence[ItemDraft], kept: Mapping[int, OrderItem], actor: Actor) -> None:
    """Draw and hold what is new, in its place; what all of it costs must fit the budget."""
    asked = {at: draft for at, draft in enumerate(items) if at not in kept}
    drawn = dict(zip(asked, drawn_from(list(asked.values()), order.project, actor), strict=True))
    for at, item in drawn.items():
        item.order, item.position = order, at
        item.save(force_insert=True)
    progress.hold(order, list(drawn.values()))
    order.cost_per_month = sum((item.cost_per_month for item in [*kept.values(), *drawn.values()]), Decimal())
    order.save(update_fields=["note", "cost_per_month"])
    check_budget_of(order, actor)


def _facts(order: Order) -> dict[str, Any]:
    found: dict[str, Any] = plain(facts_of(order, list(items_of(order))))
    return found


def _keep_revision(order: Order, before: dict[str, Any], after: dict[str, Any], *, actor: Actor, said: str) -> None:
    number = Revision.objects.filter(order=order).count() + 2  # the first is the order as it was placed
    Revision.objects.create(order=order, number=number, made_by=actor.user, note=said, before=before, after=after)
    record("orders.amend", order, actor=actor, reason=said, revision=number, cost_per_month=order.cost_per_month)
