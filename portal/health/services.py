"""What operators ask of the platform itself: run a job of the schedule now."""

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import permissions_of
from portal.core import queue
from portal.core.errors import Forbidden, NotFound, Unavailable
from portal.events.services import record
from portal.health.queries import scheduled
from portal.users.actor import Actor


@transaction.atomic
def run_now(task: str, *, actor: Actor) -> None:
    """Send one task of the schedule to a worker now, and not when it is due. Asking twice is harmless: jobs may run twice."""
    held = permissions_of(actor) if not actor.is_system else frozenset({"operate_platform", "view_platform"})
    if "view_platform" not in held:
        raise NotFound
    if "operate_platform" not in held:
        raise Forbidden(_("This takes the permission operate_platform."), permission="operate_platform")
    if actor.viewed_as_by:
        raise Forbidden(_("Looking as another person does not allow writing."))
    if task not in {entry["task"] for entry in scheduled()}:
        raise NotFound
    if queue.depth() is None:
        raise Unavailable(_("The broker does not answer, so no worker can be told. The job runs when it is due."))
    record("health.run_now", actor.user, actor=actor, task=task)
    queue.after_commit(task)
