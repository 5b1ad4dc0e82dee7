"""Terms of use of an organization, version by version, and who accepted them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core.models import Base
from portal.users.models import User


class Terms(Base):
    """One version of an organization's terms of use. The one without `ended_at` is in force; none is ever changed."""

    scope = models.ForeignKey(Scope, models.PROTECT, related_name="terms")
    version = models.PositiveIntegerField()
    text = models.TextField()
    published_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    objects = AccessManager()
    scope_lookup = "scope"
    scope_reach = "up"
    view_permission = "view_scope"

    class Meta:
        ordering: ClassVar[list[str]] = ["-version"]
        constraints = (
            models.UniqueConstraint(fields=["scope", "version"], name="one_text_per_version_of_terms"),
            models.UniqueConstraint(fields=["scope"], condition=Q(ended_at=None), name="one_version_of_terms_in_force"),
        )

    def __str__(self) -> str:
        return f"{self.scope}, version {self.version}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)


class Acceptance(Base):
    """A person accepted one version of the terms, at `created_at`."""

    terms = models.ForeignKey(Terms, models.PROTECT, related_name="acceptances")
    user = models.ForeignKey(User, models.PROTECT, related_name="accepted_terms")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["terms", "user"], name="terms_are_accepted_once"),)

    def __str__(self) -> str:
        return str(self.terms)
