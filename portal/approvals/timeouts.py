"""What time does to what waits: a reminder, a stage raised or agreed to, the end."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from portal.approvals import settling
from portal.approvals.checks import is_overdue
from portal.approvals.closing import close
from portal.approvals.kinds import kind_named
from portal.approvals.models import Approval, Risk, Stage, StageState, State
from portal.approvals.revising import locked
from portal.core import clock
from portal.core.errors import PortalError
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor


@transaction.atomic
def expire(approval_id: UUID, *, actor: Actor) -> Approval:
    """Do what time asks for: raise an overdue stage above, take silence as consent where a policy lets it, or end it."""
    at = clock.now()
    approval = locked(approval_id)
    if not approval.is_open or not is_overdue(approval, at):
        return approval
    too_late = approval.execution_due is not None and approval.execution_due <= at
    if too_late or not approval.is_waiting:
        return _end(approval, State.EXPIRED, actor=actor, at=at)
    stages = settling.stages_of(approval)
    late = [stage for stage in stages if stage.state == StageState.OPEN and stage.due and stage.due <= at]
    stuck = [stage for stage in late if not _move(approval, stage, actor=actor, at=at)]
    if stuck:
        denies = any(stage.on_timeout == "deny" for stage in stuck)
        return _end(approval, State.DENIED if denies else State.EXPIRED, actor=actor, at=at)
    outcome = settling.tally(approval, stages)
    settling.follow(approval, outcome, stages, actor=actor, at=at)
    if outcome.state == "approved":
        return _consent(approval, actor=actor, at=at)
    return approval


@transaction.atomic
def remind(stage_id: UUID, *, actor: Actor) -> None:
    """Tell those who can decide a stage, once, that most of its time is gone."""
    found = Stage.objects.filter(pk=stage_id).values_list("approval", flat=True).first()
    if found is None:
        return
    approval = locked(found)
    stage = Stage.objects.select_related("place").get(pk=stage_id)
    if not approval.is_waiting or stage.state != StageState.OPEN or not stage.remind_at or stage.remind_at > clock.now():
        return
    stage.remind_at = None
    stage.save(update_fields=["remind_at"])
    people = settling.deciders(approval, settling.voters_now(approval, stage))
    notify(people, "vote_due", target=approval, actor=actor, scope=approval.scope)
    record("approvals.remind", approval, actor=actor, stage=stage.pk)


def _move(approval: Approval, stage: Stage, *, actor: Actor, at: datetime) -> bool:
    """Raise a late stage above, or let its time be consent; False where neither may be."""
    if stage.on_timeout == "escalate":
        return settling.raise_stage(approval, stage, actor=actor, at=at)
    if stage.on_timeout == "approve" and approval.risk == Risk.LOW:
        stage.by_time = True
        stage.save(update_fields=["by_time"])
        record("approvals.consent_by_time", approval, actor=actor, stage=stage.pk)
        return True
    return False


def _consent(approval: Approval, *, actor: Actor, at: datetime) -> Approval:
    """Everything is agreed to, the last part by time; what can no longer be done expires instead."""
    kind = kind_named(approval.subject_kind)
    try:
        with transaction.atomic():
            close(approval, State.APPROVED, kind, kind.load(approval.subject_id), actor=actor, at=at)
    except PortalError as refusal:
        approval = locked(approval.pk)
        return _end(approval, State.EXPIRED, actor=actor, at=at, note=str(refusal))
    return approval


def _end(approval: Approval, state: State, *, actor: Actor, at: datetime, note: str = "") -> Approval:
    kind = kind_named(approval.subject_kind)
    said = note or _("Nobody decided in time.")
    close(approval, state, kind, kind.load(approval.subject_id), actor=actor, at=at, note=said)
    return approval
