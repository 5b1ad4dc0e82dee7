"""Place an order, take it back, try it again, give it up, and follow its resources."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.access.guard import require
from portal.access.models import Scope, ScopeState
from portal.approvals import services as approvals
from portal.approvals.eligibility import accounts_holding
from portal.approvals.models import Approval, State
from portal.approvals.queries import approval_of
from portal.core import clock
from portal.core.errors import Conflict, Invalid, OverBudget
from portal.core.money import Money
from portal.core.schema import can_be_kept
from portal.events.services import record
from portal.metering.services import check_budget
from portal.notices.services import notify
from portal.orders import progress
from portal.orders.drafts import ItemDraft, item_from
from portal.orders.forms import LONGEST_KEY, LONGEST_NOTE
from portal.orders.models import KIND, Action, Order, OrderItem, OrderState
from portal.orders.queries import open_cost
from portal.provisioning import services as provisioning
from portal.users.actor import Actor
from portal.users.models import User

MOST_ITEMS = 20


@transaction.atomic
def place_order(
    project: Scope,
    items: Sequence[ItemDraft],
    *,
    key: str,
    actor: Actor,
    note: str = "",
    beneficiary: User | None = None,
) -> Order:
    """Ask for items in a project. Quota is held, the budget checked, target and price frozen; then it is decided or done.

    The same `key` by the same person gives the same order, to two calls at once as well; in another project it is a
    Conflict. Raises Invalid, QuotaExceeded, OverBudget, Refused, NotFound.
    """
    require(actor, "place_order", project)
    _check_key(key)
    check_note(note)
    if made := _placed_before(project, key, actor):
        return made
    check_order(project, items, beneficiary)
    drawn = drawn_from(items, project, actor)
    cost = sum((item.cost_per_month for item in drawn), Decimal())
    order = Order(
        project=project,
        requester=actor.user,
        beneficiary=beneficiary,
        note=note.strip(),
        cost_per_month=cost,
        currency=drawn[0].quote["currency"],
        key=key,
        correlation_id=actor.correlation_id,
    )
    if made := _save_new(order, actor):
        return made
    for position, item in enumerate(drawn):
        item.order, item.position = order, position
        item.save(force_insert=True)
    progress.hold(order, drawn)
    check_budget_of(order, actor)
    record("orders.place", order, actor=actor, cost_per_month=cost, currency=order.currency, items=len(drawn))
    if beneficiary and beneficiary != actor.user:
        notify([beneficiary], "order_for_you", target=order, actor=actor, person=str(actor.user), scope=project.name)
    asked = approvals.ask(
        KIND, order, actor=actor, scope=project, title=title_of(drawn), beneficiary=beneficiary, key=f"order:{order.pk}"
    )
    if not asked.is_waiting:
        order.rule = asked.rule
        order.save(update_fields=["rule"])
        progress.start(order, actor=actor)
    return order


def withdraw_order(order: Order, *, actor: Actor, reason: str = "") -> Order:
    """Take back what was not decided yet; its quota is free again."""
    require(actor, "view_order", order)
    approval = approval_of(KIND, order.pk)
    if approval is None or order.state not in (OrderState.WAITING, OrderState.WITHDRAWN):
        raise Conflict(_("It was decided already. Order the end of what it made instead."))
    approvals.withdraw(approval, actor=actor, reason=reason)
    return Order.objects.get(pk=order.pk)


@transaction.atomic
def retry_order(order: Order, *, actor: Actor) -> Order:
    """Try again what failed; the resources keep their names and their quota."""
    require(actor, "place_order", order)
    order = locked(order.pk)
    if order.state != OrderState.FAILED:
        return order
    for item in OrderItem.objects.filter(order=order).exclude(resource__error="").select_related("resource"):
        if item.resource:
            provisioning.retry_resource(item.resource, actor=actor)
    record("orders.retry", order, actor=actor)
    progress.look(order, actor=actor, at=clock.now())
    return order


@transaction.atomic
def give_up_order(order: Order, *, actor: Actor) -> Order:
    """End what a failed order left behind in the clouds; what it made whole stays. An end can only be tried again."""
    require(actor, "place_order", order)
    order = locked(order.pk)
    if order.state != OrderState.FAILED:
        raise Conflict(_("Only an order that failed can be given up."))
    failed = OrderItem.objects.filter(order=order).exclude(resource__error="").select_related("resource")
    if any(item.action == Action.TERMINATE for item in failed):
        raise Conflict(_("What was to end is still there, and is paid for. Try again."))
    record("orders.give_up", order, actor=actor)
    for item in failed:
        if item.resource:
            provisioning.end_resource(item.resource, cause=f"order:{order.pk}", actor=actor)
    progress.look(order, actor=actor, at=clock.now())
    return order


@transaction.atomic
def advance(order_id: UUID, *, actor: Actor) -> None:
    """Bring an order up to its resources; often, late or for nothing, it does no harm."""
    order = locked(order_id)
    if order.state in (OrderState.WORKING, OrderState.FAILED):
        progress.look(order, actor=actor, at=clock.now())


def locked(order_id: UUID) -> Order:
    """The order, its row held until the transaction ends."""
    rows = Order.objects.select_for_update(of=("self",)).select_related("project", "requester", "beneficiary")
    found: Order = rows.get(pk=order_id)
    return found


def title_of(items: Sequence[OrderItem]) -> str:
    """What an order is called where it waits: names of things, never of people."""
    first = items[0]
    name, offering = first.spec.get("name", ""), first.plan.version.offering.name
    said = _("End of %(name)s") if first.action == "terminate" else _("%(offering)s, %(name)s")
    said = said % {"name": name, "offering": offering}
    more = len(items) - 1
    return said + (ngettext(" and %(more)s more", " and %(more)s more", more) % {"more": more} if more else "")


def approval_for(order: Order) -> Approval | None:
    """The decision on an order."""
    return approval_of(KIND, order.pk)


def is_returned(order: Order) -> bool:
    """Whether it waits for who asked, not for a decision."""
    asked = approval_for(order) if order.state == OrderState.WAITING else None
    return asked is not None and asked.state == State.RETURNED


def _placed_before(project: Scope, key: str, actor: Actor) -> Order | None:
    """The order of hers that has this key already."""
    made: Order | None = Order.objects.filter(requester=actor.user, key=key).first()
    if made is not None and made.project_id != project.pk:
        raise Conflict(_("This key was used for an order in another project."))
    return made


def _save_new(order: Order, actor: Actor) -> Order | None:
    """Insert it; where the same click arrived twice and the other one was first, that one's order."""
    try:
        with transaction.atomic():
            order.save(force_insert=True)
    except IntegrityError:
        if made := _placed_before(order.project, order.key, actor):
            return made
        raise
    return None


