"""Quotas, and what is held against them."""

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core.models import Base


class Quota(Base):
    """At most so much of one dimension ("vcpu", "memory_gib") at a scope and all below it."""

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="quotas")
    dimension = models.CharField(max_length=40)
    limit = models.PositiveBigIntegerField()

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
