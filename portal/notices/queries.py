"""What a person was told and what she wants to be told; always her own, by the Actor."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from portal.notices.messages import MESSAGES
from portal.notices.models import Channel, Notice, Preference
from portal.users.actor import Actor


@dataclass(frozen=True, slots=True)
class Switch:
    """One line of the preferences page."""

    topic: str
    about: Any
    bell: bool
    mail: bool


def unread_count(actor: Actor) -> int:
    """How many notices wait in her bell: one indexed query, on every page."""
    return Notice.objects.filter(user=actor.user, read_at=None, in_bell=True).count()


def notices_of(actor: Actor) -> QuerySet[Notice]:
    """What she was told, newest first; a narrowed token reads none of it."""
    told = Notice.objects.none() if actor.narrowed_to else Notice.objects.filter(user=actor.user, in_bell=True)
    return told.order_by("-created_at", "-id")


def switches_of(actor: Actor) -> list[Switch]:
    """Every topic that can be switched, with her switches as they stand."""
    moved = {(row.topic, row.channel): row.is_on for row in Preference.objects.filter(user=actor.user)}
    return [
        Switch(
            topic,
            message.about,
            moved.get((topic, Channel.BELL), True),
            moved.get((topic, Channel.MAIL), message.mail),
        )
        for topic, message in MESSAGES.items()
        if not message.always
    ]