def drawn_from(items: Sequence[ItemDraft], project: Scope, actor: Actor) -> list[OrderItem]:
    """The items in the order asked, not saved. Drawn by resource, for each is locked: two orders never wait for each other."""
    at = clock.now()
    by_resource = sorted(enumerate(items), key=lambda pair: str(pair[1].resource_id or ""))
    drawn = {position: item_from(draft, project, actor=actor, at=at) for position, draft in by_resource}
    return [drawn[position] for position in range(len(items))]


def check_note(note: str) -> None:
    """Invalid where it is too long, or cannot be kept."""
    if not can_be_kept(note, LONGEST_NOTE):
        raise Invalid(fields={"note": [_("At most %(most)s characters.") % {"most": LONGEST_NOTE}]})


def check_order(project: Scope, items: Sequence[ItemDraft], beneficiary: User | None) -> None:
    """Refuse what is wrong with the order as a whole, before its items are looked at."""
    if project.state != ScopeState.ACTIVE:
        raise Conflict(_("This project is closed."))
    if not 0 < len(items) <= MOST_ITEMS:
        raise Invalid(fields={"items": [_("One to %(most)s things at a time.") % {"most": MOST_ITEMS}]})
    ended = [draft.resource_id for draft in items if draft.resource_id]
    if len(ended) != len(set(ended)):
        raise Invalid(fields={"items": [_("The same resource stands there twice.")]})
    if beneficiary and beneficiary.pk not in accounts_holding("view_resource", project):
        raise Invalid(fields={"beneficiary": [_("This person cannot see the project.")]})


def check_budget_of(order: Order, actor: Actor) -> None:
    """OverBudget where a budget above the project has no room for it beside all else that is open."""
    if order.cost_per_month <= 0:
        return
    others = partial(open_cost, but=order)
    state = check_budget(order.project, order.cost_per_month, actor=actor, open_below=others)
    if state.is_over and state.budget is not None and state.left is not None:
        missing = Money(-state.left, state.currency).rounded()
        raise OverBudget(
            _("%(missing)s %(currency)s over the monthly budget of %(scope)s. Ask finance to raise it, or order less.")
            % {"missing": missing.amount, "currency": state.currency, "scope": state.budget.scope.name},
            scope=str(state.budget.scope_id),
            missing=str(-state.left),
            currency=state.currency,
        )


def _check_key(key: str) -> None:
    if not key or not can_be_kept(key, LONGEST_KEY):
        raise Invalid(fields={"key": [_("A key of at most %(most)s characters is needed.") % {"most": LONGEST_KEY}]})
