"""What the identity service is told, what it was heard to say, and the syncs of its directory."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.core.journal import OPEN_STATES, StepBase
from portal.core.models import Base
from portal.users.models import Identity, User


class ProviderStep(StepBase):
    """One thing the identity provider must be told of one identity; those of an identity are told in their turn."""

    identity = models.ForeignKey(Identity, models.CASCADE, related_name="steps")
    turn = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar[list[str]] = ["turn"]
        constraints = (models.UniqueConstraint(fields=["identity", "turn"], name="one_step_each_turn"),)
        indexes = (models.Index(fields=["due_at"], condition=models.Q(state__in=OPEN_STATES), name="open_provider_steps"),)

    def __str__(self) -> str:
        return f"{self.verb} {self.turn}"


class Feed(models.Model):
    """How far one list of events of an issuer was read: up to the provider's own time of the newest, in milliseconds.

    `newest_ms` is None until the reading began. `failing_since` is set while the provider does not answer.
    """

    issuer = models.CharField(max_length=300)
    name = models.CharField(max_length=20)
    newest_ms = models.BigIntegerField(null=True)
    read_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["issuer", "name"], name="one_feed_per_name"),)

    def __str__(self) -> str:
        return f"{self.issuer} {self.name}"


class Heard(models.Model):
    """An event that was acted on, kept as long as it may be read once more."""

    feed = models.ForeignKey(Feed, models.CASCADE, related_name="heard")
    event = models.CharField(max_length=64)
    at_ms = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["feed", "event"], name="heard_once"),)
        indexes = (models.Index(fields=["feed", "at_ms"], name="heard_by_time"),)

    def __str__(self) -> str:
        return self.event


class SyncState(models.TextChoices):
    """How far a sync of the directory is. One that stopped waits for a person to say that so many may leave."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


OPEN_SYNCS = (SyncState.WAITING, SyncState.RUNNING)


class DirectorySync(Base):
    """One look at the whole directory, and what it found; a dry run changes nothing. `may_remove` is what was confirmed."""

    asked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    dry_run = models.BooleanField(default=False)
    may_remove = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=10, choices=SyncState.choices, default=SyncState.WAITING)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)
    leaving = models.JSONField(default=list)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"directory sync {self.pk}"

    @property
    def label(self) -> str:
        return str(_("Directory sync"))

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_SYNCS
