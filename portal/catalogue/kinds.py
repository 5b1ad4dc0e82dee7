"""Publishing an offering as a governed act: what the approval engine needs to know of it."""

from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.access.models import ScopeState
from portal.approvals.asked import Asked, Sort
from portal.approvals.kinds import Kind
from portal.approvals.models import Risk
from portal.catalogue import governed, publishing
from portal.catalogue.drafts import draft_from
from portal.catalogue.models import Offering, OfferingAsk
from portal.catalogue.queries import choices_of_offerings
from portal.clouds.labels import KINDS
from portal.core.errors import Refused
from portal.tenancy.models import AskState
from portal.users.actor import Actor


class OfferingKind(Kind):
    """A version of an offering; published at once, unless a policy asks for a decision."""

    name = governed.OFFERING
    label = _("Offering")
    permission = "manage_offerings"
    risk = Risk.MEDIUM
    free = True
    listed = True
    asks = MappingProxyType(
        {
            "service": Asked(_("Service"), Sort.CHOICE, choices_of_offerings),
            "capability": Asked(_("Kind of service"), Sort.CHOICE, tuple(KINDS.items())),
            "is_new": Asked(_("Its first version"), Sort.TRUTH),
        }
    )

    def load(self, subject_id: str) -> OfferingAsk | None:
        rows = OfferingAsk.objects.select_for_update(of=("self",)).select_related("scope", "asked_by")
        found: OfferingAsk | None = rows.filter(pk=subject_id).first()
        return found

    def facts(self, subject: OfferingAsk) -> dict[str, Any]:
        return governed.offering_facts(subject.scope, draft_from(subject.draft))

    def context(self, subject: OfferingAsk) -> dict[str, Any]:
        return governed.offering_context(draft_from(subject.draft))

    def about(self, subject_id: str) -> tuple[str, Any]:
        ask = OfferingAsk.objects.filter(pk=subject_id).first()
        found = Offering.objects.filter(scope=ask.scope_id, slug=ask.slug).first() if ask else None
        return "offering", found.pk if found else ""

    def still_valid(self, subject: OfferingAsk) -> bool:
        if subject.scope.state != ScopeState.ACTIVE:
            raise Refused(_("%(scope)s is closed.") % {"scope": subject.scope.name})
        publishing.check_still_hers(subject)
        return bool(subject.state == AskState.WAITING)

    def apply(self, subject: OfferingAsk, *, actor: Actor) -> None:
        publishing.publish_decided(subject, actor=actor)

    def drop(self, subject: OfferingAsk, outcome: str, *, actor: Actor) -> None:
        subject.state = AskState(outcome)
        subject.save(update_fields=["state"])
