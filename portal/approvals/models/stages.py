"""The stages of an approval, and the votes given in them."""

from django.db import models
from django.db.models import Q

from portal.access.models import Scope
from portal.approvals.models.approvals import Approval
from portal.core.models import Base
from portal.users.models import User


class StageState(models.TextChoices):
    LATER = "later"
    OPEN = "open"
    DONE = "done"
    CLOSED = "closed"


class Stage(Base):
    """One step of one approval. Stages of one position run side by side; a closed one was ended or replaced undecided.

    `who` says who decides, `place` is the scope it speaks of; `raised_from` is who should have, where nobody there could.
    One that is done `by_time` was agreed to by nobody: its time ran out, and the policy lets that be consent.
    While a question waits for its answer the clock stands, and `left` is the time there was.
    `justification` asks every vote for its reason, `evidence` for a file before anybody approves.
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
    justification = models.BooleanField(default=False)
    evidence = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=StageState.choices, default=StageState.LATER)
    opened_at = models.DateTimeField(null=True)
    remind_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    by_time = models.BooleanField(default=False)
    raised_from = models.JSONField(null=True)
    left = models.DurationField(null=True)

    class Meta:
        ordering = ("position", "created_at", "id")
        indexes = (
            models.Index(fields=["due"], condition=Q(state="open"), name="stage_due"),
            models.Index(fields=["remind_at"], condition=Q(state="open"), name="stage_reminder"),
        )

    def __str__(self) -> str:
        return f"{self.position} {self.mode} {self.state}"


class Choice(models.TextChoices):
    APPROVE = "approve"
    DENY = "deny"
    RETURN = "return"


class Vote(Base):
    """What one person said about the card she saw. A void vote is kept and counts for nothing.

    `seat` is whose right to decide she used: her own, or that of who delegated it to her.
    """

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="votes", db_index=False)
    stage = models.ForeignKey(Stage, models.CASCADE, related_name="votes")
    person = models.ForeignKey(User, models.PROTECT, related_name="+")
    seat = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
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
            models.UniqueConstraint(
                fields=["stage", "seat"], condition=Q(void=False), name="one_live_vote_per_stage_and_seat"
            ),
        )
        indexes = (models.Index(fields=["approval", "created_at"], name="vote_by_approval"),)

    def __str__(self) -> str:
        return str(self.choice)
