"""Resources with what is wanted and what was seen, their lifelines, and the journal of what was asked of clouds."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import F, Q

from portal.access.managers import AccessManager
from portal.access.models import Scope, Share
from portal.access.permissions import PERMISSIONS
from portal.catalogue.models import OfferingVersion, Plan
from portal.clouds.models import Connection
from portal.core import clock
from portal.core.journal import OPEN_STATES, StepBase
from portal.core.models import Base
from portal.tenancy.models import AskState
from portal.users.models import User

ENDS_SOON = timedelta(days=7)


class Desired(models.TextChoices):
    """What somebody wants of it."""

    RUNNING = "running"
    STOPPED = "stopped"
    GONE = "gone"


class ResourceState(models.TextChoices):
    """What was seen last: the states of clouds.base, `planned` before the first call, `missing` after two whole listings."""

    PLANNED = "planned"
    CREATING = "creating"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STARTING = "starting"
    REMOVING = "removing"
    GONE = "gone"
    FAILED = "failed"
    UNKNOWN = "unknown"
    MISSING = "missing"


MOVING = (
    ResourceState.PLANNED,
    ResourceState.CREATING,
    ResourceState.STOPPING,
    ResourceState.STARTING,
    ResourceState.REMOVING,
)


class Resource(Base):
    """Something in a cloud. Ours has a project, a plan and a spec; what was merely found has none of them (unmanaged)."""

    project = models.ForeignKey(Scope, models.PROTECT, null=True, blank=True, related_name="resources")
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="resources")
    region = models.CharField(max_length=64)
    capability = models.CharField(max_length=20)
    version = models.ForeignKey(OfferingVersion, models.PROTECT, null=True, blank=True, related_name="resources")
    plan = models.ForeignKey(Plan, models.PROTECT, null=True, blank=True, related_name="resources")
    name = models.CharField(max_length=200)
    spec = models.JSONField(default=dict)
    desired = models.CharField(max_length=10, choices=Desired.choices, default=Desired.RUNNING)
    state = models.CharField(max_length=10, choices=ResourceState.choices, default=ResourceState.PLANNED)
    observed = models.JSONField(default=dict)
    external_id = models.CharField(max_length=200, blank=True)
    generation = models.CharField(max_length=80, blank=True)
    requester = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    cause = models.CharField(max_length=80, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    told_end = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    lacked = models.PositiveSmallIntegerField(default=0)
    error_kind = models.CharField(max_length=20, blank=True)
    error = models.TextField(blank=True)

    objects = AccessManager()
    scope_lookup = "project"
    view_permission = "view_resource"
    takes_shares = True

    class Meta:
        default_permissions = ()
        permissions: ClassVar[Any] = [
            (name, PERMISSIONS[name]) for name in ("view_resource", "operate_resource", "view_secret")
        ]
        constraints = (
            models.UniqueConstraint(
                fields=["connection", "region", "capability", "external_id", "generation"],
                condition=~Q(external_id=""),
                name="one_resource_per_thing_in_the_cloud",
            ),
            models.CheckConstraint(condition=Q(project=None) | Q(plan__isnull=False), name="what_is_ours_has_a_plan"),
        )
        indexes = (
            models.Index(fields=["project", "-created_at"], name="resource_by_project"),
            models.Index(fields=["-created_at", "-id"], condition=Q(project__isnull=False), name="resource_by_age"),
            models.Index(fields=["connection", "region", "capability"], name="resource_by_place"),
            models.Index(fields=["cause"], name="resource_by_cause"),
            models.Index(fields=["ends_at"], condition=Q(ends_at__isnull=False), name="resource_by_end"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str | None:
        return str(self.project.path) if self.project else str(self.connection.scope.path)

    @property
    def hold_key(self) -> str:
        """What it holds quota under."""
        return f"resource:{self.pk}"

    @property
    def is_managed(self) -> bool:
        return self.project_id is not None

    @property
    def is_moving(self) -> bool:
        """Whether a page should look again soon."""
        turns = self.state in (ResourceState.RUNNING, ResourceState.STOPPED) and not self.is_as_desired
        return not self.error and (self.state in MOVING or turns)

    @property
    def is_as_desired(self) -> bool:
        return self.state == self.desired

    @property
    def ends_soon(self) -> bool:
        return self.ends_at is not None and self.ends_at <= clock.now() + ENDS_SOON

    @property
    def address(self) -> str:
        """Where it answers, as the cloud showed it; empty while it does not."""
        addresses = self.observed.get("addresses") or [""]
        return str(addresses[0])

    @property
    def is_there(self) -> bool:
        """Whether the cloud has, or may have, something of it."""
        return self.state not in (ResourceState.PLANNED, ResourceState.GONE)


class ResourceShare(Share):
    """One permission on one resource for one person, until a date."""

    content_object = models.ForeignKey(Resource, models.CASCADE, related_name="shares")
    offered = ("view_resource", "operate_resource", "view_secret")

    class Meta(Share.Meta):
        abstract = False


class Lifeline(Base):
    """A stretch of a resource's life in one state with one plan and size: half-open, never overlapping."""

    resource = models.ForeignKey(Resource, models.PROTECT, related_name="lifelines")
    project = models.ForeignKey(Scope, models.PROTECT, related_name="+")
    version = models.ForeignKey(OfferingVersion, models.PROTECT, related_name="+")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+")
    generation = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=10)
    size = models.JSONField(default=dict)
    period: Any = DateTimeRangeField()

    class Meta:
        constraints = (
            ExclusionConstraint(
                name="one_lifeline_at_a_time",
                expressions=[(F("resource"), RangeOperators.EQUAL), (F("period"), RangeOperators.OVERLAPS)],
            ),
            models.CheckConstraint(condition=Q(period__isempty=False), name="a_lifeline_lasts"),
        )
        indexes = (GistIndex(fields=["period"], name="lifeline_by_time"),)

    def __str__(self) -> str:
        return f"{self.resource} {self.state}"


