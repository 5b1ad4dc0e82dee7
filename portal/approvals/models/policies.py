"""Policies: the versions of the rules about kinds of acts."""

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core import clock
from portal.core.models import Base
from portal.users.models import User


class PolicyState(models.TextChoices):
    ACTIVE = "active"
    RETIRED = "retired"


class Policy(Base):
    """One version of one rule about one kind of act, at a scope and all below it. Changed by a new version, never in place."""

    scope = models.ForeignKey(Scope, models.PROTECT, related_name="policies")
    name = models.CharField(max_length=120)
    subject_kind = models.CharField(max_length=40)
    version = models.PositiveIntegerField(default=1)
    conditions = models.JSONField(default=list)
    stages = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=PolicyState.choices, default=PolicyState.ACTIVE)
    starts = models.DateTimeField(default=clock.now)
    ends = models.DateTimeField(null=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_scope"

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["scope", "subject_kind", "name", "version"], name="one_policy_per_version"),
            models.UniqueConstraint(
                fields=["scope", "subject_kind", "name"], condition=Q(state="active"), name="one_active_version_per_policy"
            ),
            models.CheckConstraint(
                condition=Q(state="active", ends=None) | Q(state="retired", ends__isnull=False),
                name="a_retired_policy_has_an_end",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name}, version {self.version}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)
