"""One order as its page shows it: what was ordered, where it stands, what failed, what it costs, what may be done."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy

from portal.access.guard import holds
from portal.access.queries import history_of
from portal.approvals.cards import stage_lines, waits_for
from portal.approvals.models import Approval
from portal.clouds.labels import cause_of, translated
from portal.core.schema import properties
from portal.events.models import Event
from portal.metering.queries import costs_of_resources, current_period
from portal.orders import services
from portal.orders.models import Action, Order, OrderItem, OrderState
from portal.orders.queries import items_of
from portal.provisioning.models import Resource, ResourceState, Step
from portal.provisioning.queries import steps_of_each
from portal.users.actor import Actor
from portal.users.models import User
from portal.web.catalogue import icon_of
from portal.web.ordersheet import in_order
from portal.web.orderstory import is_given_up, moments_of, stops_of
from portal.web.placing.revisions import Change, changes_of
from portal.web.story import Moment

POLL_WORKING, POLL_WAITING = 3, 15
HINTS: dict[str, Any] = {
    "credentials": gettext_lazy(
        "Your order is fine. An operator has to put new credentials into the connection; then try again."
    ),
    "permission": gettext_lazy("Your order is fine. An operator has to give the connection a permission; then try again."),
    "quota": gettext_lazy(
        "Your order is fine. An operator has to have the account's limit raised, or you order it elsewhere."
    ),
    "capacity": gettext_lazy("Your order is fine. Try again later, or order another plan or region."),
    "unreachable": gettext_lazy("Your order is fine, and nothing was lost. Try again once the cloud answers."),
    "not_found": gettext_lazy("What was chosen is no longer there. Give it up and order again from what is offered now."),
}
OTHERWISE = gettext_lazy("Try again; if it fails again, give the text below to an operator.")


@dataclass(frozen=True, slots=True)
class Line:
    """One item: its icon, its answers in words, its frozen quote, and its resource where there is one."""

    item: OrderItem
    icon: str
    answers: list[tuple[str, Any]]
    quote: list[tuple[str, Decimal]]
    resource_url: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that could not be done: the cause as a title, what to do about it, and the cloud's own words."""

    item: OrderItem
    cause: str
    hint: str
    words: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All the page needs. `poll_s` is 0 once it is settled; `per_hour` is what exists of a failed order costs meanwhile."""

    title: str
    lines: list[Line]
    approval: Approval | None
    waits_for: list[User]
    moments: list[Moment]
    stops: list[tuple[Any, str]]
    failures: list[Failure]
    made: list[Resource]
    not_made: list[OrderItem]
    per_hour: Decimal
    so_far: Decimal | None
    gave_up: bool
    can_withdraw: bool
    can_decide: bool
    can_act: bool
    can_give_up: bool
    can_prove: bool
    can_amend: bool
    is_returned: bool
    returned_with: str
    changes: list[Change]
    again_url: str
    poll_s: int
    support: str


def picture_of(order: Order, *, actor: Actor) -> Picture:
    """The order as it stands now, for this person."""
    items = list(items_of(order))
    approval = services.approval_for(order)
    returned = approval is not None and approval.state == "returned"
    waiting = waits_for(approval) if approval else []
    steps = steps_of_each(item.resource_id for item in items if item.resource_id)
    failed = [item for item in items if item.resource and item.resource.error] if is_at_work(order) else []
    made = [item.resource for item in items if item.resource and item.action == Action.CREATE and exists(item.resource)]
    gave_up = any(is_given_up(order, item) for item in items)
    stages = stage_lines(approval) if approval else []
    events = [event for thing in (order, approval) if thing for event in history_of(thing)]
    moments = moments_of(order, items, approval, stages, waiting, steps, events, gave_up=gave_up)
    return Picture(
        title=services.title_of(items),
        lines=[line_of(item) for item in items],
        approval=approval,
        waits_for=waiting,
        moments=moments,
        stops=stops_of(order, items, approval, gave_up=gave_up),
        failures=[failure_of(item) for item in failed],
        made=made,
        not_made=[item for item in items if item.action == Action.CREATE and item.resource not in made],
        per_hour=sum((hourly(item) for item in items if item.resource in made), Decimal()),
        so_far=so_far(order, items, actor),
        gave_up=gave_up,
        can_withdraw=may_withdraw(order, actor),
        can_decide=any(person.pk == actor.person_id for person in waiting),
        can_act=order.state == OrderState.FAILED and holds(actor, "place_order", order),
        can_give_up=all(item.action == Action.CREATE for item in failed),
        can_prove=holds(actor, "view_event", order) and not actor.viewed_as_by,
        can_amend=may_withdraw(order, actor) and any(item.action == Action.CREATE for item in items),
        is_returned=returned,
        returned_with=words_of_return(events) if returned else "",
        changes=changes_of(order),
        again_url=again_url(order, items[0], actor),
        poll_s=seconds_to_next(order),
        support=support_text(order, failed, steps),
    )


def line_of(item: OrderItem) -> Line:
    """One item in words."""
    version = item.plan.version
    fields = properties(translated(in_order(version.schema, version.offering.capability)))
    told = {name: part for name, part in fields.items() if name not in ("name", "region") and item.spec.get(name)}
    answers = [(str(part.get("title", name)), item.spec[name]) for name, part in told.items()]
    quote = [(str(part["component"]), Decimal(part["per_month"])) for part in item.quote.get("lines", [])]
    return Line(item, icon_of(version.offering), answers, quote, page_of("resource", item.resource_id))


def failure_of(item: OrderItem) -> Failure:
    """Why an item failed. Where the kind of error is known the cause is ours and the cloud's words stand below."""
    resource: Any = item.resource
    cause = cause_of(resource.error_kind).rstrip(".。")
    hint = HINTS.get(resource.error_kind, OTHERWISE)
    return Failure(item, cause or resource.error, str(hint), resource.error if cause else "")


