"""Put an order form aside and go on with it later. A draft is its writer's alone: nobody else sees that there is one."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.catalogue.models import Offering
from portal.core import clock
from portal.core.errors import Forbidden, Invalid, NotFound, Refused
from portal.core.schema import can_be_kept
from portal.events.services import record
from portal.orders.models import OrderDraft
from portal.users.actor import Actor

MOST_DRAFTS = 50
MOST_ANSWERS = 100


def drafts_of(actor: Actor) -> QuerySet[OrderDraft]:
    """Her own, what was saved last on top; none to who looks as her, or comes with a narrowed token."""
    if actor.viewed_as_by or actor.narrowed_to is not None:
        return OrderDraft.objects.none()
    return OrderDraft.objects.filter(person=actor.user).select_related("offering__scope")


def draft_for(actor: Actor, pk: UUID | str) -> OrderDraft:
    """One of them, or NotFound."""
    found = drafts_of(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def save_draft(
    offering: Offering, answers: Mapping[str, str], *, actor: Actor, draft: OrderDraft | None = None
) -> OrderDraft:
    """Keep the answers as they were typed, in a draft of hers or in a new one. Nothing is ordered, held or checked.

    Raises Invalid where an answer cannot be kept, Refused where she has too many drafts.
    """
    _check_self(actor)
    require(actor, "view_offering", offering)
    kept = {str(name): str(value) for name, value in answers.items() if value not in ("", None)}
    if len(kept) > MOST_ANSWERS or not all(can_be_kept(text) for pair in kept.items() for text in pair):
        raise Invalid(_("An answer is too long, or holds characters that cannot be kept."))
    if draft is None and OrderDraft.objects.filter(person=actor.user).count() >= MOST_DRAFTS:
        raise Refused(_("You have %(most)s drafts. Delete one, then save this.") % {"most": MOST_DRAFTS})
    saved = draft_for(actor, draft.pk) if draft else OrderDraft(person=actor.user)
    saved.offering, saved.answers, saved.saved_at = offering, kept, clock.now()
    saved.save()
    record("orders.save_draft", saved, actor=actor)
    return saved


@transaction.atomic
def delete_draft(draft: OrderDraft, *, actor: Actor) -> None:
    """Throw it away; what became an order of it stays."""
    _check_self(actor)
    draft = draft_for(actor, draft.pk)
    record("orders.delete_draft", draft, actor=actor)
    draft.delete()


def _check_self(actor: Actor) -> None:
    if actor.viewed_as_by or actor.narrowed_to is not None:
        raise Forbidden(_("A draft is its writer's alone."))
