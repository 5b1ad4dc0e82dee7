"""Roles that people took at once in an emergency, each reviewed afterwards."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Role, Scope
from portal.core import clock
from portal.core.models import Base
from portal.users.models import User


class Finding(models.TextChoices):
    """What those who reviewed it found; nobody did where their time ran out."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    WRONG = "wrong"
    UNREVIEWED = "unreviewed"


class BreakGlass(Base):
    """A role that somebody took at once, with a reason, until `expires`; `ended_at` where it ended before."""

    scope = models.ForeignKey(Scope, models.PROTECT, related_name="break_glass")
    role = models.ForeignKey(Role, models.PROTECT, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, related_name="break_glass")
    reason = models.TextField()
    expires = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    finding = models.CharField(max_length=10, choices=Finding.choices, default=Finding.WAITING)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_members"

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = (
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__lte=models.F("expires")), name="break_glass_ends_by_its_time"
            ),
        )
        indexes = (models.Index(fields=["user", "expires"], name="break_glass_by_person"),)

    def __str__(self) -> str:
        return f"{self.role} · {self.scope}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def is_running(self) -> bool:
        return self.ended_at is None and self.expires > clock.now()
