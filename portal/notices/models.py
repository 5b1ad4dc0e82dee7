"""Notices to a person, what she wants to be told and how, and each mail on its way."""

from typing import Any

from django.db import models
from django.urls import NoReverseMatch, reverse

from portal.core import clock
from portal.core.models import Base
from portal.events.models import Event
from portal.notices.messages import message_of, say
from portal.users.models import User


class Channel(models.TextChoices):
    BELL = "bell"
    MAIL = "mail"


class Sending(models.TextChoices):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class Notice(Base):
    """One thing told to one person. Words are kept as topic and parameters, and put together in the reader's language."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notices", db_index=False)
    topic = models.CharField(max_length=40)
    params = models.JSONField(default=dict)
    link_kind = models.CharField(max_length=40)
    link_id = models.CharField(max_length=40)
    event = models.ForeignKey(Event, models.PROTECT, null=True, related_name="+", db_index=False)
    in_bell = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["user", "-created_at"], name="notice_by_user"),
            models.Index(
                fields=["user"], condition=models.Q(read_at=None, in_bell=True), name="notice_unread", include=["id"]
            ),
        )

    def __str__(self) -> str:
        return f"{self.topic} {self.link_kind} {self.link_id}"

    @property
    def title(self) -> str:
        """One line, in the language in force."""
        return say(message_of(self.topic).title, self.params)

    @property
    def body(self) -> str:
        """What it means for her, in the language in force."""
        return say(message_of(self.topic).body, self.params)

    @property
    def url(self) -> str:
        """The page of what it is about; empty where that has no page."""
        try:
            return reverse(self.link_kind, args=[self.link_id])
        except NoReverseMatch:
            return ""


class Preference(Base):
    """One switch that a person moved: this topic, by this channel, on or off."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notice_preferences", db_index=False)
    topic = models.CharField(max_length=40)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    is_on = models.BooleanField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "topic", "channel"], name="one_switch_per_topic_and_channel"),)

    def __str__(self) -> str:
        return f"{self.topic} {self.channel} {'on' if self.is_on else 'off'}"


class Delivery(Base):
    """One notice on its way out. `due_at` is when to try next; a worker takes it by moving that moment ahead."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.MAIL)
    state = models.CharField(max_length=10, choices=Sending.choices, default=Sending.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    due_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["due_at"], condition=models.Q(state="waiting"), name="delivery_due"),)

    def __str__(self) -> str:
        return f"{self.channel} {self.state}"


def text_params(params: dict[str, Any]) -> dict[str, str]:
    """Parameters as text: what a notice said then is what it says later."""
    return {name: str(value) for name, value in params.items()}
