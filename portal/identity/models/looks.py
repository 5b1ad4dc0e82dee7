"""Who looked at the portal as another person sees it, when, why, and what she opened."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from portal.access.models import Scope
from portal.core.models import Base
from portal.identity.models.sessions import Session
from portal.users.models import User


class LookEnd(models.TextChoices):
    """What ended a look."""

    STOPPED = "stopped"
    TIME = "time"
    SIGNED_OUT = "signed_out"
    ACCESS = "access"


class Look(Base):
    """One look of `looker` as `person` sees one organization, in one session, from its making until `until` at most.

    It holds while the person's access is as it was (`epoch`). `opened` counts the pages; `paths` are the first fifty
    different ones.
    """

    MOST_PATHS = 50

    looker = models.ForeignKey(User, models.PROTECT, related_name="looks")
    person = models.ForeignKey(User, models.PROTECT, related_name="looked_at")
    organization = models.ForeignKey(Scope, models.CASCADE, related_name="looks")
    session = models.ForeignKey(Session, models.SET_NULL, null=True, related_name="looks")
    reason = models.TextField()
    epoch = models.PositiveIntegerField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=20, choices=LookEnd.choices, blank=True)
    opened = models.PositiveIntegerField(default=0)
    paths: Any = ArrayField(models.CharField(max_length=200), default=list)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes = (models.Index(fields=["until"], condition=models.Q(ended_at=None), name="open_looks"),)
        constraints = (
            models.CheckConstraint(condition=models.Q(ended_at=None) ^ ~models.Q(end=""), name="an_ended_look_says_how"),
        )

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def label(self) -> str:
        """Nothing that would name a person."""
        return ""

    @property
    def scope_path(self) -> str:
        """The organization's own."""
        return self.organization.scope_path
