"""Somebody who leaves an organization: when, why, who takes over what, and what became of each thing."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.core.models import Base
from portal.users.models import User


class LeavingState(models.TextChoices):
    """`planned` until its day, then `done`; or called off."""

    PLANNED = "planned", _("Planned")
    DONE = "done", _("Done")
    CANCELLED = "cancelled", _("Called off")


class Leaving(Base):
    """One person's leave from one organization.

    `heirs` is what `portal.identity.heirs.Choice` reads; `due_at` the moment from which she has no access any more;
    `error` is why it could not be carried out at its time. `ended` counts what ended with her.
    """

    organization = models.ForeignKey(Scope, models.PROTECT, related_name="leavings")
    person = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=LeavingState.choices, default=LeavingState.PLANNED)
    reason = models.TextField(blank=True)
    heirs = models.JSONField(default=dict)
    due_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    ended = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "person"], condition=Q(state="planned"), name="one_planned_leaving_each"
            ),
        )
        indexes = (
            models.Index(fields=["due_at"], condition=Q(state="planned"), name="leaving_due"),
            models.Index(fields=["organization", "-created_at"], name="leaving_by_age"),
        )

    def __str__(self) -> str:
        return self.organization.name

    @property
    def scope_path(self) -> str:
        return str(self.organization.path)

    @property
    def is_planned(self) -> bool:
        return self.state == LeavingState.PLANNED

    def is_due(self, at: datetime) -> bool:
        return self.is_planned and self.due_at <= at


class HandOver(Base):
    """What became of one thing: `to` answers for it now; nobody does where it is empty, and `why` says why."""

    leaving = models.ForeignKey(Leaving, models.CASCADE, related_name="hand_overs", db_index=False)
    belonging = models.CharField(max_length=40)
    thing_id = models.CharField(max_length=64)
    thing_label = models.CharField(max_length=200)
    place = models.CharField(max_length=120, blank=True)
    to = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    why: Any = models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["leaving", "belonging", "thing_id"], name="one_hand_over_each"),)

    def __str__(self) -> str:
        return self.thing_label
