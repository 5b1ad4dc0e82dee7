"""Reads of cost, budgets and exports for pages and the API: from PostgreSQL alone, limited to what the actor may see."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Min, QuerySet, Sum

from portal.access.models import Scope
from portal.catalogue.models import Component, Offering, Plan
from portal.core import clock
from portal.core.errors import NotFound
from portal.core.money import EXACT
from portal.metering import budgets
from portal.metering.budgets import BudgetState, Outlook
from portal.metering.calendars import days_of, period_at
from portal.metering.lifelines import connections_named
from portal.metering.models import LIFELINES, Budget, DailyCost, DailyPresence, Export, Watermark
from portal.users.actor import Actor


@dataclass(frozen=True, slots=True)
class CostRow:
    """What one tenant spent on one service in one cloud in a month, exactly."""

    tenant_id: uuid.UUID
    tenant: str
    offering_id: uuid.UUID
    service: str
    connection_id: uuid.UUID
    cloud: str
    currency: str
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Completeness:
    """How many hours resources were there, and for how many of them somebody saw it."""

    hours_alive: Decimal
    hours_seen: Decimal

    @property
    def percent(self) -> Decimal | None:
        """Of a hundred, to one decimal, rounded down so that only all is 100; None where nothing lived."""
        if not self.hours_alive:
            return None
        return EXACT.divide_int(self.hours_seen * 1000, self.hours_alive) / 10


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Use that found no price. It is not free: it is charged once finance sets the price."""

    offering: str
    plan: str
    component: str
    component_id: uuid.UUID
    quantity: Decimal
    unit: str
    since: date


@dataclass(frozen=True, slots=True)
class DayCost:
    """The cost of one day of the organization's calendar."""

    day: date
    currency: str
    cost: Decimal


def costs_visible_to(actor: Actor, period: str) -> QuerySet[DailyCost]:
    """The roll-up of a month ("2026-06"), as far as she may see cost."""
    rows: QuerySet[DailyCost] = DailyCost.objects.visible_to(actor).filter(day__range=days_of(period))
    return rows


def cost_by_tenant(actor: Actor, period: str) -> list[CostRow]:
    """A month by tenant, service and cloud, the dearest first."""
    keys = ("tenant_path", "offering_id", "connection_id", "currency")
    rows = list(costs_visible_to(actor, period).values_list(*keys).annotate(total=Sum("cost")))
    tenants = _names(Scope, {_last(path) for path, *_ in rows})
    services = _names(Offering, {row[1] for row in rows})
    clouds = {uuid.UUID(pk): name for pk, name, _provider in connections_named({row[2] for row in rows})}
    found = [
        CostRow(_last(path), tenants[_last(path)], offering, services[offering], cloud, clouds[cloud], currency, cost)
        for path, offering, cloud, currency, cost in rows
    ]
    return sorted(found, key=lambda row: (-row.cost, row.tenant, row.service, row.cloud))


def totals(rows: Iterable[CostRow]) -> dict[str, Decimal]:
    """The sum of rows for each currency, exactly: what the month's export adds up to."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, Decimal()) + row.cost
    return sums


def cost_by_day(actor: Actor, period: str, *, project: Scope | None = None) -> list[DayCost]:
    """A month day by day, of everything she may see or of one project."""
    rows = costs_visible_to(actor, period)
    rows = rows.filter(project=project) if project else rows
    days = rows.values_list("day", "currency").annotate(total=Sum("cost")).order_by("day", "currency")
    return [DayCost(*row) for row in days]


def completeness(actor: Actor, period: str) -> Completeness:
    """Hours seen of hours alive in a month, of everything she may see."""
    rows = DailyPresence.objects.visible_to(actor).filter(day__range=days_of(period))
    sums = rows.aggregate(alive=Sum("hours_alive"), seen=Sum("hours_seen"))
    return Completeness(sums["alive"] or Decimal(), sums["seen"] or Decimal())


def unpriced(actor: Actor, period: str) -> list[Unpriced]:
    """What was used in a month and has no price, by component and plan."""
    keys = ("offering_id", "plan_id", "component_id", "unit")
    rows = costs_visible_to(actor, period).filter(is_rated=False).values_list(*keys)
    sums = list(rows.annotate(total=Sum("quantity"), since=Min("day")))
    offerings, plans = _names(Offering, {row[0] for row in sums}), _names(Plan, {row[1] for row in sums})
    parts = _names(Component, {row[2] for row in sums})
    return [
        Unpriced(offerings[offering], plans[plan], parts[part], part, quantity, unit, since)
        for offering, plan, part, unit, quantity, since in sums
    ]


def costs_of_projects(actor: Actor, period: str, projects: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Decimal]]:
    """Project id -> currency -> cost of the month so far; only of projects whose cost she may see."""
    rows = costs_visible_to(actor, period).filter(project_id__in=list(projects))
    return _by_thing(rows.values_list("project_id", "currency").annotate(total=Sum("cost")))


def costs_of_resources(actor: Actor, period: str, resources: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Decimal]]:
    """Resource id -> currency -> cost of the month so far."""
    rows = costs_visible_to(actor, period).filter(resource_id__in=list(resources))
    return _by_thing(rows.values_list("resource_id", "currency").annotate(total=Sum("cost")))


def outlook_of(scope: Scope) -> Outlook:
    """The month of a scope she was shown already: cost so far, what runs, and a forecast at today's rate."""
    root = Scope.objects.get(pk=uuid.UUID(scope.organization_id))
    return budgets.outlook(scope, root.zone, root.currency, at=clock.now())


def budget_state(project: Scope, *, extra_per_month: Decimal = Decimal()) -> BudgetState:
    """Where the tightest budget above a project stands, without locking it: for forms and cards."""
    root = Scope.objects.get(pk=uuid.UUID(project.organization_id))
    return budgets.state_of(budgets_above(project), root, extra_per_month, at=clock.now())


def budgets_above(project: Scope) -> QuerySet[Budget]:
    """The budgets that cover a project, from the root down."""
    found = Budget.objects.filter(scope__path__above=project.path).select_related("scope")
    return found.order_by("scope__path")


def budgets_visible_to(actor: Actor) -> QuerySet[Budget]:
    """Budgets of the scopes whose cost she may see."""
    found: QuerySet[Budget] = Budget.objects.visible_to(actor).select_related("scope").order_by("scope__path")
    return found


def exports_visible_to(actor: Actor) -> QuerySet[Export]:
    """Exports of the organizations whose cost she may export, newest first."""
    found: QuerySet[Export] = Export.objects.visible_to(actor).select_related("organization", "asked_by")
    return found


def export_visible_to(actor: Actor, pk: uuid.UUID | str) -> Export:
    """One export, or NotFound."""
    found = exports_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def metered_until() -> datetime | None:
    """Up to when the ledger is whole; None before the first run."""
    return Watermark.objects.filter(source=LIFELINES).values_list("until", flat=True).first()


def current_period(organization: Scope) -> str:
    """The month it is in an organization's calendar."""
    return period_at(clock.now(), organization.zone)


def _last(path: str) -> uuid.UUID:
    return uuid.UUID(path.rpartition(".")[2])


def _names(model: Any, ids: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    return dict(model.objects.filter(pk__in=ids).values_list("pk", "name"))


def _by_thing(rows: Iterable[tuple[uuid.UUID, str, Decimal]]) -> dict[uuid.UUID, dict[str, Decimal]]:
    found: dict[uuid.UUID, dict[str, Decimal]] = {}
    for thing, currency, cost in rows:
        found.setdefault(thing, {})[currency] = cost
    return found
