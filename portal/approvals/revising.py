"""What every act on an approval needs: its row locked, its facts taken, and the route they ask for."""

from typing import Any
from uuid import UUID

from portal.access.models import Scope
from portal.approvals import settling
from portal.approvals.facts import card_hash, changes, plain
from portal.approvals.kinds import context_of, kind_named
from portal.approvals.models import Approval, FrozenCard
from portal.approvals.previews import route_of
from portal.approvals.replaying import record_of
from portal.approvals.routes import Allowed, Route
from portal.core import clock
from portal.core.errors import NotFound
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User


def locked(approval_id: UUID) -> Approval:
    """The approval, its row held until the transaction ends."""
    rows = Approval.objects.select_for_update(of=("self",)).select_related("scope", "requester", "beneficiary")
    approval: Approval | None = rows.filter(pk=approval_id).first()
    if approval is None:
        raise NotFound()
    return approval


def known_of(kind: str, subject: Any, scope: Scope, requester: User) -> dict[str, Any]:
    """What policies may ask about beside the facts of the card."""
    said: dict[str, Any] = plain(kind_named(kind).context(subject))
    return said | context_of(kind, scope, requester)


def answer_of(approval: Approval) -> Route | Allowed:
    """What the policies of its day ask for, given its facts."""
    return route_of(approval.subject_kind, approval.facts, approval.context, approval.scope, approval.policies_at)


def keep_card(approval: Approval, answer: Route | Allowed) -> None:
    """Keep what the hash of this revision stands for, and what was answered to it."""
    card = FrozenCard(
        approval=approval,
        revision=approval.revision,
        card_hash=approval.card_hash,
        facts=approval.facts,
        context=approval.context,
        policies_at=approval.policies_at,
    )
    card.record = record_of(card, answer)
    card.save(force_insert=True)


def take_facts(approval: Approval, subject: Any, facts: dict[str, Any]) -> list[str]:
    """Put what holds now in the place of what was frozen, as a revision of its own; the names of what differs."""
    names = [change.name for change in changes(approval.facts, facts)]
    approval.facts, approval.card_hash = facts, card_hash(facts)
    approval.context = known_of(approval.subject_kind, subject, approval.scope, approval.requester)
    approval.risk = approval.context["risk"]
    approval.revision += 1
    return names


def decide_anew(approval: Approval, subject: Any, facts: dict[str, Any], *, actor: Actor) -> None:
    """The facts are not what they were: votes void, and the route of the new facts by the policies of its day."""
    names = take_facts(approval, subject, facts)
    answer = answer_of(approval)
    keep_card(approval, answer)
    told = settling.restart(approval, answer, actor=actor, at=clock.now())
    record("approvals.change", approval, actor=actor, card=approval.card_hash, changed=names, void=len(told))
    notify(told, "approval_changed", target=approval, actor=actor)
