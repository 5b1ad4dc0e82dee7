"""Sharing one thing with one person as a governed act: what the approval engine needs to know of it."""

from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.access.permissions import PERMISSIONS
from portal.access.shares import offered_anywhere
from portal.approvals.asked import Asked, Choices, Sort
from portal.approvals.kinds import Kind
from portal.approvals.models import Risk
from portal.tenancy import governed_shares, share_asking
from portal.tenancy.models import AskState, ShareAsk
from portal.users.actor import Actor

THINGS: Choices = (("scope", _("A place")), ("resource", _("A resource")))


def permissions_to_share(scope: Scope) -> Choices:
    """What may be shared of anything, for a policy of any scope: one list for all."""
    return [(name, PERMISSIONS[name]) for name in offered_anywhere()]


class ShareKind(Kind):
    """A share of one thing with one person; at once, unless a policy asks for a decision."""

    name = governed_shares.SHARE
    label = _("Share")
    permission = "share_resource"
    risk = Risk.MEDIUM
    free = True
    listed = True
    asks = MappingProxyType(
        {
            "permission": Asked(_("What she may do"), Sort.CHOICE, permissions_to_share),
            "shared_kind": Asked(_("What is shared"), Sort.CHOICE, THINGS),
            "is_outside": Asked(_("With a person of no role in the organization"), Sort.TRUTH),
            "days": Asked(_("Days"), Sort.NUMBER),
        }
    )

    def load(self, subject_id: str) -> ShareAsk | None:
        rows = ShareAsk.objects.select_for_update(of=("self",)).select_related("scope", "user", "asked_by")
        found: ShareAsk | None = rows.filter(pk=subject_id).first()
        return found

    def facts(self, subject: ShareAsk) -> dict[str, Any]:
        what = (subject.thing_kind, subject.thing_label)
        return governed_shares.share_facts(*what, subject.user, subject.permission, subject.expires)

    def context(self, subject: ShareAsk) -> dict[str, Any]:
        return governed_shares.share_context(subject.scope, subject.user, subject.expires)

    def about(self, subject_id: str) -> tuple[str, Any]:
        found = ShareAsk.objects.filter(pk=subject_id).values_list("thing_kind", "thing_id").first()
        return found or ("scope", "")

    def still_valid(self, subject: ShareAsk) -> bool:
        share_asking.check_still_hers(subject)
        return bool(subject.state == AskState.WAITING)

    def apply(self, subject: ShareAsk, *, actor: Actor) -> None:
        share_asking.share_decided(subject, actor=actor)

    def drop(self, subject: ShareAsk, outcome: str, *, actor: Actor) -> None:
        subject.state = AskState(outcome)
        subject.save(update_fields=["state"])