class Step(StepBase):
    """One call asked of a cloud about one resource. One is open at a time; `tries` tells a worker whether it is still its."""

    resource = models.ForeignKey(Resource, models.PROTECT, related_name="steps")
    asked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["resource"], condition=Q(state__in=OPEN_STATES), name="one_open_step_per_resource"
            ),
        )
        indexes = (models.Index(fields=["due_at"], condition=Q(state__in=OPEN_STATES), name="step_by_due"),)
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"

    @property
    def seconds(self) -> float | None:
        """How long it took, once it is over."""
        return (self.settled_at - self.created_at).total_seconds() if self.settled_at else None


class OperationAsk(Base):
    """A resource is to be started, stopped or restarted; it is as soon as it is decided on."""

    resource = models.ForeignKey(Resource, models.CASCADE, related_name="operation_asks")
    verb = models.CharField(max_length=10)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="operations_asked")
    state = models.CharField(max_length=10, choices=AskState.choices, default=AskState.WAITING)

    objects = AccessManager()
    scope_lookup = "resource__project"
    view_permission = "view_resource"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["resource", "verb"], condition=Q(state="waiting"), name="one_waiting_ask_per_operation"
            ),
        )

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"

    @property
    def scope_path(self) -> str | None:
        return self.resource.scope_path


class Sync(Base):
    """How the last listing of one kind of thing in one region went; the last good one is what pages show."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="syncs")
    region = models.CharField(max_length=64)
    capability = models.CharField(max_length=20)
    tried_at = models.DateTimeField(default=clock.now)
    good_at = models.DateTimeField(null=True, blank=True)
    seen = models.PositiveIntegerField(default=0)
    error_kind = models.CharField(max_length=20, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["connection", "region", "capability"], name="one_sync_per_place_and_capability"),
        )

    def __str__(self) -> str:
        return f"{self.connection} {self.region} {self.capability}"
