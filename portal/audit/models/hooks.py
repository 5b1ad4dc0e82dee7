"""Answers that decision hooks gave: each id counts once."""

from django.db import models

from portal.audit.models.subscriptions import Subscription
from portal.core.models import Base


class HookAnswer(Base):
    """One signed answer that became a vote. The same again, by its `digest`, is given the same `state`; another is refused."""

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="answers", db_index=False)
    message_id = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    approval_id = models.UUIDField()
    choice = models.CharField(max_length=10)
    state = models.CharField(max_length=20)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["subscription", "message_id"], name="one_answer_per_message"),)
        indexes = (models.Index(fields=["created_at"], name="hook_answer_by_age"),)

    def __str__(self) -> str:
        return f"{self.choice} {self.state}"
