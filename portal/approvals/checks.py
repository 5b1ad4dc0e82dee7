"""What must hold before a vote counts: she is apart from who asked, in time, on the card that holds, and picked."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.translation import gettext as _

from portal.access.guard import holds, require
from portal.approvals.eligibility import accounts_for, apart_of, hands_of, person_of
from portal.approvals.facts import card_hash, changes
from portal.approvals.kinds import kind_named
from portal.approvals.models import Approval, Choice, FrozenCard, Stage, StageState, State, Vote
from portal.approvals.queries import has_file
from portal.approvals.routes import read_who
from portal.approvals.settling import stages_of, voters_now
from portal.approvals.standing_in import windows_for
from portal.core.errors import Conflict, Forbidden, Invalid, Refused, Stale
from portal.users.actor import Actor
from portal.users.models import User


class Seat(NamedTuple):
    """A place in a stage, and whose it is: who votes on it may be who it was delegated to."""

    stage: Stage
    holder: Any


def check_apart(approval: Approval, actor: Actor) -> None:
    """Who asked, and for whom it is, never count, under any account."""
    acting = {actor.person_id} | ({person_of(actor.acting_for)} if actor.acting_for else set())
    if acting & apart_of(approval):
        raise Forbidden(_("You asked for this, or it is for you: someone else decides."))


def is_said_already(approval: Approval, choice: str, actor: Actor) -> bool:
    """Her vote is in already: the same again is no error, another one is."""
    votes = Vote.objects.filter(approval=approval).order_by("-created_at")
    if approval.state == State.RETURNED and choice == Choice.RETURN:
        last = votes.filter(choice=Choice.RETURN).first()
        return last is not None and last.person_id == actor.person_id
    said = votes.filter(person=actor.person_id, void=False).first()
    if said is None or (approval.is_waiting and open_seat(approval, stages_of(approval), actor)):
        return False
    if said.choice != choice:
        raise Conflict(_("You have decided already."), state=approval.state)
    return True


def check_choice(choice: str, note: str) -> None:
    """Approve, deny or return; who does not approve says why."""
    if choice not in Choice.values:
        raise Invalid(fields={"choice": [choice]})
    if choice != Choice.APPROVE and not note.strip():
        raise Invalid(fields={"note": [_("Say why, so that it can be put right.")]})


def check_reasons(approval: Approval, stage: Stage, choice: str, note: str) -> None:
    """What the stage asks for beside the vote: a reason, and a file before anybody approves."""
    if stage.justification and not note.strip():
        raise Invalid(fields={"note": [_("This stage asks for a reason, whatever you decide.")]})
    if stage.evidence and choice == Choice.APPROVE and not has_file(approval):
        raise Refused(_("This stage asks for a file before anybody approves. Add one, or ask who wants it to."))


def check_asker(approval: Approval, actor: Actor, said: str) -> None:
    """She is who asked, by an account that may still do so; else Forbidden with these words."""
    if actor.person_id != person_of(approval.requester) and not actor.is_system:
        require(actor, approval.view_permission, approval)
        raise Forbidden(said)
    permission = kind_named(approval.subject_kind).permission
    if permission:
        require(actor, permission, approval)
    elif actor.viewed_as_by or actor.narrowed_to is not None:
        raise Forbidden(said)


def check_open(approval: Approval) -> None:
    """What is settled stays settled."""
    if not approval.is_open:
        raise Conflict(_("This was decided already: %(state)s.") % {"state": approval.state}, state=approval.state)


def check_waiting(approval: Approval) -> None:
    """It waits for a decision: neither settled nor with who asked."""
    check_open(approval)
    if not approval.is_waiting:
        raise Conflict(_("This was returned to who asked. It comes back when she sends it again."), state=approval.state)


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


def check_may_decide(approval: Approval, actor: Actor) -> None:
    """She holds `vote` there, or somebody delegated it to her; else NotFound or Forbidden."""
    if not may_decide(approval, actor):
        require(actor, "vote", approval)


def may_decide(approval: Approval, actor: Actor) -> bool:
    """Whether she holds `vote` there, or somebody delegated it to her; who looks as another person decides nothing."""
    return not actor.viewed_as_by and (holds(actor, "vote", approval) or bool(windows_for(approval, actor)))


def seat_for(approval: Approval, stages: list[Stage], actor: Actor) -> Seat:
    """The seat her vote is given on; Forbidden where she has none now."""
    seat = open_seat(approval, stages, actor)
    if seat is None:
        raise Forbidden(_("Others decide this at this stage."))
    return seat


def open_seat(approval: Approval, stages: list[Stage], actor: Actor) -> Seat | None:
    """The seat on which this account's vote would count at this moment: her own first, then one delegated to her."""
    own = _seat_of(approval, stages, actor.user, actor) if holds(actor, "vote", approval) else None
    if own:
        return own
    found = (_seat_of(approval, stages, window.delegator, actor) for window in windows_for(approval, actor))
    return next((seat for seat in found if seat), None)


def _seat_of(approval: Approval, stages: list[Stage], holder: User, actor: Actor) -> Seat | None:
    """The seat of one account that she may use: no seat and no person counts twice."""
    names = {holder.person_id, actor.person_id}
    heard = Vote.objects.filter(Q(person__in=names) | Q(seat__in=names), approval=approval, void=False)
    spent = set(heard.values_list("stage", flat=True))
    for stage in stages:
        if (
            stage.state == StageState.OPEN
            and stage.pk not in spent
            and (stage.again or not spent)
            and holder.pk in accounts_for(read_who(stage.who), stage.place, approval.scope, hands_of(approval))
            and holder.person_id in voters_now(approval, stage)
        ):
            return Seat(stage, holder.person_id)
    return None
