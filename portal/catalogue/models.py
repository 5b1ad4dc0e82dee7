"""Offerings, their versions, plans and components. A published version never changes: orders and charges point at it."""

from decimal import Decimal
from typing import Any

from django.db import models

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core.errors import Conflict
from portal.core.models import Base
from portal.tenancy.models import AskState
from portal.users.models import User


class OfferingState(models.TextChoices):
    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Offering(Base):
    """Something an organization offers to the projects in it."""

    scope = models.ForeignKey(Scope, models.PROTECT, related_name="offerings")
    capability = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120)
    summary = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    icon = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=10, choices=OfferingState.choices, default=OfferingState.DRAFT)

    objects = AccessManager()
    scope_lookup = "scope"
    scope_reach = "up"
    view_permission = "view_offering"

    class Meta:
        constraints = (models.UniqueConstraint(fields=["scope", "slug"], name="one_offering_per_name"),)

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def is_orderable(self) -> bool:
        return self.state == OfferingState.PUBLISHED


class Published(Base):
    """A part of a published version: added with it, and then neither changed nor removed."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise Conflict("What is published stays as it is; publish a new version.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise Conflict("What is published stays as it is; publish a new version.")


class OfferingVersion(Published):
    """The form of an offering as it was published: its capability's JSON Schema, narrowed."""

    offering = models.ForeignKey(Offering, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    schema: Any = models.JSONField(default=dict)
    published_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["offering", "number"], name="one_offering_version_per_number"),)

    def __str__(self) -> str:
        return f"{self.offering} v{self.number}"


class Plan(Published):
    """A choice within a version: `spec` is the part of the answers it fixes, `quotas` what it takes of each dimension."""

    version = models.ForeignKey(OfferingVersion, models.PROTECT, related_name="plans")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    summary = models.CharField(max_length=200, blank=True)
    spec: Any = models.JSONField(default=dict)
    quotas: Any = models.JSONField(default=dict)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position", "key")
        constraints = (models.UniqueConstraint(fields=["version", "key"], name="one_plan_per_key"),)

    def __str__(self) -> str:
        return self.name


class OnlyWhile(models.TextChoices):
    """When a component is paid: while the resource runs, or as long as it is there."""

    RUNNING = "running"
    EXISTS = "exists"


class Component(Published):
    """What is measured and priced. `quantity` is {"const": 1} or {"field": "disk_gib"}; `dimension` may name a quota."""

    version = models.ForeignKey(OfferingVersion, models.PROTECT, related_name="components")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    meter = models.SlugField(max_length=60)
    unit = models.CharField(max_length=40)
    quantity: Any = models.JSONField(default=dict)
    only_while = models.CharField(max_length=8, choices=OnlyWhile.choices, default=OnlyWhile.EXISTS)
    dimension = models.CharField(max_length=60, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position", "key")
        constraints = (models.UniqueConstraint(fields=["version", "key"], name="one_component_per_key"),)

    def __str__(self) -> str:
        return self.name

    @property
    def field(self) -> str:
        """The field of the spec it counts; empty where it counts a constant."""
        return str(self.quantity.get("field", ""))

    @property
    def constant(self) -> Decimal:
        return Decimal(str(self.quantity.get("const", 1)))


class OfferingAsk(Base):
    """An offering as it is to be published; it is as soon as it is decided on. `draft` is what `drafts.kept` keeps."""

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="offering_asks")
    slug = models.SlugField(max_length=120)
    name = models.CharField(max_length=120)
    draft: Any = models.JSONField()
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="offerings_asked")
    state = models.CharField(max_length=10, choices=AskState.choices, default=AskState.WAITING)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_offerings"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["scope", "slug"], condition=models.Q(state="waiting"), name="one_waiting_ask_per_offering"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)
