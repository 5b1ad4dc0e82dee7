"""Starting, stopping and restarting as a governed act: what the approval engine needs to know of it."""

from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.access.models import ScopeState
from portal.approvals.asked import Asked, Choices, Sort
from portal.approvals.kinds import Kind
from portal.approvals.models import Risk
from portal.catalogue.queries import choices_of_offerings
from portal.clouds.queries import choices_of_providers
from portal.core.errors import Refused
from portal.provisioning import governed, operating
from portal.provisioning.models import Desired, OperationAsk, ResourceState
from portal.tenancy.models import AskState
from portal.users.actor import Actor

OPERATIONS: Choices = (("start", _("Start")), ("stop", _("Stop")), ("restart", _("Restart")))


class OperationKind(Kind):
    """An operation on a resource; done at once, unless a policy asks for a decision."""

    name = governed.OPERATION
    label = _("Operation")
    permission = "operate_resource"
    risk = Risk.MEDIUM
    free = True
    listed = True
    asks = MappingProxyType(
        {
            "action": Asked(_("What is done"), Sort.CHOICE, OPERATIONS),
            "service": Asked(_("Service"), Sort.CHOICE, choices_of_offerings),
            "resource": Asked(_("Name of the resource"), Sort.TEXT),
            "connection": Asked(_("Name of the connection"), Sort.TEXT),
            "provider": Asked(_("Provider"), Sort.CHOICE, choices_of_providers),
            "region": Asked(_("Region"), Sort.TEXT),
        }
    )

    def load(self, subject_id: str) -> OperationAsk | None:
        rows = OperationAsk.objects.select_for_update(of=("self",)).select_related(
            "resource__project", "resource__connection__provider", "resource__version__offering", "resource__plan", "asked_by"
        )
        found: OperationAsk | None = rows.filter(pk=subject_id).first()
        return found

    def facts(self, subject: OperationAsk) -> dict[str, Any]:
        return governed.operation_facts(subject.resource, subject.verb)

    def context(self, subject: OperationAsk) -> dict[str, Any]:
        return governed.operation_context(subject.resource)

    def still_valid(self, subject: OperationAsk) -> bool:
        resource = subject.resource
        if resource.desired == Desired.GONE or resource.state == ResourceState.GONE or resource.project is None:
            raise Refused(_("The resource is gone, or its end was ordered."))
        if resource.project.state != ScopeState.ACTIVE:
            raise Refused(_("%(scope)s is closed.") % {"scope": resource.project.name})
        operating.check_still_hers(subject)
        return bool(subject.state == AskState.WAITING)

    def apply(self, subject: OperationAsk, *, actor: Actor) -> None:
        operating.operate_decided(subject, actor=actor)

    def drop(self, subject: OperationAsk, outcome: str, *, actor: Actor) -> None:
        subject.state = AskState(outcome)
        subject.save(update_fields=["state"])

    def about(self, subject_id: str) -> tuple[str, Any]:
        found = OperationAsk.objects.filter(pk=subject_id).values_list("resource", flat=True).first()
        return "resource", found or ""
