"""Providers, connections (one cloud account each), their checks, and what can be chosen in each of their regions."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.clouds import base
from portal.clouds.base import CloudError
from portal.core import clock, crypto
from portal.core.models import Base
from portal.users.models import User


class Provider(Base):
    """What an adapter declares of itself, written by `sync_providers`, so that no page needs the adapter."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    capabilities: Any = ArrayField(models.CharField(max_length=40), default=list)
    lacks = models.JSONField(default=dict)
    config = models.JSONField(default=dict)
    credentials = models.JSONField(default=dict)
    permissions = models.JSONField(default=dict)
    checks = models.JSONField(default=list)
    is_offered = models.BooleanField(default=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class ConnectionState(models.TextChoices):
    """`checking` until the first check is over; `waiting` has passed it and waits for a decision; `ready` is in use."""

    CHECKING = "checking"
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    DISABLED = "disabled"


class Health(models.TextChoices):
    UNKNOWN = "unknown"
    WELL = "well"
    FAILING = "failing"


class Trouble(models.Model):
    """The last error of something that talks to a cloud: its kind (which says cause and cure) and the cloud's own words."""

    error_kind = models.CharField(max_length=20, blank=True)
    error_detail = models.TextField(blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def note_error(self, error: CloudError | None, at: datetime) -> bool:
        """Keep or clear the error; True when that changed what is known (well, or failing of this kind)."""
        before = self.error_kind
        self.error_kind = error.kind if error else ""
        self.error_detail = error.message if error else ""
        self.failing_since = (self.failing_since or at) if error else None
        return self.error_kind != before


class Connection(Trouble, Base):
    """A cloud account: where, as whom (sealed), for whom, and how it is. One that was disabled stays for its history."""

    scope = models.ForeignKey(Scope, models.PROTECT, related_name="connections")
    provider = models.ForeignKey(Provider, models.PROTECT, related_name="connections")
    name = models.CharField(max_length=80)
    config = models.JSONField(default=dict)
    sealed = models.BinaryField()
    rung = models.CharField(max_length=10, choices=[(rung, rung) for rung in base.RUNGS], default="publish")
    state = models.CharField(max_length=10, choices=ConnectionState.choices, default=ConnectionState.CHECKING)
    health = models.CharField(max_length=10, choices=Health.choices, default=Health.UNKNOWN)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    key = models.CharField(max_length=120)
    approved_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_connection"

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["scope", "name"], condition=~Q(state="disabled"), name="one_connection_per_name"),
            models.UniqueConstraint(fields=["made_by", "key"], name="one_connection_per_key"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def is_usable(self) -> bool:
        """Whether orders may go there."""
        return self.state == ConnectionState.READY

    @property
    def is_moving(self) -> bool:
        """Whether a page should look again soon."""
        return self.state == ConnectionState.CHECKING

    @property
    def endpoint(self) -> str:
        return str(self.config.get("endpoint") or self.config.get("host") or "")

    @property
    def age(self) -> timedelta | None:
        """How old the last good picture of all its regions is."""
        return None if self.synced_at is None else clock.now() - self.synced_at

    def region_keys(self) -> tuple[str, ...]:
        """Its regions, in the order written; a cloud without regions has one, called home."""
        named = (name.strip() for name in str(self.config.get("regions", "")).split(","))
        return tuple(dict.fromkeys(name for name in named if name)) or ("home",)

    def may(self, rung: base.Rung) -> bool:
        """Whether Concord may do there what the rung says."""
        return base.RUNGS.index(cast("base.Rung", self.rung)) >= base.RUNGS.index(rung)

    def seal_credentials(self, credentials: Mapping[str, Any]) -> None:
        """Keep the credentials, bound to this row."""
        self.sealed = crypto.seal(json.dumps(dict(credentials)).encode(), aad=f"clouds.connection:{self.pk}")

    def open_credentials(self) -> dict[str, Any]:
        """The credentials in clear: for an adapter, never for a page."""
        opened: dict[str, Any] = json.loads(crypto.open_sealed(bytes(self.sealed), aad=f"clouds.connection:{self.pk}"))
        return opened


class ConnectionCheck(Base):
    """One run of a connection's checks. Results come one by one, so a page can follow it."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="checks")
    asked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    planned = models.PositiveSmallIntegerField(default=0)
    results = models.JSONField(default=list)
    passed = models.BooleanField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=["connection"], condition=Q(finished_at=None), name="one_running_check_each"),
            models.CheckConstraint(
                condition=Q(finished_at=None) ^ Q(passed__isnull=False), name="a_finished_check_has_a_result"
            ),
        )

    def __str__(self) -> str:
        return f"{self.connection} · {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_moving(self) -> bool:
        return self.finished_at is None

    @property
    def percent(self) -> int:
        return 100 if self.finished_at else min(99, 100 * len(self.results) // max(1, self.planned))


class Picture(Trouble, Base):
    """How fresh what we know of one region is: the last good sync, and why there was none since."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="pictures")
    region = models.CharField(max_length=64)
    synced_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    limits = models.JSONField(default=list)

    class Meta:
        ordering = ("region",)
        constraints = (models.UniqueConstraint(fields=["connection", "region"], name="one_picture_per_region"),)

    def __str__(self) -> str:
        return f"{self.connection} · {self.region}"


class Choice(Base):
    """Something a form may offer: a region, size, image, network or key. Never deleted; what two whole listings lack is missing."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="choices")
    region = models.CharField(max_length=64, blank=True)
    choice_kind = models.CharField(max_length=10, db_column="kind")
    key = models.CharField(max_length=256)
    name = models.CharField(max_length=256)
    attributes = models.JSONField(default=dict)
    seen_at = models.DateTimeField(default=clock.now)
    lacked = models.PositiveSmallIntegerField(default=0)
    missing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["connection", "region", "choice_kind", "key"], name="one_choice_each"),
            models.CheckConstraint(
                condition=Q(missing_since=None) | Q(missing_since__gte=F("seen_at")), name="missing_after_seen"
            ),
        )

    def __str__(self) -> str:
        return self.name
