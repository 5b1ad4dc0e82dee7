"""Control of the ledger: which files are live, what was metered and rated, budgets, exports, and the daily roll-up."""

from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core import clock
from portal.core.fields import PathField, cost_field, quantity_field
from portal.core.models import Base
from portal.tenancy.models import AskState
from portal.tenancy.spans import added
from portal.users.models import User

LARGEST_BUDGET = Decimal(10) ** 12
LIFELINES = "lifelines"
"""The source of hours: what provisioning knows of the lives of resources."""


class Meter(models.Model):
    """One thing that is measured. `gap_hours`: how long the last known state is carried on when nothing is seen."""

    key = models.SlugField(primary_key=True, max_length=60)
    name = models.CharField(max_length=120)
    unit = models.CharField(max_length=40)
    is_priced = models.BooleanField(default=True)
    gap_hours = models.PositiveSmallIntegerField(default=24)

    def __str__(self) -> str:
        return self.name


class Dataset(models.TextChoices):
    """What lies in the lake: usage and charges by UTC day, the meters they name by UTC month."""

    USAGE = "usage"
    METERS = "meters"
    CHARGES = "charges"


class DatasetVersion(Base):
    """The files of one dataset and period that are live, until the next number. A reader takes one version and keeps it."""

    dataset = models.CharField(max_length=12, choices=Dataset.choices)
    period = models.CharField(max_length=10)
    number = models.PositiveIntegerField()
    files: Any = models.JSONField(default=list)
    published_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["dataset", "period", "number"], name="one_version_per_number"),)

    def __str__(self) -> str:
        return f"{self.dataset} {self.period} #{self.number}"

    @property
    def rows(self) -> int:
        return sum(file["rows"] for file in self.files)


class Watermark(models.Model):
    """Up to when a source's hours are in the ledger, whole. It never goes back."""

    source = models.CharField(primary_key=True, max_length=40)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.source} {self.until}"


class Batch(Base):
    """One collection of a day that changed something: from which source and window, what came, what it replaces."""

    source = models.CharField(max_length=40)
    day = models.DateField()
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    checksum = models.CharField(max_length=64)
    revision = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    quantity = models.DecimalField(max_digits=38, decimal_places=4)
    usage = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="+")
    supersedes = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["source", "day", "revision"], name="one_batch_per_revision"),)
        indexes = (models.Index(fields=["source", "-window_end"], name="batch_by_window_end"),)

    def __str__(self) -> str:
        return f"{self.source} {self.day} #{self.revision}"


class RateRun(Base):
    """One rating of a day: from which usage, prices and rules, to which charges, and what found no price."""

    day = models.DateField()
    usage = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="+")
    charges = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="+")
    inputs = models.CharField(max_length=64)
    lines = models.PositiveIntegerField()
    unrated_lines = models.PositiveIntegerField()
    cost: Any = models.JSONField(default=dict)

    class Meta:
        indexes = (models.Index(fields=["day", "-created_at"], name="rate_run_by_day"),)

    def __str__(self) -> str:
        return f"{self.day}"


class Owned(models.Model):
    """What every row of the roll-up says about whose it is. `day` is a day of the organization's own calendar.

    `ledger_day` is the UTC day of the lake it was rolled up from: rows are replaced by ledger day, never edited.
    """

    ledger_day = models.DateField()
    day = models.DateField()
    project = models.ForeignKey(Scope, models.PROTECT, related_name="+", db_index=False)
    tenant_path = PathField()
    connection_id = models.UUIDField()
    resource_id = models.UUIDField()

    objects = AccessManager()
    scope_lookup = "project"
    view_permission = "view_cost"

    class Meta:
        abstract = True


