"""Links by mail that let one person decide one thing once, without signing in."""

from django.db import models

from portal.approvals.models.approvals import Approval
from portal.approvals.models.stages import Stage
from portal.core.models import Base
from portal.users.models import User


class DecisionLink(Base):
    """One link, of one mail: for one person and one stage of one revision, until it is used or too late.

    Only the digest of its secret is kept. It dies with her sessions: `epoch` is her `access_epoch` when it was made.
    """

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="links")
    revision = models.PositiveSmallIntegerField()
    stage = models.ForeignKey(Stage, models.CASCADE, related_name="+", db_index=False)
    person = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    epoch = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, unique=True)
    expires = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.digest[:12]