def is_at_work(order: Order) -> bool:
    """Whether an error of a resource is this order's: later ones belong to what was asked later."""
    return order.state in (OrderState.WORKING, OrderState.FAILED)


def exists(resource: Resource) -> bool:
    """Whether the cloud has something of it, as far as anybody saw."""
    return bool(resource.external_id) and resource.state != ResourceState.GONE


def hourly(item: OrderItem) -> Decimal:
    """What an item costs an hour by its frozen quote."""
    return Decimal(item.quote.get("per_hour", "0"))


def so_far(order: Order, items: Iterable[OrderItem], actor: Actor) -> Decimal | None:
    """What its resources have cost this month; None where she may not see cost."""
    if not holds(actor, "view_cost", order):
        return None
    ids = [item.resource_id for item in items if item.resource_id and item.action == Action.CREATE]
    costs = costs_of_resources(actor, current_period(order.project), ids)
    return sum((by_currency.get(order.currency, Decimal()) for by_currency in costs.values()), Decimal())


def may_withdraw(order: Order, actor: Actor) -> bool:
    """Only who asked may take it back, and only before it is decided."""
    hers = order.requester.person_id == actor.person_id
    return order.state == OrderState.WAITING and hers and holds(actor, "place_order", order)


def words_of_return(events: Iterable[Event]) -> str:
    """What was said when it came back the last time."""
    said = [event.reason for event in events if event.action == "approvals.return"]
    return said[-1] if said else ""


def again_url(order: Order, item: OrderItem, actor: Actor) -> str:
    """The form with the answers of an item; empty where she could not send it."""
    offering = item.plan.version.offering
    if item.action != Action.CREATE or not offering.is_orderable or not holds(actor, "place_order", order):
        return ""
    return f"{reverse('offering', args=[offering.pk])}?again={item.pk}"


def seconds_to_next(order: Order) -> int:
    """How soon the page looks again: soon while a cloud works, at times while people decide, 0 at the end."""
    if order.state == OrderState.WORKING:
        return POLL_WORKING
    return POLL_WAITING if order.state == OrderState.WAITING else 0


def support_text(order: Order, failed: list[OrderItem], steps: dict[Any, list[Step]]) -> str:
    """What support needs to find it, without anything secret."""
    rows = [f"order {order.number}  correlation {order.correlation_id or '-'}  placed {order.created_at:%Y-%m-%dT%H:%M:%SZ}"]
    for item in failed:
        resource: Any = item.resource
        last = (steps.get(resource.pk) or [None])[-1]
        what = f"{last.verb}  try {last.tries}  step {last.key[:12]}" if last else "no step"
        rows.append(f"{item.connection} {item.region}  {what}  {resource.error_kind or 'error'}")
    return "\n".join(rows)


def page_of(kind: str, pk: Any) -> str:
    """The address of a thing's page; empty where there is none."""
    try:
        return reverse(kind, args=[pk]) if pk else ""
    except NoReverseMatch:
        return ""
