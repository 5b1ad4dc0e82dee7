"""One thing that waits for a decision, and its cards as they were decided on."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core import clock
from portal.core.models import Base
from portal.users.models import User


class State(models.TextChoices):
    WAITING = "waiting"
    ALLOWED = "allowed"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    RETURNED = "returned"


OPEN = (State.WAITING, State.RETURNED)


class Risk(models.TextChoices):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Approval(Base):
    """One thing that waits for a decision, or had one. Facts, policies and route are frozen; there is no key to the subject.

    `facts` are those of the card, `context` what policies were asked about beside them. Returned, it waits for who asked;
    each time it is decided anew counts as a `revision`, by the policies of `policies_at`. `apart` are the people behind who asked and for whom it is, as it
    was asked: a service account that is given to another meanwhile frees nobody to decide.
    """

    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=64)
    scope = models.ForeignKey(Scope, models.PROTECT, related_name="approvals")
    title = models.CharField(max_length=200)
    requester = models.ForeignKey(User, models.PROTECT, related_name="approvals_requested")
    beneficiary = models.ForeignKey(User, models.PROTECT, null=True, related_name="approvals_for")
    apart: Any = ArrayField(models.UUIDField(), default=list)
    facts = models.JSONField(default=dict)
    context = models.JSONField(default=dict)
    risk = models.CharField(max_length=10, choices=Risk.choices, default=Risk.LOW)
    card_hash = models.CharField(max_length=64)
    revision = models.PositiveSmallIntegerField(default=1)
    route = models.JSONField(default=list)
    policies = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    rule = models.CharField(max_length=200, blank=True)
    decision_due = models.DateTimeField(null=True)
    execution_due = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    policies_at = models.DateTimeField(default=clock.now)
    key = models.CharField(max_length=120, unique=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_order"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"],
                condition=Q(state__in=["waiting", "returned"]),
                name="one_waiting_approval_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "returned"], settled_at=None)
                | (~Q(state__in=["waiting", "returned"]) & Q(settled_at__isnull=False)),
                name="an_approval_is_settled_when_it_does_not_wait",
            ),
        )
        indexes = (
            models.Index(fields=["scope", "state", "-created_at"], name="approval_by_scope"),
            models.Index(fields=["-created_at", "-id"], name="approval_by_age"),
            models.Index(fields=["subject_kind", "subject_id"], name="approval_by_subject"),
            models.Index(fields=["decision_due"], condition=Q(state__in=["waiting", "returned"]), name="approval_due"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def is_waiting(self) -> bool:
        return self.state == State.WAITING

    @property
    def is_open(self) -> bool:
        """It has no end yet: it waits for a decision, or for who asked."""
        return self.state in OPEN


class FrozenCard(Base):
    """One revision of an approval as it was decided on, kept for good: what a vote's hash stands for.

    `record` is the whole card as text (facts, what was known beside them, policies, stages): a replay writes it anew from
    the other columns and the policies of `policies_at`, byte for byte. Empty for cards older than that.
    """

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="cards", db_index=False)
    revision = models.PositiveSmallIntegerField(default=1)
    card_hash = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)
    context = models.JSONField(default=dict)
    policies_at = models.DateTimeField(default=clock.now)
    record = models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["approval", "revision"], name="one_card_per_revision"),)

    def __str__(self) -> str:
        return self.card_hash[:12]
