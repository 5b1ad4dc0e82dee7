"""What people and orders ask of resources: make, end, operate, hand out and rotate secrets, share, retry."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from portal.access.guard import holds, require, require_fresh
from portal.access.models import Scope
from portal.catalogue.models import Plan
from portal.clouds.models import Connection
from portal.core import clock, parcels, queue
from portal.core.errors import Conflict, Invalid, Refused
from portal.core.journal import OPEN_STATES, StepState
from portal.events.services import record
from portal.notices.services import notify
from portal.provisioning.governed import waits_for_decision
from portal.provisioning.models import ENDS_SOON, Desired, Resource, ResourceState, Step
from portal.users.actor import Actor
from portal.users.models import User

VERBS = ("start", "stop", "restart")
WANTED = {"start": Desired.RUNNING, "stop": Desired.STOPPED, "restart": Desired.RUNNING}
LASTING = (ResourceState.RUNNING, ResourceState.STOPPED)
ALIVE = (*LASTING, ResourceState.PLANNED, ResourceState.CREATING, ResourceState.STARTING, ResourceState.STOPPING)


@transaction.atomic
def request_resource(
    project: Scope,
    plan: Plan,
    spec: dict[str, Any],
    connection: Connection,
    region: str,
    *,
    requester: User,
    cause: str,
    actor: Actor,
    ends_at: datetime | None = None,
) -> Resource:
    """Write down a resource that is wanted; a worker makes it. For orders: permission, quota and approval lie behind it."""
    resource = Resource.objects.create(
        project=project,
        connection=connection,
        region=region,
        capability=plan.version.offering.capability,
        version=plan.version,
        plan=plan,
        name=spec["name"],
        spec=spec,
        requester=requester,
        cause=cause,
        ends_at=ends_at,
    )
    record("provisioning.request", resource, actor=actor, cause=cause, connection=connection.pk, region=region)
    queue.after_commit("provisioning.reconcile", resource.pk)
    return resource


@transaction.atomic
def end_resource(resource: Resource, *, cause: str, actor: Actor) -> Resource:
    """It is to be gone, with its data; a worker sees to it. For orders. Ended already, nothing changes."""
    resource = _locked(resource)
    if resource.desired != Desired.GONE:
        resource.desired, resource.cause, resource.error, resource.error_kind = Desired.GONE, cause, "", ""
        resource.save()
        record("provisioning.end", resource, actor=actor, cause=cause)
    queue.after_commit("provisioning.reconcile", resource.pk)
    return resource


@transaction.atomic
def operate(resource: Resource, verb: str, *, actor: Actor, asked_by: User | None = None, cause: Any = "") -> Resource:
    """Start, stop or restart it. What is so already, or wanted already, is done; while it moves elsewhere, Conflict.

    Refused where a policy asks for a decision first (`operating.operate_or_ask` asks for it), which the system is never
    asked for; `asked_by` is whose wish that carries out, `cause` where it comes from.
    """
    resource = check_operation(resource, verb, actor=actor)
    if is_wanted(resource, verb):
        queue.after_commit("provisioning.reconcile", resource.pk)
        return resource
    if waits_for_decision(resource, verb, actor):
        raise Refused(_("A policy asks for a decision on this. Ask for it on the page of the resource; it waits there."))
    if verb == "restart":
        Step.objects.create(resource=resource, verb="restart", asked_by=asked_by or actor.user)
    resource.desired, resource.error, resource.error_kind = WANTED[verb], "", ""
    resource.save()
    record(f"provisioning.ask_{verb}", resource, actor=actor, cause=cause)
    queue.after_commit("provisioning.reconcile", resource.pk)
    return resource


def check_operation(resource: Resource, verb: str, *, actor: Actor) -> Resource:
    """The resource, locked, where she may do this with it and it fits now; raises Forbidden, Invalid or Conflict."""
    require(actor, "operate_resource", resource)
    if verb not in VERBS:
        raise Invalid(fields={"verb": [_("Start, stop or restart.")]})
    resource = _locked(resource)
    _check_managed(resource)
    if is_wanted(resource, verb):
        return resource
    _check_still(resource)
    if resource.state not in LASTING:
        raise Conflict(_("The cloud does not show it running or stopped. Try again when it has settled."))
    if verb == "restart" and resource.state != ResourceState.RUNNING:
        raise Conflict(_("It does not run, so it cannot restart. Start it."))
    return resource


def is_wanted(resource: Resource, verb: str) -> bool:
    """Whether it is so already, or on its way there."""
    if verb == "restart" or resource.error:
        return False
    return resource.desired == WANTED[verb] and resource.state in ALIVE


@transaction.atomic
def rotate_secret(resource: Resource, *, actor: Actor) -> Resource:
    """A new password in place of the old, which opens nothing from then on; handed once to who asked."""
    require_fresh(actor)
    require(actor, "view_secret", resource)
    resource = _locked(resource)
    _check_managed(resource)
    if resource.capability != "database":
        raise Invalid(_("It has no secret that Concord could replace."), fields={})
    _check_still(resource)
    if resource.state != ResourceState.RUNNING:
        raise Conflict(_("It must run for that."))
    Step.objects.create(resource=resource, verb="rotate", asked_by=actor.user)
    record("provisioning.ask_rotate", resource, actor=actor)
    queue.after_commit("provisioning.reconcile", resource.pk)
    return resource


@transaction.atomic
def take_secret(resource: Resource, *, actor: Actor) -> str | None:
    """The secret that waits for this person, once; None when there is none (any more): then rotate it."""
    require_fresh(actor)
    require(actor, "view_secret", resource)
    parcel = parcels.waiting(resource.hold_key, for_user_id=actor.user.pk)
    secret = parcels.take(parcel, for_user_id=actor.user.pk) if parcel else None
    if secret is not None:
        record("provisioning.take_secret", resource, actor=actor)
    return secret


@transaction.atomic
def retry_resource(resource: Resource, *, actor: Actor) -> Resource:
    """Try again what failed, as a new step. For who may operate it, and for operators of the platform."""
    require(actor, "operate_platform" if holds(actor, "operate_platform", resource) else "operate_resource", resource)
    resource = _locked(resource)
    if not resource.error:
        return resource
    resource.error, resource.error_kind = "", ""
    resource.save()
    last = resource.steps.order_by("-created_at", "-id").first()
    if last and last.state == StepState.FAILED and (resource.desired != Desired.GONE or last.verb == "remove"):
        Step.objects.create(resource=resource, verb=last.verb, asked=last.asked, asked_by=last.asked_by)
    record("provisioning.retry", resource, actor=actor)
    queue.after_commit("provisioning.reconcile", resource.pk)
    return resource


@transaction.atomic
def sync_connection(connection: Connection, *, actor: Actor) -> None:
    """Read a connection in use now: what can be chosen there, and what is there. Asking twice is harmless."""
    require(actor, "manage_connections", connection)
    if not connection.is_usable:
        raise Conflict(_("It is not in use, so there is nothing to read. It is read by itself once it is."))
    record("provisioning.ask_sync", connection, actor=actor)
    queue.after_commit("clouds.sync_choices", connection.pk)
    queue.after_commit("provisioning.sync", connection.pk)


@transaction.atomic
def tell_ends(*, actor: Actor) -> int:
    """Tell whose resource ends within a week, once for each end; returns how many resources that were."""
    now = clock.now()
    ending = Resource.objects.filter(project__isnull=False, ends_at__gt=now, ends_at__lte=now + ENDS_SOON)
    untold = ending.exclude(desired=Desired.GONE).exclude(state=ResourceState.GONE).exclude(told_end=F("ends_at"))
    rows = list(
        untold.select_for_update(of=("self",), skip_locked=True).select_related("requester").order_by("ends_at")[:500]
    )
    for resource in rows:
        ends: Any = resource.ends_at
        if resource.requester:
            days = -((now - ends) // timedelta(days=1))
            notify([resource.requester], "resource_ends", target=resource, actor=actor, days=days, date=ends.date())
        resource.told_end = ends
    Resource.objects.bulk_update(rows, ["told_end"])
    return len(rows)


def _locked(resource: Resource) -> Resource:
    found: Resource = (
        Resource.objects.select_for_update(of=("self",)).select_related("connection", "project").get(pk=resource.pk)
    )
    return found


def _check_managed(resource: Resource) -> None:
    if not resource.is_managed:
        raise Conflict(_("Concord found this and does not manage it."))
    if resource.desired == Desired.GONE:
        raise Conflict(_("Its end was ordered."))


def _check_still(resource: Resource) -> None:
    if Step.objects.filter(resource=resource, state__in=OPEN_STATES).exclude(state=StepState.PLANNED).exists():
        raise Conflict(_("The cloud is still working on it. Try again when it has settled."))
    if resource.steps.filter(state__in=OPEN_STATES).exists():
        raise Conflict(_("Something is asked of it already."))
