"""Bring one resource nearer to what is wanted, one step at a time: write the step, ask, write the answer.

A step that was asked and not answered (the worker died) is asked again under its own key once its lease is over, so the
cloud adopts what the first try made. The number of tries is the fence: an answer counts only for the try that asked.
"""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop

from portal.clouds.base import SETTLED, CloudError, Done, Pending, plain
from portal.core import clock, parcels, queue
from portal.core.journal import OPEN_STATES
from portal.events.services import record
from portal.notices.services import notify
from portal.provisioning import calls
from portal.provisioning.endings import let_go, tell_cause
from portal.provisioning.lifelines import mark
from portal.provisioning.models import Desired, Resource, ResourceState, Step
from portal.users.actor import Actor

logger = logging.getLogger(__name__)

MOST_STEPS = 6
ON_THE_WAY = {
    "ensure": ResourceState.CREATING,
    "remove": ResourceState.REMOVING,
    "stop": ResourceState.STOPPING,
    "start": ResourceState.STARTING,
    "restart": ResourceState.STARTING,
}
# Stored with the notice as it stands here; translated for whoever reads it.
ADVICE = {
    "credentials": gettext_noop("Ask an operator to put new credentials into the connection."),
    "permission": gettext_noop("Ask an operator to give the connection the permission named."),
    "quota": gettext_noop("Ask an operator to raise the account's limit in the cloud, or order elsewhere."),
    "capacity": gettext_noop("Try again later, or order another size or region."),
    "unreachable": gettext_noop("Try again once the cloud answers; nothing was lost."),
}


def reconcile(resource_id: UUID) -> None:
    """Do what is due for one resource. Runs twice, late or beside itself without harm."""
    for _ in range(MOST_STEPS):
        claimed = claim(resource_id)
        if claimed is None or not carry_out(*claimed):
            return


def next_verb(resource: Resource) -> str | None:
    """What to ask the cloud for, given what is wanted and what was seen; None when all is well or somebody must look."""
    if resource.error or not resource.is_managed:
        return None
    if resource.desired == Desired.GONE:
        return "remove" if resource.state != ResourceState.GONE else None
    if not resource.external_id:
        return "ensure"
    if resource.desired == Desired.RUNNING and resource.state == ResourceState.STOPPED:
        return "start"
    if resource.desired == Desired.STOPPED and resource.state == ResourceState.RUNNING:
        return "stop"
    return None


@transaction.atomic(durable=True)
def claim(resource_id: UUID) -> tuple[Step, Resource] | None:
    """Take the step that is due, write down that it is asked, and commit: from here on a crash can be told from a refusal."""
    resource = _locked(resource_id)
    if resource is None:
        return None
    step = resource.steps.filter(state__in=OPEN_STATES).first()
    if step is not None and step.is_due(clock.now()) and _is_unwanted(step, resource):
        step.mark_abandoned()
        step = None
    step = step or _plan(resource)
    if step is None or not step.is_due(clock.now()):
        return None
    step.mark_asked()
    Step.objects.filter(pk=step.pk).update(due_at=clock.now() + timedelta(seconds=settings.PROVISIONING_LEASE_S))
    return step, resource


def carry_out(step: Step, resource: Resource) -> bool:
    """Ask, outside any transaction, and write down the answer. Whether there may be more to do at once."""
    try:
        answer = calls.ask(step, resource)
    except CloudError as error:
        found = None if error.retry or step.verb != "ensure" else calls.find_made(step, resource)
        if found is None or found.state not in ("running", "stopped"):
            on_its_way = found is not None and found.state not in SETTLED
            _write_error(step, CloudError(error.message, retry=True, kind=error.kind) if on_its_way else error)
            return False
        answer = Done(found)
    except Exception as error:  # a fault of ours: said, tried again later, and after some tries failed
        logger.exception("step %s of resource %s", step.pk, resource.pk)
        _write_error(step, CloudError(f"Concord itself failed: {type(error).__name__}.", retry=True, kind="garbage"))
        return False
    return _write_answer(step, answer)


@transaction.atomic(durable=True)
def _write_answer(step: Step, answer: Any) -> bool:
    resource = _locked(step.resource_id)
    current = Step.objects.filter(pk=step.pk, tries=step.tries, state__in=OPEN_STATES).first()
    if resource is None or current is None:
        return False
    if isinstance(answer, Pending):
        current.mark_waiting(answer.ref, answer.poll_after_s)
        _see(resource, answer.observed, ON_THE_WAY.get(current.verb))
        return False
    _see(resource, answer.observed, ResourceState.GONE if current.verb == "remove" else None)
    _hand_over(current, resource, answer.observed)
    _settle(current, resource, resource.state, plain(answer.observed) or {})
    return True


