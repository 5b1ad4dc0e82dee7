"""Quotas, what is held against them, and what people ask for beyond them."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core.models import Base
from portal.tenancy.models.asks import AskState
from portal.tenancy.spans import added
from portal.users.models import User


class Quota(Base):
    """At most so much of one dimension ("vcpu", "memory_gib") at a scope and all below it.

    `limit` is what holds for good, `spans` what was raised, borrowed or lent until a moment.
    """

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="quotas")
    dimension = models.CharField(max_length=40)
    limit = models.PositiveBigIntegerField()
    spans: Any = models.JSONField(default=list)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_scope"

    class Meta:
        constraints = (models.UniqueConstraint(fields=["scope", "dimension"], name="one_quota_per_dimension"),)

    def __str__(self) -> str:
        return f"{self.dimension} {self.limit}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    def limit_at(self, at: datetime) -> int:
        """The limit that holds at a moment, with what was added and lent for a time."""
        return max(self.limit + int(added(self.spans, at)), 0)


class Hold(Base):
    """So much of one dimension taken by one thing in a project: from the order that asked until the cloud let go.

    `key` names the thing ("order-item:<id>", "resource:<id>"); it holds each dimension once.
    """

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="holds")
    dimension = models.CharField(max_length=40)
    amount = models.PositiveBigIntegerField()
    key = models.CharField(max_length=80)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["key", "dimension"], name="one_hold_per_key_and_dimension"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_hold_takes_something"),
        )
        indexes = (models.Index(fields=["dimension", "scope"], name="hold_by_dimension"),)

    def __str__(self) -> str:
        return f"{self.key} {self.dimension} {self.amount}"


class QuotaAsk(Base):
    """Somebody wants so much more of a dimension at a scope, for good or until a moment.

    With a `lender` it is lent by another tenant until then, and the lender has so much less.
    """

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="quota_asks")
    dimension = models.CharField(max_length=40)
    amount = models.PositiveBigIntegerField()
    until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField()
    lender = models.ForeignKey(Scope, models.CASCADE, null=True, related_name="quota_loans")
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="quota_asks")
    state = models.CharField(max_length=10, choices=AskState.choices, default=AskState.WAITING)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_scope"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["asked_by", "scope", "dimension", "lender"],
                condition=Q(state="waiting"),
                name="one_waiting_ask_per_quota",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_quota_ask_asks_for_something"),
            models.CheckConstraint(condition=Q(lender=None) | Q(until__isnull=False), name="a_loan_has_an_end"),
        )
        indexes = (
            models.Index(fields=["scope", "until"], condition=Q(state="done"), name="quota_ask_by_scope"),
            models.Index(fields=["lender", "until"], condition=Q(state="done"), name="quota_ask_by_lender"),
        )

    def __str__(self) -> str:
        return f"{self.amount} {self.dimension} · {self.scope}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)
