"""Connecting a cloud as a governed act: what the approval engine needs to know of it."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.approvals.asked import Asked, Sort
from portal.approvals.kinds import Kind
from portal.approvals.models import Risk
from portal.clouds import lifecycle
from portal.clouds.labels import RUNGS
from portal.clouds.models import Connection, ConnectionState
from portal.clouds.queries import choices_of_providers
from portal.core.errors import NotFound
from portal.users.actor import Actor


class ConnectionKind(Kind):
    """A connection that waits for a decision. Its checks run meanwhile; they are no facts, since they change by themselves."""

    name = "connection"
    label = _("Connection")
    permission = "manage_connections"
    risk = Risk.HIGH
    asks = {
        "provider": Asked(_("Provider"), Sort.CHOICE, choices_of_providers),
        "rung": Asked(_("What Concord may do"), Sort.CHOICE, tuple(RUNGS.items())),
    }

    def load(self, subject_id: str) -> Connection:
        found: Connection | None = Connection.objects.select_related("scope", "provider").filter(pk=subject_id).first()
        if found is None:
            raise NotFound
        return found

    def facts(self, subject: Connection) -> dict[str, Any]:
        return {
            "name": subject.name,
            "provider": subject.provider.key,
            "endpoint": subject.endpoint,
            "regions": ", ".join(subject.region_keys()),
            "rung": subject.rung,
        }

    def still_valid(self, subject: Connection) -> bool:
        return subject.state != ConnectionState.DISABLED

    def apply(self, subject: Connection, *, actor: Actor) -> None:
        lifecycle.approve(subject.pk, actor=actor)

    def drop(self, subject: Connection, outcome: str, *, actor: Actor) -> None:
        lifecycle.disable(subject.pk, actor=actor, reason=outcome)