@transaction.atomic(durable=True)
def _write_error(step: Step, error: CloudError) -> None:
    resource = _locked(step.resource_id)
    current = Step.objects.filter(pk=step.pk, tries=step.tries, state__in=OPEN_STATES).first()
    if resource is None or current is None:
        return
    actor = Actor.system()
    if error.retry and current.may_retry():
        current.mark_later(error.message)
        return
    current.mark_failed(error.message)
    if _is_unwanted(current, resource):
        queue.after_commit("provisioning.reconcile", resource.pk)
        return
    resource.error_kind, resource.error = error.kind, error.message
    if current.verb == "ensure":  # whatever it may have half made is found again by its key
        resource.state, resource.external_id, resource.generation = ResourceState.FAILED, "", ""
        mark(resource, clock.now())
    resource.save()
    record(
        f"provisioning.{current.verb}", resource, actor=actor, outcome="failed", reason=error.message, cause=resource.cause
    )
    if resource.requester:
        advice = error.hint or ADVICE.get(error.kind, gettext_noop("Retry, or ask an operator."))
        notify([resource.requester], "resource_failed", target=resource, actor=actor, reason=error.message, advice=advice)
    tell_cause(resource)


def _is_unwanted(step: Step, resource: Resource) -> bool:
    """Whether its end was ordered meanwhile, so that nothing else need be asked."""
    return resource.desired == Desired.GONE and step.verb != "remove"


def _plan(resource: Resource) -> Step | None:
    verb = next_verb(resource)
    if verb is None:
        return None
    step = Step(resource=resource, verb=verb, asked={"spec": resource.spec} if verb == "ensure" else {})
    step.save(force_insert=True)
    if verb in ON_THE_WAY and (resource.is_there or verb == "ensure"):
        resource.state = ON_THE_WAY[verb]
        mark(resource, clock.now())
        resource.save()
    return step


def _see(resource: Resource, seen: Any, otherwise: str | None) -> None:
    """Take over what the cloud showed; without a picture, the state that the step is on the way to."""
    now = clock.now()
    if seen is not None:
        resource.external_id = resource.external_id or seen.id
        resource.generation = resource.generation or seen.generation
        resource.observed, resource.seen_at, resource.lacked = plain(seen), now, 0
        resource.state = seen.state
        _take_over(resource)
    elif otherwise:
        resource.state = otherwise
    mark(resource, now, began=getattr(seen, "created_at", None))
    resource.save()


def _take_over(resource: Resource) -> None:
    """A sync may have found it before it carried our key, and kept it as nobody's: that row gives way."""
    place = {name: getattr(resource, name) for name in ("connection", "region", "capability", "external_id", "generation")}
    Resource.objects.filter(**place, project=None).exclude(pk=resource.pk).delete()


def _settle(step: Step, resource: Resource, state: str, answer: dict[str, Any]) -> None:
    """The step is done: its event, the quota it frees, word to who waits."""
    step.mark_done(answer)
    resource.state = state
    mark(resource, clock.now())
    resource.save()
    actor = Actor.system()
    record(f"provisioning.{step.verb}", resource, actor=actor, cause=resource.cause or step, step=step.key, state=state)
    if state == ResourceState.GONE:
        let_go(resource)
    if step.verb == "ensure" and resource.requester:
        notify([resource.requester], "resource_ready", target=resource, actor=actor)
    tell_cause(resource)


def _hand_over(step: Step, resource: Resource, seen: Any) -> None:
    """A connection string goes, sealed, to who asked for it; it is in no journal and in no event."""
    secret = getattr(seen, "secret", None)
    person = step.asked_by or resource.requester
    if secret is None or person is None:
        return
    parcels.forget(resource.hold_key)
    parcels.put(secret.reveal(), for_user_id=person.pk, about=resource.hold_key)
    notify([person], "secret_ready", target=resource, actor=Actor.system())


def _locked(resource_id: UUID) -> Resource | None:
    rows = Resource.objects.select_for_update(of=("self",)).select_related("connection__provider", "project", "requester")
    found: Resource | None = rows.filter(pk=resource_id).first()
    return found
