"""Start, stop or restart where a policy may ask for a decision first: it is done at once, or waits."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import holds
from portal.approvals import services as approvals
from portal.approvals.models import Approval
from portal.approvals.queries import approval_of, with_decisions
from portal.core.errors import Refused
from portal.events.services import record
from portal.provisioning.governed import OPERATION, waits_for_decision
from portal.provisioning.models import OperationAsk, Resource
from portal.provisioning.services import check_operation, is_wanted, operate
from portal.tenancy.models import AskState
from portal.users.actor import Actor, Auth


@transaction.atomic
def operate_or_ask(resource: Resource, verb: str, *, actor: Actor) -> Resource | OperationAsk:
    """Do it by the rules of `operate`; where a policy asks, it waits, and the ask is what comes back.

    Asked again while it waits, by whomever, it is the same ask.
    """
    resource = check_operation(resource, verb, actor=actor)
    if is_wanted(resource, verb) or not waits_for_decision(resource, verb, actor):
        return operate(resource, verb, actor=actor)
    waiting: OperationAsk | None = OperationAsk.objects.filter(resource=resource, verb=verb, state=AskState.WAITING).first()
    if waiting is not None:
        return waiting
    ask = OperationAsk.objects.create(resource=resource, verb=verb, asked_by=actor.user)
    record("provisioning.ask_operation", resource, actor=actor, verb=verb)
    words = {"start": _("Start %(name)s"), "stop": _("Stop %(name)s"), "restart": _("Restart %(name)s")}
    scope: Any = resource.project
    approval = approvals.ask(OPERATION, ask, actor=actor, scope=scope, title=words[verb] % {"name": resource.name})
    return ask if approval.is_waiting else operate_decided(ask, actor=actor)


@transaction.atomic
def operate_decided(ask: OperationAsk, *, actor: Actor) -> Resource:
    """What was asked for, by the system's hand, in the name of who asked. Raises Conflict where it does not fit any more."""
    system, approval = Actor.system(actor.correlation_id), approval_of(OPERATION, ask.pk)
    ask.state = AskState.DONE
    ask.save(update_fields=["state"])
    return operate(ask.resource, ask.verb, actor=system, asked_by=ask.asked_by, cause=approval or ask)


def check_still_hers(ask: OperationAsk) -> None:
    """Raise Refused where who asked could not do it herself at this moment."""
    if not holds(Actor(ask.asked_by, Auth("none")), "operate_resource", ask.resource):
        raise Refused(_("Who asked may not operate it any more."))


def waiting_on(resource: Resource, *, actor: Actor) -> list[tuple[OperationAsk, Approval | None]]:
    """The operations on a resource that wait for a decision, each with its approval where she may see that."""
    rows = OperationAsk.objects.filter(resource=resource, state=AskState.WAITING).order_by("created_at", "pk")
    return with_decisions(OPERATION, rows, actor=actor)
