"""What a pack of evidence tells: the thing, its decision as it was taken, and every event of them in their own scope."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from portal.approvals.cards import StageLine, stage_lines
from portal.approvals.facts import canonical
from portal.approvals.models import Approval, FrozenCard, Policy
from portal.approvals.policies.wording import names_in, rule_text, said_by
from portal.audit.models import EvidencePack, Subject
from portal.audit.shapes import rows_of
from portal.events.models import Event, Position
from portal.orders.models import Order, OrderItem
from portal.orders.queries import items_of

MOST_EVENTS = 5000


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy version in words, and as it is kept."""

    policy: Policy
    words: str
    kept: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One approval with its stages and votes, its facts in rows, the cards that were decided on, and its policies as they were."""

    approval: Approval
    facts: list[tuple[str, str]]
    cards: list[tuple[str, list[tuple[str, str]]]]
    stages: list[StageLine]
    policies: list[Rule]


@dataclass(frozen=True, slots=True)
class Gathered:
    """All of it. `events` are those that are sealed or not, oldest first; `is_cut` says that there are more than a pack holds."""

    subject: dict[str, Any]
    order: Order | None
    items: list[OrderItem]
    decisions: list[Decision]
    events: list[Event]
    unsealed: int
    is_cut: bool


def gather(pack: EvidencePack) -> Gathered:
    """Everything that the pack is of, as it stands now."""
    order, approvals = thing_of(pack)
    items = list(items_of(order)) if order else []
    rows = events_of(pack, order, approvals, items)
    events = list(rows[: MOST_EVENTS + 1])
    kept = events[:MOST_EVENTS]
    return Gathered(
        subject={"kind": pack.subject_kind, "id": str(pack.subject_id), "label": pack.title},
        order=order,
        items=items,
        decisions=[decision_of(approval) for approval in approvals],
        events=kept,
        unsealed=unsealed_among(kept),
        is_cut=len(events) > MOST_EVENTS,
    )


def thing_of(pack: EvidencePack) -> tuple[Order | None, list[Approval]]:
    """The order, where it is of one, and its decisions, oldest first."""
    approvals = Approval.objects.select_related("scope", "requester", "beneficiary").order_by("created_at", "id")
    if pack.subject_kind == Subject.ORDER:
        order = Order.objects.select_related("project", "requester", "beneficiary").get(pk=pack.subject_id)
        return order, list(approvals.filter(subject_kind="order", subject_id=str(order.pk)))
    found = list(approvals.filter(pk=pack.subject_id))
    of_order = [approval.subject_id for approval in found if approval.subject_kind == "order"]
    orders = Order.objects.select_related("project", "requester", "beneficiary").filter(pk__in=of_order)
    return orders.first(), found


def events_of(pack: EvidencePack, order: Order | None, approvals: list[Approval], items: list[OrderItem]) -> QuerySet[Event]:
    """The events about these things and those of the same requests, within the pack's scope alone; oldest first.

    A correlation id comes with a request and may be anybody's, so it never leads out of the scope.
    """
    things: list[tuple[str, Any]] = [("order", order.pk)] if order else []
    things += [("approval", approval.pk) for approval in approvals]
    things += [(approval.subject_kind, approval.subject_id) for approval in approvals]
    made: list[tuple[str, Any]] = [("resource", item.resource_id) for item in items if item.resource_id]
    inside: QuerySet[Event] = Event.objects.filter(scope_path__within=pack.scope.path)
    ours = inside.filter(about(things)).exclude(correlation_id="")
    wanted = about(things + made) | Q(correlation_id__in=ours.values("correlation_id"))
    return inside.filter(wanted).select_related("actor", "acting_for", "viewed_as_by").order_by("at", "id")


def about(things: list[tuple[str, Any]]) -> Q:
    """The condition that an event's target is one of these."""
    wanted = Q(pk__in=[])
    for kind, pk in things:
        wanted |= Q(target_kind=kind, target_id=str(pk))
    return wanted


def unsealed_among(events: list[Event]) -> int:
    """How many of them have no position yet."""
    placed = Position.objects.filter(event_id=OuterRef("pk"))
    ids = [event.pk for event in events]
    return Event.objects.filter(~Exists(placed), pk__in=ids).count()


def positions_of(events: list[Event]) -> dict[UUID, int]:
    """The position of each that is sealed."""
    rows = Position.objects.filter(event_id__in=[event.pk for event in events])
    return dict(rows.values_list("event_id", "position"))


def decision_of(approval: Approval) -> Decision:
    """One decision as it was taken."""
    frozen = FrozenCard.objects.filter(approval=approval).order_by("created_at", "id")
    ids = [policy["id"] for policy in approval.policies if policy.get("id")]
    return Decision(
        approval=approval,
        facts=list(rows_of(approval.facts)),
        cards=[(card.card_hash, list(rows_of(card.facts))) for card in frozen],
        stages=stage_lines(approval),
        policies=rules_of(Policy.objects.filter(pk__in=ids).select_related("scope").order_by("name", "version")),
    )


def rules_of(policies: Iterable[Policy]) -> list[Rule]:
    """Policy versions as they were, in words."""
    said = [(policy, said_by(policy)) for policy in policies]
    names = names_in([each for _policy, each in said])
    return [
        Rule(policy, rule_text(each, names), canonical({"conditions": policy.conditions, "stages": policy.stages}))
        for policy, each in said
    ]
