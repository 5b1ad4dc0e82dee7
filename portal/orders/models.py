"""Orders and their items. What was quoted and where it goes is frozen when the order is placed."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.catalogue.models import Offering, Plan
from portal.clouds.models import Connection
from portal.core.fields import cost_field
from portal.core.models import Base
from portal.provisioning.models import Resource
from portal.users.models import User

KIND = "order"
"""What an order is called where it waits for a decision."""


class OrderState(models.TextChoices):
    """`waiting` for a decision, `working` in the clouds; the others are ends, but a failed one may be tried again."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


OPEN = (OrderState.WAITING, OrderState.WORKING, OrderState.FAILED)


class Action(models.TextChoices):
    CREATE = "create"
    TERMINATE = "terminate"


class Order(Base):
    """What one person asked for in one project, decided and done as a whole."""

    number = models.BigIntegerField(unique=True, db_default=RawSQL("nextval('orders_number')", []))
    project = models.ForeignKey(Scope, models.PROTECT, related_name="orders")
    requester = models.ForeignKey(User, models.PROTECT, related_name="orders")
    beneficiary = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=10, choices=OrderState.choices, default=OrderState.WAITING)
    note = models.TextField(blank=True)
    cost_per_month: Any = cost_field(default=0)
    currency = models.CharField(max_length=3)
    rule = models.CharField(max_length=200, blank=True)
    key = models.CharField(max_length=120)
    correlation_id = models.CharField(max_length=40, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = AccessManager()
    scope_lookup = "project"
    view_permission = "view_order"

    class Meta:
        constraints = (models.UniqueConstraint(fields=["requester", "key"], name="one_order_per_key"),)
        indexes = (
            models.Index(fields=["project", "-created_at"], name="order_by_project"),
            models.Index(fields=["-created_at", "-id"], name="order_by_age"),
            models.Index(fields=["state", "-created_at"], name="order_by_state"),
        )

    def __str__(self) -> str:
        return f"Order {self.number}"

    @property
    def scope_path(self) -> str:
        return str(self.project.path)

    @property
    def is_moving(self) -> bool:
        """Whether a page should look again soon."""
        return self.state in (OrderState.WAITING, OrderState.WORKING)


class OrderItem(Base):
    """One line: make a resource by a plan, or end one."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField(default=0)
    action = models.CharField(max_length=10, choices=Action.choices, default=Action.CREATE)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+")
    spec = models.JSONField(default=dict)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="+")
    region = models.CharField(max_length=64)
    resource = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="order_items")
    quote = models.JSONField(default=dict)
    cost_per_month: Any = cost_field(default=0)
    is_open = models.BooleanField(default=True)

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(
                fields=["resource"], condition=Q(action="terminate", is_open=True), name="one_open_end_per_resource"
            ),
        )

    def __str__(self) -> str:
        return str(self.spec.get("name", ""))

    @property
    def hold_key(self) -> str:
        """What it holds quota under until its resource does."""
        return f"order-item:{self.pk}"


class Revision(Base):
    """A change of an order that nobody had decided on: what was asked for before and from then on, as the card says it."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="revisions", db_index=False)
    number = models.PositiveSmallIntegerField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    note = models.TextField(blank=True)
    before = models.JSONField()
    after = models.JSONField()

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=["order", "number"], name="one_revision_per_number"),)

    def __str__(self) -> str:
        return f"{self.order} revision {self.number}"


class OrderDraft(Base):
    """An order form that somebody put aside: the answers as they were typed, right or not. Hers alone.

    It is no order: it has no number, holds nothing and is checked by nobody until it is sent as one.
    """

    person = models.ForeignKey(User, models.CASCADE, related_name="order_drafts")
    offering = models.ForeignKey(Offering, models.CASCADE, related_name="+")
    answers = models.JSONField(default=dict)
    saved_at = models.DateTimeField()

    class Meta:
        ordering = ("-saved_at", "-id")

    def __str__(self) -> str:
        return str(self.answers.get("spec-name") or self.offering)
