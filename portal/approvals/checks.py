"""What must hold before a vote counts: she is apart from who asked, in time, on the card that holds, and picked."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from portal.approvals.eligibility import accounts_for, apart_of, person_of
from portal.approvals.facts import card_hash, changes
from portal.approvals.models import Approval, Choice, FrozenCard, Stage, StageState, Vote
from portal.approvals.routes import read_who
from portal.approvals.settling import stages_of, voters_now
from portal.core.errors import Conflict, Forbidden, Invalid, Stale
from portal.users.actor import Actor


def check_apart(approval: Approval, actor: Actor) -> None:
    """Who asked, and for whom it is, never count, under any account."""
    acting = {actor.person_id} | ({person_of(actor.acting_for)} if actor.acting_for else set())
    if acting & apart_of(approval):
        raise Forbidden(_("You asked for this, or it is for you: someone else decides."))


def is_said_already(approval: Approval, choice: str, actor: Actor) -> bool:
    """Her vote is in already: the same again is no error, another one is."""
    live = Vote.objects.filter(approval=approval, person=actor.person_id, void=False)
    said = live.order_by("-created_at").first()
    if said is None or (approval.is_waiting and open_seat(approval, stages_of(approval), actor)):
        return False
    if said.choice != choice:
        raise Conflict(_("You have decided already."), state=approval.state)
    return True


def check_choice(choice: str, note: str) -> None:
    """Approve or deny; a denial says why."""
    if choice not in Choice.values:
        raise Invalid(fields={"choice": [choice]})
    if choice == Choice.DENY and not note.strip():
        raise Invalid(fields={"note": [_("Say why, so that it can be put right.")]})


def check_waiting(approval: Approval) -> None:
    """What is settled stays settled."""
    if not approval.is_waiting:
        raise Conflict(_("This was decided already: %(state)s.") % {"state": approval.state}, state=approval.state)


def check_in_time(approval: Approval, at: datetime) -> None:
    """It waits, and neither clock has run out."""
    check_waiting(approval)
    if is_overdue(approval, at):
        raise Conflict(_("The time to decide this is over."), state=approval.state)


def is_overdue(approval: Approval, at: datetime) -> bool:
    """Has the time to decide passed, or the time in which it makes sense to do it?"""
    return any(due is not None and due <= at for due in (approval.decision_due, approval.execution_due))


def check_card(approval: Approval, shown: str, facts: dict[str, Any]) -> None:
    """The card she saw shows the facts that hold now; else Stale, with what differs."""
    if shown == card_hash(facts):
        return
    card = FrozenCard.objects.filter(approval=approval, card_hash=shown).first()
    differences = changes(card.facts if card else approval.facts, facts)
    said = [{"name": change.name, "before": change.before, "after": change.after} for change in differences]
    raise Stale(_("The facts changed since this card was shown. Please look again."), changes=said)


def stage_for(approval: Approval, stages: list[Stage], actor: Actor) -> Stage:
    """The stage her vote goes to; Forbidden where none that is open picks her now."""
    seat = open_seat(approval, stages, actor)
    if seat is None:
        raise Forbidden(_("Others decide this at this stage."))
    return seat


def open_seat(approval: Approval, stages: list[Stage], actor: Actor) -> Stage | None:
    """The open stage in which this account's vote would count at this moment."""
    for stage in stages:
        if (
            stage.state == StageState.OPEN
            and actor.user.pk in accounts_for(read_who(stage.who), stage.place, approval.scope)
            and actor.person_id in voters_now(approval, stage)
            and not stage.votes.filter(person=actor.person_id, void=False).exists()
        ):
            return stage
    return None
