"""Delegation windows: for a time, somebody decides in another's place."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from portal.access.models import Scope
from portal.core.models import Base
from portal.users.models import User


class Delegation(Base):
    """From `starts` until `ends`, `delegate` may use the seats that `delegator` has of her own in one organization.

    Of some kinds of acts, or of all where `kinds` is empty; with `most_per_month` only of what costs that much a month or
    less, in the organization's currency. Ended early, it says when and by whom.
    """

    organization = models.ForeignKey(Scope, models.PROTECT, related_name="+")
    delegator = models.ForeignKey(User, models.PROTECT, related_name="+")
    delegate = models.ForeignKey(User, models.PROTECT, related_name="+")
    kinds: Any = ArrayField(models.CharField(max_length=40), default=list)
    most_per_month = models.DecimalField(max_digits=19, decimal_places=4, null=True)
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    reason = models.CharField(max_length=500)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~Q(delegator=F("delegate")), name="nobody_delegates_to_herself"),
            models.CheckConstraint(condition=Q(starts__lt=F("ends")), name="a_delegation_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_by=None) | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="a_delegation_is_ended_by_somebody",
            ),
        )

    def __str__(self) -> str:
        return f"{self.starts:%Y-%m-%d}–{self.ends:%Y-%m-%d}"

    @property
    def label(self) -> str:
        """Events keep ids of people, never names."""
        return str(self)

    @property
    def scope_path(self) -> str:
        return str(self.organization.path)
