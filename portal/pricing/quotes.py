"""What a plan costs, before anybody orders it. The hour quoted is the hour that will be charged, to the last digit."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from portal.access.models import Scope
from portal.catalogue.models import Component, OfferingVersion, OnlyWhile, Plan
from portal.catalogue.schemas import units_of
from portal.core.clock import hour_of
from portal.core.errors import Invalid, Refused
from portal.core.money import HOURS_PER_MONTH, multiply
from portal.core.schema import defaults
from portal.pricing.queries import PriceRow, price_rows


class NoPrice(Refused):
    """Nobody set a price for a part of it, and that is not the same as free. `extra`: components."""

    code = "no-price"


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One component: how many units of it run an hour, and what they cost."""

    component: Component
    quantity: Decimal
    unit: str
    unit_price: Decimal
    per_hour: Decimal
    per_month: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """What a spec costs while it runs, exact. A month is 730 hours."""

    lines: tuple[QuoteLine, ...]
    per_hour: Decimal
    per_month: Decimal
    currency: str


def quote(plan: Plan, spec: Mapping[str, Any], *, project: Scope, at: datetime, stopped: bool = False) -> Quote:
    """What an hour and a month of this cost in a project at a moment; `stopped`: only what is paid when it does not run.

    NoPrice where a component has none, Invalid where the spec does not say how much of it there is.
    """
    components = [part for part in plan.version.components.all() if not stopped or part.only_while == OnlyWhile.EXISTS]
    rows = price_rows(hour_of(at), components=[part.pk for part in components])
    return _quoted(plan, components, spec, _by_component(rows, uuid.UUID(project.organization_id)))


def quotes_from(
    versions: Iterable[OfferingVersion], *, organization_id: uuid.UUID, at: datetime
) -> dict[uuid.UUID, Quote | None]:
    """Plan id -> what it costs at least, with nothing answered; None where a price is missing. Two queries for any number."""
    return quotes_of([plan for version in versions for plan in version.plans.all()], organization_id=organization_id, at=at)


def quotes_of(plans: Sequence[Plan], *, organization_id: uuid.UUID, at: datetime) -> dict[uuid.UUID, Quote | None]:
    """The same for plans whose versions have their components loaded: one query."""
    parts = {plan.pk: list(plan.version.components.all()) for plan in plans}
    rows = price_rows(hour_of(at), components={part.pk for each in parts.values() for part in each})
    prices = _by_component(rows, organization_id)
    return {plan.pk: _quoted_or_none(plan, parts[plan.pk], prices) for plan in plans}


def cost_per_hour(asked: Sequence[tuple[uuid.UUID, Mapping[str, Any], bool]], *, at: datetime) -> list[Decimal]:
    """What an hour of each (plan id, size, stopped) costs in its offering's organization. What has no price or size adds 0."""
    found = Plan.objects.filter(pk__in={plan for plan, _size, _stopped in asked}).select_related("version__offering")
    plans = {plan.pk: plan for plan in found.prefetch_related("version__components")}
    components = {part.pk for plan in plans.values() for part in plan.version.components.all()}
    rows = {(row.component_id, row.plan_id): row for row in price_rows(hour_of(at), components=components)}
    return [_known_cost(plans[plan], size, stopped, rows) if plan in plans else Decimal() for plan, size, stopped in asked]


def _known_cost(plan: Plan, size: Mapping[str, Any], stopped: bool, prices: "Prices") -> Decimal:
    total = Decimal()
    for part in plan.version.components.all():
        price = prices.get((part.pk, plan.pk))
        if price and not (stopped and part.only_while == OnlyWhile.RUNNING):
            with suppress(Invalid):
                total += multiply(units_of(part, size), price.unit_price)
    return total


Prices = Mapping[tuple[uuid.UUID, uuid.UUID], PriceRow]


def _by_component(rows: Iterable[PriceRow], organization_id: uuid.UUID) -> Prices:
    return {(row.component_id, row.plan_id): row for row in rows if row.organization_id == organization_id}


def _quoted(plan: Plan, components: Iterable[Component], spec: Mapping[str, Any], prices: Prices) -> Quote:
    components = list(components)
    missing = [part.name for part in components if (part.pk, plan.pk) not in prices]
    if missing:
        names = ", ".join(missing)
        raise NoPrice(_("No price is set for %(names)s. Ask finance to set one.") % {"names": names}, components=missing)
    lines = tuple(_line(part, units_of(part, spec), prices[part.pk, plan.pk]) for part in components)
    currencies = {prices[part.pk, plan.pk].currency for part in components}
    totals = (sum((line.per_hour for line in lines), Decimal()), sum((line.per_month for line in lines), Decimal()))
    return Quote(lines, *totals, currency=currencies.pop() if currencies else "")


def _line(component: Component, units: Decimal, price: PriceRow) -> QuoteLine:
    per_hour = multiply(units, price.unit_price)
    return QuoteLine(component, units, component.unit, price.unit_price, per_hour, per_hour * HOURS_PER_MONTH)


def _quoted_or_none(plan: Plan, components: list[Component], prices: Prices) -> Quote | None:
    least = {name: part["minimum"] for name, part in plan.version.schema.get("properties", {}).items() if "minimum" in part}
    try:
        return _quoted(plan, components, {**least, **defaults(plan.version.schema), **plan.spec}, prices)
    except (NoPrice, Invalid):
        return None
