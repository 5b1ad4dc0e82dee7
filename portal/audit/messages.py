"""What a subscription is sent: an event, or a test, in the shape its receiver reads, and whether the receiver took it."""

from datetime import datetime
from typing import Any
from urllib.parse import urljoin
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.audit import asking, cards, shapes
from portal.audit.models import Delivery, Shape, Subscription
from portal.audit.queries import place_named
from portal.audit.words import words_for
from portal.core import clock
from portal.core.errors import Invalid
from portal.events.models import Event
from portal.identity.outside import Answer
from portal.users.models import User

JSON = "application/json; charset=utf-8"
PROGRAMS = (Shape.CLOUDEVENTS, Shape.DECISIONS)
WENT_WRONG = {"failed": gettext_lazy("Failed"), "refused": gettext_lazy("Refused")}


def of_event(subscription: Subscription, event: Event, position: int) -> dict[str, Any] | None:
    """The event as its receiver reads it; a card speaks the language of the subscription's owner, in her time.

    None where a decision hook has nothing to decide.
    """
    if subscription.shape == Shape.DECISIONS:
        return asking.ask_of(subscription, event, position)
    if subscription.shape == Shape.CLOUDEVENTS:
        return shapes.as_cloud_event(event, position)
    with translation.override(subscription.owner.language or None):
        return drawn(subscription, card_of(event, subscription.owner))


def of_test(subscription: Subscription, delivery: Delivery) -> dict[str, Any]:
    """A message that tells nothing, in the same shape."""
    if subscription.shape in PROGRAMS:
        return shapes.as_test(subscription, delivery)
    with translation.override(subscription.owner.language or None):
        rows = ((_("Subscription"), subscription.name), (_("When"), told(delivery.created_at, subscription.owner)))
        button, url = _("Open the subscription"), page_of("subscription", str(subscription.pk))
        return drawn(subscription, cards.Card(_("A test of Concord: nothing happened"), rows, button, url))


def content_type(subscription: Subscription) -> str:
    """The type of those messages."""
    return shapes.CLOUD_EVENT if subscription.shape in PROGRAMS else JSON


def why_refused(subscription: Subscription, answer: Answer) -> str:
    """Why an answer does not count, in words; empty where it does. Feishu says so in a body that comes with 200."""
    if 300 <= answer.status < 400:
        return f"It answered {answer.status} and leads elsewhere; Concord follows nobody."
    if not 200 <= answer.status < 300:
        return f"It answered {answer.status}."
    return feishu_refusal(answer) if subscription.shape == Shape.FEISHU else ""


def feishu_refusal(answer: Answer) -> str:
    """What a bot of Feishu did not like; empty where it took the card."""
    try:
        said = answer.json()
    except Invalid:
        return ""
    code = said.get("code", 0)
    return f"It answered {answer.status}, and code {code}: {said.get('msg', '')}"[:300] if code else ""


def drawn(subscription: Subscription, card: cards.Card) -> dict[str, Any]:
    """The card in the shape of its chat, signed as that asks for it."""
    if subscription.shape == Shape.TEAMS:
        return cards.as_teams(card)
    said = cards.as_feishu(card)
    secret = subscription.bot_secret
    return cards.signed_for_feishu(said, secret, int(clock.now().timestamp())) if secret else said


def card_of(event: Event, owner: User) -> cards.Card:
    """What happened, to what, where, by whom and when; the button opens the thing, or the event where that has no page."""
    words = words_for(event.action, event.outcome, str(event.detail.get("choice", "")))
    thing = page_of(event.target_kind, event.target_id)
    rows = [
        (_("About"), event.target_label or event.target_kind),
        (_("Where"), place_named(event) or _("nowhere in particular")),
        (_("Who"), who(event)),
        (_("When"), told(event.at, owner)),
    ]
    if event.outcome in WENT_WRONG:
        rows.append((_("Outcome"), str(WENT_WRONG[event.outcome])))
    is_decision = event.target_kind == "approval"
    button = _("Open the decision") if is_decision else _("Open it in Concord") if thing else _("Open the event")
    url = thing or page_of("event", str(event.pk))
    return cards.Card(str(words.text), tuple(rows), button, url, text=text_of(event), tone=words.tone)


def text_of(event: Event) -> str:
    """What somebody wrote: the reason, the note of a vote, a comment or a question."""
    said = event.reason or event.detail.get("note") or event.detail.get("text") or ""
    return str(said)


def who(event: Event) -> str:
    """Who did it, for whom, and who looked as her."""
    said = str(event.actor)
    if event.acting_for:
        said = _("%(person)s for %(other)s") % {"person": said, "other": event.acting_for}
    if event.viewed_as_by:
        said = _("%(person)s, with %(other)s looking as her") % {"person": said, "other": event.viewed_as_by}
    return said


def told(at: datetime, reader: User) -> str:
    """A moment as its reader's clock shows it, with the name of her zone."""
    try:
        zone = ZoneInfo(reader.zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def page_of(kind: str, pk: str) -> str:
    """The whole address of a thing's page; empty where it has none."""
    try:
        return urljoin(settings.PUBLIC_URL, reverse(kind, args=[UUID(pk)]))
    except (NoReverseMatch, ValueError):
        return ""
