"""Rows of people, projects or roles that came as CSV: what they would do, and what they did."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core.models import Base
from portal.users.models import User


class ImportKind(models.TextChoices):
    PEOPLE = "people", _("People")
    PROJECTS = "projects", _("Projects")
    ROLES = "roles", _("Roles")


class ImportState(models.TextChoices):
    """Looked at, with nothing changed yet; or carried out."""

    LOOKED = "looked"
    DONE = "done"


class Import(Base):
    """A file of rows for a scope and all below it. `plan` is what each row does, as it was shown last, and `digest` its seal.

    `text` is kept until it is carried out; then `correlation_id` finds its events. `people` are those it made: they belong
    here before they have a role.
    """

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="imports")
    kind_of_rows = models.CharField(max_length=10, choices=ImportKind.choices)
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.LOOKED)
    text = models.TextField(blank=True)
    plan = models.JSONField(default=list)
    digest = models.CharField(max_length=64)
    counts = models.JSONField(default=dict)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    correlation_id = models.CharField(max_length=40, blank=True)
    people: Any = models.ManyToManyField(User, related_name="imports", blank=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_members"

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_of_rows_display()} · {self.scope}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def changes(self) -> int:
        """How many rows create or change something."""
        return int(self.counts.get("create", 0)) + int(self.counts.get("change", 0))

    @property
    def can_be_carried_out(self) -> bool:
        """It was not yet, no row is wrong, and it would change something."""
        return self.state == ImportState.LOOKED and not self.counts.get("wrong") and bool(self.changes)
