"""What a decision hook is asked: an approval that waits for its account now, with the card it would vote on."""

from typing import Any

from django.conf import settings

from portal.approvals.cards import Card, card
from portal.approvals.kinds import subject_of
from portal.approvals.models import Choice, StageState
from portal.approvals.queries import approvals_visible_to
from portal.audit import shapes
from portal.audit.models import Subscription
from portal.audit.queries import account_of
from portal.core.errors import Conflict
from portal.events.models import Event

TYPE = "concord.decision.asked"
ACTIONS = (
    "approvals.ask",
    "approvals.vote",
    "approvals.change",
    "approvals.escalate",
    "approvals.reassign",
    "approvals.resubmit",
    "approvals.consent_by_time",
    "approvals.remind",
)
"""The acts by which something may come to wait for another than before, or for the same with another card."""


def ask_of(hook: Subscription, event: Event, position: int) -> dict[str, Any] | None:
    """The question as a CloudEvent with the id of the event that made it wait; None where nothing waits for the account."""
    actor = account_of(hook)
    found = approvals_visible_to(actor).filter(pk=event.target_id).first() if actor else None
    if actor is None or found is None or not found.is_waiting:
        return None
    try:
        subject_of(found.subject_kind, found.subject_id)
    except Conflict:
        return None
    shown = card(found, actor=actor)
    if not shown.can_vote:
        return None
    return {**shapes.as_cloud_event(event, position), "type": TYPE, "data": as_question(shown, hook)}


def as_question(shown: Card, hook: Subscription) -> dict[str, Any]:
    """The card as data, and how to answer: `card_hash` comes back with the answer, and stands for `facts`."""
    approval = shown.approval
    opened = [stage for stage in shown.stages if stage.state == StageState.OPEN]
    return {
        "approval": str(approval.pk),
        "kind": approval.subject_kind,
        "title": approval.title,
        "scope": {"id": str(approval.scope_id), "name": approval.scope.name},
        "requester": shapes.as_person(approval.requester),
        "beneficiary": shapes.as_person(approval.beneficiary),
        "risk": approval.risk,
        "facts": shown.facts,
        "changed": [{"name": each.name, "before": each.before, "after": each.after} for each in shown.changed],
        "card_hash": shown.hash,
        "decision_due": approval.decision_due.isoformat() if approval.decision_due else None,
        "needs": sorted({need for stage in opened for need in stage.needs}),
        "choices": list(Choice.values),
        "answer_to": answer_address(hook),
    }


def answer_address(hook: Subscription) -> str:
    """Where its answers are posted."""
    return f"{settings.PUBLIC_URL}/api/decision-hooks/{hook.pk}/"
