"""What was answered to a request that carried an Idempotency-Key."""

from typing import ClassVar

from django.db import models

from portal.core.models import Base
from portal.users.models import User


class Reply(Base):
    """One answer, kept for a day. `fingerprint` stands for the request; the body has no secret in it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=120)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    location = models.CharField(max_length=200, blank=True)
    body = models.TextField()

    kept: ClassVar[models.Manager["Reply"]] = models.Manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "key"], name="one_reply_per_key"),)
        indexes = (models.Index(fields=["created_at"], name="reply_by_age"),)

    def __str__(self) -> str:
        return f"{self.status} {self.key}"
