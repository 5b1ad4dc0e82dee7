"""What is said about an approval, and what is asked before it can be decided."""

from django.db import models
from django.db.models import Q

from portal.approvals.models.approvals import Approval
from portal.approvals.models.stages import Stage
from portal.core.models import Base
from portal.users.models import User


class Comment(Base):
    """Something said to everybody who sees the approval. It is not taken back."""

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="comments", db_index=False)
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    text = models.TextField()

    class Meta:
        indexes = (models.Index(fields=["approval", "created_at"], name="comment_by_approval"),)

    def __str__(self) -> str:
        return self.text[:40]

    @property
    def label(self) -> str:
        """What is said may name people; events keep none."""
        return ""

    @property
    def scope_path(self) -> str:
        return self.approval.scope_path


class Question(Base):
    """Something that who decides in a stage must know first. While it waits for its answer the stage's clock stands."""

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="questions", db_index=False)
    stage = models.ForeignKey(Stage, models.CASCADE, related_name="questions")
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_of = models.ForeignKey(User, models.PROTECT, related_name="+")
    text = models.TextField()
    answer = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(answer="", answered_by=None)
                | Q(answered_by__isnull=False, ended_at__isnull=False) & ~Q(answer=""),
                name="an_answer_is_somebodys",
            ),
        )
        indexes = (models.Index(fields=["approval", "created_at"], name="question_by_approval"),)

    def __str__(self) -> str:
        return self.text[:40]

    @property
    def label(self) -> str:
        """What is asked may name people; events keep none."""
        return ""

    @property
    def scope_path(self) -> str:
        return self.approval.scope_path

    @property
    def is_open(self) -> bool:
        """It waits for its answer: neither answered nor taken back, and its stage still decides."""
        return self.ended_at is None and self.stage.state == "open" and self.approval.is_waiting
