"""What time does to what waits."""

import logging

from celery import shared_task
from django.db.models import Q

from portal.approvals import timeouts
from portal.approvals.models import OPEN, Approval, Stage, StageState
from portal.core import clock
from portal.users.actor import Actor

logger = logging.getLogger(__name__)


@shared_task(name="approvals.expire", soft_time_limit=240, time_limit=300)
def expire() -> None:
    """End or raise everything overdue, remind of what soon is; each alone: one that fails does not hold up the rest."""
    now = clock.now()
    overdue = Approval.objects.filter(Q(decision_due__lte=now) | Q(execution_due__lte=now), state__in=OPEN)
    for approval_id in list(overdue.values_list("pk", flat=True)):
        try:
            timeouts.expire(approval_id, actor=Actor.system())
        except Exception:
            logger.exception("approval %s could not be ended", approval_id)
    soon = Stage.objects.filter(remind_at__lte=now, state=StageState.OPEN)
    for stage_id in list(soon.values_list("pk", flat=True)):
        try:
            timeouts.remind(stage_id, actor=Actor.system())
        except Exception:
            logger.exception("who decides stage %s could not be reminded", stage_id)
