"""Files that belong to what is decided: who asks shows why, who decides shows on what."""

from django.db import models
from django.db.models import Q

from portal.approvals.models.approvals import Approval
from portal.core.models import Base
from portal.users.models import User


class File(Base):
    """One file of an approval. Its bytes are kept by their sha256; taken out, the row stays and says by whom."""

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="files", db_index=False)
    name = models.CharField(max_length=200)
    size = models.PositiveIntegerField()
    content_type = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64)
    put_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    removed_at = models.DateTimeField(null=True)
    removed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["approval", "sha256", "name"], condition=Q(removed_at=None), name="one_file_per_name_and_bytes"
            ),
            models.CheckConstraint(
                condition=Q(removed_at=None, removed_by=None) | Q(removed_at__isnull=False, removed_by__isnull=False),
                name="a_file_is_taken_out_by_somebody",
            ),
        )
        indexes = (models.Index(fields=["approval", "created_at"], name="file_by_approval"),)

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return self.approval.scope_path
