"""A lease as a governed act: what the approval engine needs to know of it."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.approvals.asked import Asked, Sort
from portal.approvals.kinds import Kind
from portal.approvals.models import Risk
from portal.clouds.models import ConnectionState
from portal.clouds.queries import choices_of_providers
from portal.core.errors import Refused
from portal.leases import states
from portal.leases.models import Lease, LeaseState
from portal.users.actor import Actor


class LeaseKind(Kind):
    """A lease that waits for a decision. Once it may be, the person takes it herself: nothing is minted for who is absent."""

    name = "lease"
    label = _("Cloud access")
    permission = "take_lease"
    risk = Risk.MEDIUM
    asks = {
        "minutes": Asked(_("Minutes"), Sort.NUMBER),
        "provider": Asked(_("Provider"), Sort.CHOICE, choices_of_providers),
    }

    def load(self, subject_id: str) -> Lease | None:
        return states.locked(subject_id)

    def facts(self, subject: Lease) -> dict[str, Any]:
        offer = subject.offer
        return {
            "offer": offer.name,
            "target": offer.target_label,
            "connection": subject.connection.name,
            "provider": subject.connection.provider.key,
            "minutes": subject.duration_s // 60,
            "purpose": subject.purpose,
        }

    def still_valid(self, subject: Lease) -> bool:
        if subject.offer.withdrawn_at is not None:
            raise Refused(_("This is not offered any more."))
        if subject.connection.state != ConnectionState.READY:
            raise Refused(_("%(cloud)s is not in use any more.") % {"cloud": subject.connection.name})
        return bool(subject.state == LeaseState.WAITING)

    def apply(self, subject: Lease, *, actor: Actor) -> None:
        states.make_ready(subject, actor=actor)

    def drop(self, subject: Lease, outcome: str, *, actor: Actor) -> None:
        states.refuse(subject, outcome, actor=actor)
