"""Price books and effective-dated prices. For one component and plan there is at most one price at any moment."""

from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.catalogue.models import Component, Plan
from portal.core.fields import price_field
from portal.core.models import Base

ON_THE_HOUR = "(mod(extract(epoch FROM lower(%(expressions)s))::bigint, 3600) = 0)"


class PriceBook(Base):
    """The prices of one organization, in one currency."""

    scope = models.OneToOneField(Scope, models.PROTECT, related_name="price_book")
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_prices"

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)


class Price(Base):
    """What one unit of a component costs while `valid` ([from, to), full UTC hours); without a plan, for all plans."""

    book = models.ForeignKey(PriceBook, models.PROTECT, related_name="prices")
    component = models.ForeignKey(Component, models.PROTECT, related_name="prices")
    plan = models.ForeignKey(Plan, models.PROTECT, null=True, blank=True, related_name="prices")
    unit_price = price_field()
    valid: Any = DateTimeRangeField()
    version = models.PositiveIntegerField(default=1)

    objects = AccessManager()
    scope_lookup = "book__scope"
    view_permission = "manage_prices"

    class Meta:
        constraints = (
            ExclusionConstraint(
                name="one_price_at_a_time",
                expressions=[
                    (F("book"), RangeOperators.EQUAL),
                    (F("component"), RangeOperators.EQUAL),
                    (Coalesce(F("plan"), F("component")), RangeOperators.EQUAL),
                    (F("valid"), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="a_price_is_not_negative"),
            models.CheckConstraint(condition=Q(valid__isempty=False), name="a_price_holds_for_a_while"),
            models.CheckConstraint(
                condition=models.Func(F("valid"), template=ON_THE_HOUR, output_field=models.BooleanField()),
                name="prices_begin_on_the_hour",
            ),
        )

    def __str__(self) -> str:
        return f"{self.component} {self.unit_price}"

    @property
    def scope_path(self) -> str:
        return str(self.book.scope.path)