class DailyCost(Owned):
    """Quantity and exact cost of one component of one resource on one day.

    Not rated: no price was found, the cost is 0. Flagged: a part of the hours is estimated or not known.
    """

    id = models.BigAutoField(primary_key=True)
    offering_id = models.UUIDField()
    component_id = models.UUIDField()
    plan_id = models.UUIDField()
    quantity = quantity_field()
    unit = models.CharField(max_length=40)
    cost = cost_field()
    currency = models.CharField(max_length=3)
    is_rated = models.BooleanField()
    is_flagged = models.BooleanField()

    class Meta:
        indexes = (
            models.Index(fields=["ledger_day"], name="cost_by_ledger_day"),
            models.Index(fields=["day", "project"], name="cost_by_day"),
            models.Index(fields=["resource_id", "day"], name="cost_by_resource"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.cost} {self.currency}"


class DailyPresence(Owned):
    """How many hours a resource was there on a day, and for how many of them somebody saw it."""

    id = models.BigAutoField(primary_key=True)
    hours_alive = quantity_field()
    hours_seen = quantity_field()

    class Meta:
        indexes = (
            models.Index(fields=["ledger_day"], name="presence_by_ledger_day"),
            models.Index(fields=["day", "project"], name="presence_by_day"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.hours_seen}/{self.hours_alive}"


def usual_thresholds() -> list[int]:
    """Percentages of a budget that are worth a word."""
    return [80, 100]


class Budget(Base):
    """What a scope and all below it may cost in a month of the organization's calendar.

    `amount` is what holds for good, `spans` what was added until a moment.
    """

    scope = models.OneToOneField(Scope, models.CASCADE, related_name="budget")
    amount = models.DecimalField(max_digits=19, decimal_places=4)
    spans: Any = models.JSONField(default=list)
    currency = models.CharField(max_length=3)
    thresholds: Any = ArrayField(models.PositiveSmallIntegerField(), default=usual_thresholds)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_cost"

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(amount__gte=Decimal(0)), name="a_budget_is_not_negative"),)

    def __str__(self) -> str:
        return f"{self.scope}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def limit(self) -> Decimal:
        """What holds at this moment, with what was added for a time."""
        amount: Decimal = self.amount
        return amount + added(self.spans, clock.now())


class BudgetAsk(Base):
    """Somebody wants so much more a month at a scope, for good or until a moment."""

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="budget_asks")
    amount = models.DecimalField(max_digits=19, decimal_places=4)
    currency = models.CharField(max_length=3)
    until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField()
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="budget_asks")
    state = models.CharField(max_length=10, choices=AskState.choices, default=AskState.WAITING)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_cost"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["asked_by", "scope"], condition=models.Q(state="waiting"), name="one_waiting_ask_per_budget"
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=Decimal(0)), name="a_budget_ask_asks_for_something"),
        )
        indexes = (models.Index(fields=["scope", "until"], condition=models.Q(state="done"), name="budget_ask_by_scope"),)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} · {self.scope}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)


class BudgetMonth(Base):
    """How a budget stands in one month, as of the last look; `told` are the marks that its people were told of."""

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="months")
    period = models.CharField(max_length=7)
    accrued = cost_field(default=Decimal(0))
    per_hour = cost_field(default=Decimal(0))
    forecast = cost_field(default=Decimal(0))
    as_of = models.DateTimeField(default=clock.now)
    told: Any = ArrayField(models.PositiveSmallIntegerField(), default=list)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["budget", "period"], name="one_standing_per_month"),)

    def __str__(self) -> str:
        return f"{self.budget} {self.period}"

    @property
    def share(self) -> Decimal:
        """The forecast as a part of the amount: 1 is all of it."""
        amount: Decimal = self.budget.limit
        return self.forecast / amount if amount else Decimal(bool(self.forecast))

    @property
    def left(self) -> Decimal:
        """What the month leaves of the budget; below zero when it passes it."""
        left: Decimal = self.budget.limit - self.forecast
        return left

    @property
    def over(self) -> Decimal:
        """By how much it passes it."""
        return max(-self.left, Decimal())


class ExportFormat(models.TextChoices):
    PARQUET = "parquet"
    CSV = "csv"


class ExportState(models.TextChoices):
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


class Export(Base):
    """One file of an organization's charges of one month, and the manifest it ties out to."""

    organization = models.ForeignKey(Scope, models.PROTECT, related_name="exports")
    period = models.CharField(max_length=7)
    format = models.CharField(max_length=8, choices=ExportFormat.choices)
    state = models.CharField(max_length=8, choices=ExportState.choices, default=ExportState.WAITING)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    blob = models.CharField(max_length=64, blank=True)
    manifest: Any = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)

    objects = AccessManager()
    scope_lookup = "organization"
    view_permission = "export_cost"

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return self.file_name

    @property
    def file_name(self) -> str:
        return f"focus-{self.organization.slug}-{self.period}.{self.format}"

    @property
    def scope_path(self) -> str:
        return str(self.organization.path)

    @property
    def is_moving(self) -> bool:
        return self.state == ExportState.WAITING
