"""Let another decide in somebody's place, and let what somebody asked for be another's."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from portal.approvals.eligibility import bench_of, can_be_filled, people_for, plan_of
from portal.approvals.models import Approval, Stage, StageState, State
from portal.approvals.routes import Who, read_who, who_data
from portal.approvals.settling import stages_of
from portal.approvals.tally import is_fillable
from portal.core.errors import Refused
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User

LIVING = (StageState.LATER, StageState.OPEN)


@transaction.atomic
def reassign(stage: Stage, to: User, *, instead_of: User, actor: Actor, reason: str = "") -> None:
    """Let `to` decide this stage where `instead_of` was named, or was the only one who could; others who can still do.

    Settled, or decided by somebody else already, it stays. Refused where with her, too, nobody could carry it.
    """
    approval = _locked(stage.approval_id)
    stage = Stage.objects.select_for_update(of=("self",)).select_related("place").get(pk=stage.pk)
    if not approval.is_waiting or stage.state not in LIVING:
        return
    if stage.mode == "each":
        raise Refused(_("This stage wants one from each of its groups, so nobody else can be put in."))
    who = read_who(stage.who)
    if who.pick == "named":
        named = dict.fromkeys(str(to.pk) if person == str(instead_of.pk) else person for person in who.people)
        people = tuple(named)
        if people == who.people:
            return
    else:
        able = people_for(who, stage.place, approval) - {instead_of.pk}
        people = tuple(sorted(map(str, {*able, to.pk})))
    changed = Who("named", people=people)
    stage.who = who_data(changed)
    if not can_be_filled(plan_of(stage), people_for(changed, stage.place, approval) - {instead_of.pk}):
        raise Refused(_("With this person, too, nobody could decide %(title)s.") % {"title": approval.title})
    stage.save(update_fields=["who"])
    record("approvals.reassign", approval, actor=actor, reason=reason, stage=stage.pk, to=to, instead_of=instead_of)
    if stage.state == StageState.OPEN:
        notify([to], "vote_needed", target=approval, actor=actor, scope=approval.scope)


@transaction.atomic
def change_beneficiary(kind: str, subject_id: Any, to: User, *, actor: Actor) -> None:
    """What waits is for `to` from now on, so she decides on it no more. Refused where then nobody could.

    Locks the approval: call it before locking the subject.
    """
    waiting = Approval.objects.filter(subject_kind=kind, subject_id=str(subject_id), state=State.WAITING)
    found = waiting.values_list("pk", flat=True).first()
    if found is None:
        return
    approval = _locked(found)
    if not approval.is_waiting:
        return
    approval.beneficiary = to
    if said := _why_nobody(approval):
        raise Refused(said)
    approval.save(update_fields=["beneficiary"])
    record("approvals.change_beneficiary", approval, actor=actor, to=to)


def why_not_for(kind: str, subject_id: Any, to: User) -> str:
    """Why what waits cannot become somebody's; empty where it can, or where nothing waits."""
    waiting = Approval.objects.filter(subject_kind=kind, subject_id=str(subject_id), state=State.WAITING)
    approval = waiting.select_related("scope", "requester").first()
    if approval is None:
        return ""
    approval.beneficiary = to
    return _why_nobody(approval)


def _why_nobody(approval: Approval) -> str:
    """Who asked and for whom it is do not decide: whether anybody is left, by the approval as it stands in memory."""
    living = [stage for stage in stages_of(approval) if stage.state in LIVING]
    if all(is_fillable(bench_of(stage, approval)) for stage in living):
        return ""
    return _("Were it %(person)s's, nobody could decide on it.") % {"person": approval.beneficiary}


def _locked(approval_id: UUID) -> Approval:
    rows = Approval.objects.select_for_update(of=("self",)).select_related("scope", "requester", "beneficiary")
    found: Approval = rows.get(pk=approval_id)
    return found
