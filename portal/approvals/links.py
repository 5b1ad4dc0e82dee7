"""Decide by the link of a mail: opening it shows the card, sending the form votes, once. Who holds the mail holds the vote.

So a link is of one person, one stage and one revision; what is of high risk asks for a sign-in instead; and it dies with
the person's sessions. It is made as the mail leaves, in the worker that sends it, and is written down nowhere but in it.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.approvals import services
from portal.approvals.cards import Card, card
from portal.approvals.checks import open_seat
from portal.approvals.models import Approval, DecisionLink, Risk, Vote
from portal.approvals.settling import stages_of
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, NotFound
from portal.events.services import record
from portal.users.actor import Actor, Auth
from portal.users.models import User

METHOD = "link"
OPEN_FOR = timedelta(days=14)
TOPICS = ("vote_needed", "vote_due")


class MailLinks:
    """What a mail about a decision links to: a link of its reader's own, where her vote would count."""

    topics = TOPICS

    def path_for(self, notice: Any) -> str:
        """The path for this notice's reader, for use once; empty where she has nothing to decide there now."""
        return path_for(notice.link_id, notice.user)


def path_for(approval_id: str, person: User) -> str:
    """Make a link for her, and give its path; empty where her vote would not count, or a sign-in is asked for anyway."""
    approval = Approval.objects.filter(pk=approval_id).select_related("scope", "requester", "beneficiary").first()
    if approval is None or not approval.is_waiting or approval.risk == Risk.HIGH:
        return ""
    seat = open_seat(approval, stages_of(approval), Actor(person, Auth(METHOD)))
    if seat is None:
        return ""
    secret = secrets.token_urlsafe(32)
    DecisionLink.objects.create(
        approval=approval,
        revision=approval.revision,
        stage=seat.stage,
        person=person,
        epoch=person.access_epoch,
        digest=digest_of(secret),
        expires=clock.now() + OPEN_FOR,
    )
    return reverse("decide", args=[secret])


def link_of(secret: str) -> DecisionLink:
    """The link of this secret, whatever became of it; else NotFound."""
    return _found(DecisionLink.objects, secret)


def why_not(link: DecisionLink) -> str:
    """Why it decides nothing (any more); empty where it does."""
    approval = link.approval
    if link.used_at is not None:
        return _("This link was used. Each decides once.")
    if link.expires <= clock.now() or not link.person.is_active or link.person.access_epoch != link.epoch:
        return _("This link has ended. Sign in to decide.")
    if link.revision != approval.revision:
        return _("What was asked changed after the mail was sent. Sign in to see what it is now.")
    if approval.risk == Risk.HIGH:
        return _("This is of high risk. Sign in to decide.")
    return ""


def card_by(link: DecisionLink, *, address: str = "") -> Card:
    """The card, as she sees it."""
    return card(link.approval, actor=_actor(link, address))


@transaction.atomic
def decide(secret: str, choice: str, card_hash: str, *, note: str = "", address: str = "") -> Approval:
    """Her vote by the link, which is used up by it. Refuses what `vote` refuses, and then the link is as good as before.

    Forbidden where the link decides nothing any more, or her vote would go to another stage than the mail spoke of.
    """
    link = _found(DecisionLink.objects.select_for_update(of=("self",)), secret)
    if said := why_not(link):
        raise Forbidden(said)
    actor = _actor(link, address)
    approval = services.vote(link.approval, choice, card_hash, actor=actor, note=note)
    cast = Vote.objects.filter(approval=approval, person=link.person).order_by("-created_at", "-id").first()
    if cast is None or cast.stage_id != link.stage_id:
        raise Conflict(_("This stage was decided already. Sign in to see where it stands."))
    link.used_at = clock.now()
    link.save(update_fields=["used_at"])
    record("approvals.use_link", approval, actor=actor, choice=choice, stage=link.stage_id)
    return approval


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _actor(link: DecisionLink, address: str) -> Actor:
    return Actor(link.person, Auth(METHOD, session=link.digest[:12], address=address))


def _found(links: Any, secret: str) -> DecisionLink:
    rows = links.select_related("approval__scope", "approval__requester", "approval__beneficiary", "person")
    found: DecisionLink | None = rows.filter(digest=digest_of(secret)).first()
    if found is None:
        raise NotFound(_("This link opens nothing. Sign in to see what waits for you."))
    return found
