"""Packs of evidence: what happened to one order or one decision, with the proof of it, as a file."""

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core import clock
from portal.core.models import Base
from portal.users.models import User


class PackFormat(models.TextChoices):
    HTML = "html", "HTML"
    PDF = "pdf", "PDF"


class PackState(models.TextChoices):
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


class Subject(models.TextChoices):
    ORDER = "order"
    APPROVAL = "approval"


NO_PANGO = "no_pango"
"""The error of a pack that no PDF can be drawn of, because a library of the system is missing."""


class EvidencePack(Base):
    """The evidence of one thing, written by a worker once each of its events is sealed; `unsealed` is how many are not yet.

    It holds rows of its scope and of no other, so who may read the events there may read it.
    """

    subject_kind = models.CharField(max_length=10, choices=Subject.choices)
    subject_id = models.UUIDField()
    title = models.CharField(max_length=200)
    scope = models.ForeignKey(Scope, models.PROTECT, related_name="evidence_packs")
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    format = models.CharField(max_length=4, choices=PackFormat.choices)
    state = models.CharField(max_length=8, choices=PackState.choices, default=PackState.WAITING)
    events = models.PositiveIntegerField(default=0)
    unsealed = models.PositiveIntegerField(default=0)
    blob = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    due_at = models.DateTimeField(default=clock.now)
    ready_at = models.DateTimeField(null=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_event"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "format"],
                condition=Q(state="waiting"),
                name="one_waiting_pack_of_each_format",
            ),
        )
        indexes = (
            models.Index(fields=["scope", "-created_at"], name="pack_by_scope"),
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="pack_due"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def is_moving(self) -> bool:
        """Whether a page should look again soon."""
        return self.state == PackState.WAITING

    @property
    def lacks_pango(self) -> bool:
        return self.error == NO_PANGO

    @property
    def file_name(self) -> str:
        """What the file is called at home."""
        return f"evidence-{self.subject_kind}-{str(self.subject_id)[-12:]}.{self.format}"
