"""Decide on several things at once: each is a vote of its own on the card that was shown, whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from portal.access.guard import permissions_of, require_fresh
from portal.approvals import services
from portal.approvals.models import Approval, Choice, Risk
from portal.approvals.queries import approvals_visible_to
from portal.approvals.standing_in import windows_of
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Stale
from portal.users.actor import Actor

MOST = 50
CHOICES = (Choice.APPROVE, Choice.DENY)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one row: `done`, `changed` (look again), `not_yours` (any more), `alone` (of high risk) or `refused`."""

    pk: UUID
    title: str
    outcome: str
    said: str


def vote_on_many(shown: Mapping[UUID, str], choice: str, *, note: str, actor: Actor) -> list[Answer]:
    """Vote on each of these cards, by the hash that was shown, with one justification for all.

    Rows stand for themselves: one that is refused holds up no other. Refused as a whole are more than fifty, none, a choice
    that is none for many, and a missing justification.
    """
    require_fresh(actor)
    if "vote" not in permissions_of(actor) and not windows_of(actor):
        raise Forbidden(_("You decide nowhere."))
    if choice not in CHOICES:
        raise Invalid(fields={"choice": [_("Several at once are approved or denied.")]})
    if not shown:
        raise Invalid(fields={"cards": [_("Mark what you decide on.")]})
    if len(shown) > MOST:
        raise Invalid(fields={"cards": [_("At most %(most)s at once.") % {"most": MOST}]})
    if not note.strip():
        raise Invalid(fields={"note": [_("Say why, once for all of them.")]})
    rows = {row.pk: row for row in approvals_visible_to(actor).filter(pk__in=list(shown))}
    return [_answer(pk, rows.get(pk), choice, card, note=note, actor=actor) for pk, card in shown.items()]


def _answer(pk: UUID, approval: Approval | None, choice: str, card: str, *, note: str, actor: Actor) -> Answer:
    if approval is None:
        return Answer(pk, "", "not_yours", _("It is not there for you any more."))
    if approval.risk == Risk.HIGH:
        return Answer(pk, approval.title, "alone", _("It is of high risk, so it is decided on its own page."))
    try:
        services.vote(approval, choice, card, actor=actor, note=note)
    except Stale:
        return Answer(pk, approval.title, "changed", _("It changed since it was shown. Look again."))
    except (Forbidden, NotFound, Conflict) as refusal:
        return Answer(pk, approval.title, "not_yours", str(refusal))
    except PortalError as refusal:
        return Answer(pk, approval.title, "refused", str(refusal))
    return Answer(pk, approval.title, "done", "")
