"""Policies, and for each thing waiting for a decision its approval, stages and votes."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
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


class State(models.TextChoices):
    WAITING = "waiting"
    ALLOWED = "allowed"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Approval(Base):
    """One thing that waits for a decision, or had one. Facts, policies and route are frozen; there is no key to the subject.

    `apart` are the people behind who asked and for whom it is, as it was asked: a service account that is given to another
    meanwhile frees nobody to decide.
    """

    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=64)
    scope = models.ForeignKey(Scope, models.PROTECT, related_name="approvals")
    title = models.CharField(max_length=200)
    requester = models.ForeignKey(User, models.PROTECT, related_name="approvals_requested")
    beneficiary = models.ForeignKey(User, models.PROTECT, null=True, related_name="approvals_for")
    apart: Any = ArrayField(models.UUIDField(), default=list)
    facts = models.JSONField(default=dict)
    card_hash = models.CharField(max_length=64)
    route = models.JSONField(default=list)
    policies = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    rule = models.CharField(max_length=200, blank=True)
    decision_due = models.DateTimeField(null=True)
    execution_due = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    key = models.CharField(max_length=120, unique=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_order"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"], condition=Q(state="waiting"), name="one_waiting_approval_per_subject"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", settled_at=None) | (~Q(state="waiting") & Q(settled_at__isnull=False)),
                name="an_approval_is_settled_when_it_does_not_wait",
            ),
        )
        indexes = (
            models.Index(fields=["scope", "state", "-created_at"], name="approval_by_scope"),
            models.Index(fields=["-created_at", "-id"], name="approval_by_age"),
            models.Index(fields=["subject_kind", "subject_id"], name="approval_by_subject"),
            models.Index(fields=["decision_due"], condition=Q(state="waiting"), name="approval_due"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def is_waiting(self) -> bool:
        return self.state == State.WAITING


class FrozenCard(Base):
    """The facts of one card as it was decided on: what a vote's hash stands for, kept for good."""

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="cards", db_index=False)
    card_hash = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["approval", "card_hash"], name="one_card_per_hash"),)

    def __str__(self) -> str:
        return self.card_hash[:12]


class StageState(models.TextChoices):
    LATER = "later"
    OPEN = "open"
    DONE = "done"
    CLOSED = "closed"


class Stage(Base):
    """One step of one approval. Stages of one position run side by side; a closed one was ended or replaced undecided.

    `who` says who decides, `place` is the scope it speaks of; `raised_from` is who should have, where nobody there could.
    """

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="stages")
    position = models.PositiveSmallIntegerField()
    who = models.JSONField()
    place = models.ForeignKey(Scope, models.PROTECT, null=True, related_name="+")
    mode = models.CharField(max_length=10)
    needed = models.PositiveSmallIntegerField(default=1)
    again = models.BooleanField(default=False)
    due_hours = models.PositiveIntegerField()
    due = models.DateTimeField(null=True)
    on_timeout = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=StageState.choices, default=StageState.LATER)
    raised_from = models.JSONField(null=True)

    class Meta:
        ordering = ("position", "created_at", "id")
        indexes = (models.Index(fields=["due"], condition=Q(state="open"), name="stage_due"),)

    def __str__(self) -> str:
        return f"{self.position} {self.mode} {self.state}"


class Choice(models.TextChoices):
    APPROVE = "approve"
    DENY = "deny"


class Vote(Base):
    """What one person said about the card she saw. A void vote is kept and counts for nothing."""

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="votes", db_index=False)
    stage = models.ForeignKey(Stage, models.CASCADE, related_name="votes")
    person = models.ForeignKey(User, models.PROTECT, related_name="+")
    cast_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    choice = models.CharField(max_length=10, choices=Choice.choices)
    note = models.TextField(blank=True)
    card_hash = models.CharField(max_length=64)
    void = models.BooleanField(default=False)

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["stage", "person"], condition=Q(void=False), name="one_live_vote_per_stage_and_person"
            ),
        )
        indexes = (models.Index(fields=["approval", "created_at"], name="vote_by_approval"),)

    def __str__(self) -> str:
        return str(self.choice)
