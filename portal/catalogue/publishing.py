"""Publish an offering where a policy may ask for a decision first: it is published at once, or waits."""

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.models import Scope
from portal.approvals import services as approvals
from portal.approvals.queries import approval_of
from portal.catalogue.drafts import OfferingDraft, draft_from, kept
from portal.catalogue.governed import OFFERING, waits_for_decision
from portal.catalogue.models import OfferingAsk, OfferingVersion
from portal.catalogue.services import check_draft, publish_offering
from portal.core.errors import Conflict, Forbidden, NotFound, Refused
from portal.events.services import record
from portal.tenancy.models import AskState
from portal.users.actor import Actor, Auth


@transaction.atomic
def publish_or_ask(organization: Scope, draft: OfferingDraft, *, actor: Actor) -> OfferingVersion | OfferingAsk:
    """Publish by the rules of `publish_offering`; where a policy asks, it waits, and the ask is what comes back.

    The same once more while it waits is the same ask; another version of it is a Conflict. What was published before is
    offered meanwhile.
    """
    check_draft(organization, draft, actor=actor)
    if not waits_for_decision(organization, draft, actor):
        return publish_offering(organization, draft, actor=actor)
    Scope.objects.select_for_update(no_key=True).get(pk=organization.pk)  # published twice at once, the second sees the first
    one = {"scope": organization, "slug": draft.key}
    waiting: OfferingAsk | None = OfferingAsk.objects.filter(**one, state=AskState.WAITING).first()
    if waiting is not None:
        if draft_from(waiting.draft) != draft_from(kept(draft)):
            raise Conflict(_("Another version of it waits for a decision already. Take that back first."))
        return waiting
    ask: OfferingAsk = OfferingAsk.objects.create(**one, name=draft.name, draft=kept(draft), asked_by=actor.user)
    record("catalogue.ask_publish", ask, actor=actor)
    title = _("Publish %(name)s") % {"name": draft.name}
    approval = approvals.ask(OFFERING, ask, actor=actor, scope=organization, title=title)
    return ask if approval.is_waiting else publish_decided(ask, actor=actor)


@transaction.atomic
def publish_decided(ask: OfferingAsk, *, actor: Actor) -> OfferingVersion:
    """The version as it was asked for, by the system's hand."""
    system, approval = Actor.system(actor.correlation_id), approval_of(OFFERING, ask.pk)
    ask.state = AskState.DONE
    ask.save(update_fields=["state"])
    return publish_offering(ask.scope, draft_from(ask.draft), actor=system, cause=approval or ask)


def check_still_hers(ask: OfferingAsk) -> None:
    """Raise Refused where who asked could not publish it herself at this moment."""
    try:
        check_draft(ask.scope, draft_from(ask.draft), actor=Actor(ask.asked_by, Auth("none")))
    except (Forbidden, NotFound) as error:
        raise Refused(_("Who asked may not publish here any more.")) from error
