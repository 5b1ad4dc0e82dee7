"""Who is told of events and where, how far that came, and the log of what was sent."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core import clock, crypto
from portal.core.models import Base
from portal.users.models import User


class SubscriptionState(models.TextChoices):
    ACTIVE = "active"
    PAUSED = "paused"


class Paused(models.TextChoices):
    """What paused it."""

    BY_HAND = "by_hand", _("Somebody paused it")
    FAILING = "failing", _("Its address did not take events, time after time")
    OWNER = "owner", _("Its owner is disabled")
    ACCOUNT = "account", _("Its account may not decide for its owner any more")


class Shape(models.TextChoices):
    """How its receiver reads what it is sent."""

    CLOUDEVENTS = "cloudevents", _("CloudEvents, for programs")
    TEAMS = "teams", _("Cards of a Teams workflow")
    FEISHU = "feishu", _("Cards of a Feishu bot")
    DECISIONS = "decisions", _("Decisions to answer")


class Subscription(Base):
    """Events of one scope, told in their sealed order to one address, as far as its owner may see them when they are sent.

    `actions` are beginnings ("orders."), `kinds` those of targets; empty is any. `position` is the last one that is done
    with: the next is sent until it is taken, so none is passed over. `failures` counts those in a row. A worker holds it by
    `holder` until `held_until`. The secret of before, `sealed_before`, signs beside the new one until `before_until`.
    `sealed_bot` is the secret that a bot of Feishu was given there, where it has one.

    A decision hook has an `account`, a service account of its owner's: it is told what waits for that account, and its signed
    answers vote as it, while the account is hers and of the same `epoch`, as a token's.
    """

    owner = models.ForeignKey(User, models.PROTECT, related_name="subscriptions")
    scope = models.ForeignKey(Scope, models.PROTECT, related_name="subscriptions")
    name = models.CharField(max_length=80)
    url = models.CharField(max_length=500)
    actions: Any = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    kinds: Any = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    shape = models.CharField(max_length=12, choices=Shape.choices, default=Shape.CLOUDEVENTS)
    sealed = models.BinaryField()
    sealed_before = models.BinaryField(null=True)
    before_until = models.DateTimeField(null=True)
    sealed_bot = models.BinaryField(null=True)
    account = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    epoch = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=SubscriptionState.choices, default=SubscriptionState.ACTIVE)
    paused_why = models.CharField(max_length=10, choices=Paused.choices, blank=True)
    position = models.BigIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=clock.now)
    holder = models.UUIDField(null=True)
    held_until = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_members"

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["owner", "name"], name="one_subscription_per_name"),
            models.CheckConstraint(
                condition=Q(state="active", paused_why="") | (Q(state="paused") & ~Q(paused_why="")),
                name="a_paused_subscription_says_why",
            ),
            models.CheckConstraint(
                condition=Q(shape="decisions", account__isnull=False) | (~Q(shape="decisions") & Q(account=None)),
                name="a_decision_hook_has_an_account",
            ),
        )
        indexes = (models.Index(fields=["due_at"], condition=Q(state="active"), name="subscription_due"),)

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def host(self) -> str:
        """Where it goes, without what in the address may open something."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    @property
    def is_active(self) -> bool:
        return self.state == SubscriptionState.ACTIVE

    def seal_secret(self, plain: bytes) -> None:
        """Keep a secret readable only through this row."""
        self.sealed = crypto.seal(plain, aad=self._aad)

    def seal_bot_secret(self, plain: str) -> None:
        """Keep the secret of a bot in the same way."""
        self.sealed_bot = crypto.seal(plain.encode(), aad=f"{self._aad}:bot") if plain else None

    @property
    def bot_secret(self) -> str:
        """The secret of the bot; empty where it has none."""
        return crypto.open_sealed(bytes(self.sealed_bot), aad=f"{self._aad}:bot").decode() if self.sealed_bot else ""

    def secrets(self, at: datetime) -> list[bytes]:
        """The keys that sign at a moment: the one in force, and for a day the one before it."""
        blobs = [self.sealed]
        if self.sealed_before and self.before_until and self.before_until > at:
            blobs.append(self.sealed_before)
        return [crypto.open_sealed(bytes(blob), aad=self._aad) for blob in blobs]

    @property
    def _aad(self) -> str:
        return f"audit.subscription:{self.pk}"


class DeliveryState(models.TextChoices):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class Delivery(Base):
    """One event on its way to one subscription, however often it was tried. What is sent carries `message_id` each time.

    There is no key to the event: those go when their time is over. `is_asked` means that a person asked for it by itself, as
    a test (then there is no event) or once more; the others are sent as the subscription comes to their position.
    """

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="deliveries", db_index=False)
    event_id = models.UUIDField(null=True)
    position = models.BigIntegerField(null=True)
    action = models.CharField(max_length=80)
    target = models.CharField(max_length=250, blank=True)
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    is_asked = models.BooleanField(default=False)
    tries = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["subscription", "event_id"], name="one_delivery_per_subscription_and_event"),
        )
        indexes = (
            models.Index(fields=["subscription", "-created_at", "-id"], name="delivery_by_subscription"),
            models.Index(fields=["due_at"], condition=Q(is_asked=True), name="asked_delivery_due"),
            models.Index(fields=["created_at"], name="event_delivery_by_age"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.state}"

    @property
    def message_id(self) -> str:
        """What a receiver tells copies of it by."""
        return str(self.event_id or self.pk)

    @property
    def log(self) -> list["Attempt"]:
        """Each try that came to an end, oldest first."""
        return list(self.attempts.all())


class Attempt(models.Model):
    """One try that came to an end: what the address answered and how long it took, or why there was no answer."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts")
    at = models.DateTimeField(default=clock.now)
    status = models.PositiveSmallIntegerField(null=True)
    duration_ms = models.PositiveIntegerField()
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return str(self.status or self.error)
