"""Reads of cost, budgets and exports for pages and the API: from PostgreSQL alone, limited to what the actor may see."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, F, OuterRef, QuerySet, Subquery, Sum, UUIDField, Value, When

from portal.access.models import Scope
from portal.access.resolver import paths_of
from portal.catalogue.models import Component, Offering, Plan
from portal.clouds.models import Connection
from portal.core import clock
from portal.core.errors import NotFound
from portal.core.money import EXACT
from portal.metering import budgets
from portal.metering.budgets import BudgetState, OpenBelow, Outlook
from portal.metering.calendars import days_of, period_at
from portal.metering.models import LIFELINES, Budget, BudgetMonth, DailyCost, DailyPresence, Export, Watermark
from portal.users.actor import Actor

KEYS = ("day", "tenant_path", "offering_id", "connection_id", "currency", "is_rated")


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
    def hours_missing(self) -> Decimal:
        """Hours that nobody saw."""
        return self.hours_alive - self.hours_seen

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


@dataclass(frozen=True, slots=True)
class MonthLine:
    """One day of one service of one tenant in one cloud; without a price also the component and plan that lack it."""

    day: date
    tenant_path: str
    tenant: str
    offering_id: uuid.UUID
    service: str
    connection_id: uuid.UUID
    cloud: str
    currency: str
    is_rated: bool
    unpriced_id: uuid.UUID | None
    component: str
    plan: str
    unit: str
    cost: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Organization:
    """The root of a tree: whose calendar and currency hold below it, and up to when its hours are in the ledger."""

    pk: uuid.UUID
    name: str
    path: str
    zone: str
    currency: str
    metered_until: datetime | None

    @property
    def period(self) -> str:
        """The month it is there."""
        return period_at(clock.now(), self.zone)


@dataclass(frozen=True, slots=True)
class PathCost:
    """What one project spent in a month, exactly."""

    path: str
    currency: str
    cost: Decimal


def costs_visible_to(actor: Actor, period: str, *, below: str = "") -> QuerySet[DailyCost]:
    """The roll-up of a month ("2026-06"), as far as she may see cost; `below`: at or below the scope of this path."""
    rows: QuerySet[DailyCost] = DailyCost.objects.visible_to(actor).filter(day__range=days_of(period))
    return rows.filter(project__path__within=below) if below else rows


def month_lines(actor: Actor, period: str, *, below: str = "") -> list[MonthLine]:
    """All that the page of a month says, in one query: what is priced by day, tenant, service and cloud, and what is not."""
    rows = costs_visible_to(actor, period, below=below).annotate(
        lacking=Case(When(is_rated=False, then=F("component_id")), output_field=UUIDField(null=True)),
        lacking_plan=Case(When(is_rated=False, then=F("plan_id")), output_field=UUIDField(null=True)),
        lacking_unit=Case(When(is_rated=False, then=F("unit")), default=Value("")),
    )
    sums = rows.values(*KEYS, "lacking", "lacking_plan", "lacking_unit").annotate(
        cost_sum=Sum("cost"), quantity_sum=Sum("quantity")
    )
    named = sums.annotate(
        tenant=_name_of(Scope, "tenant_path", "path"),
        service=_name_of(Offering, "offering_id"),
        cloud=_name_of(Connection, "connection_id"),
        component=_name_of(Component, "lacking"),
        plan=_name_of(Plan, "lacking_plan"),
    )
    return [_month_line(row) for row in named.order_by("day", "tenant_path", "offering_id", "connection_id")]


def cost_by_tenant(actor: Actor, period: str, *, below: str = "") -> list[CostRow]:
    """A month by tenant, service and cloud, the dearest first."""
    return by_tenant(month_lines(actor, period, below=below))


def by_tenant(lines: Iterable[MonthLine]) -> list[CostRow]:
    """Lines of a month added up by tenant, service and cloud, the dearest first."""
    sums: dict[CostRow, Decimal] = {}
    for line in lines:
        whose, what = (_last(line.tenant_path), line.tenant), (line.offering_id, line.service)
        key = CostRow(*whose, *what, line.connection_id, line.cloud, line.currency, Decimal())
        sums[key] = sums.get(key, Decimal()) + line.cost
    rows = [replace(key, cost=cost) for key, cost in sums.items()]
    return sorted(rows, key=lambda row: (-row.cost, row.tenant, row.service, row.cloud))


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


def completeness(actor: Actor, period: str, *, below: str = "") -> Completeness:
    """Hours seen of hours alive in a month, of everything she may see."""
    rows = DailyPresence.objects.visible_to(actor).filter(day__range=days_of(period))
    rows = rows.filter(project__path__within=below) if below else rows
    sums = rows.aggregate(alive=Sum("hours_alive"), seen=Sum("hours_seen"))
    return Completeness(sums["alive"] or Decimal(), sums["seen"] or Decimal())


def unpriced(actor: Actor, period: str) -> list[Unpriced]:
    """What was used in a month and has no price, by component and plan."""
    return lacking_a_price(month_lines(actor, period))


def lacking_a_price(lines: Iterable[MonthLine]) -> list[Unpriced]:
    """What has no price among the lines of a month, by component and plan."""
    found: dict[tuple[Any, ...], tuple[Decimal, date]] = {}
    for line in lines:
        if not line.is_rated and line.unpriced_id:
            key = (line.service, line.plan, line.component, line.unpriced_id, line.unit)
            quantity, since = found.get(key, (Decimal(), line.day))
            found[key] = (quantity + line.quantity, min(since, line.day))
    return [
        Unpriced(service, plan, part, pk, quantity, unit, since)
        for (service, plan, part, pk, unit), (quantity, since) in found.items()
    ]


def cost_by_path(actor: Actor, period: str) -> list[PathCost]:
    """A month by project, each with its path in the tree: one query, from which any scope's cost adds up."""
    rows = costs_visible_to(actor, period).order_by().values_list("project__path", "currency")
    return [PathCost(*row) for row in rows.annotate(total=Sum("cost"))]


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


def budget_state(project: Scope, *, extra_per_month: Decimal = Decimal(), open_below: OpenBelow | None = None) -> BudgetState:
    """Where the tightest budget above a project stands, without locking it: for forms and cards."""
    root = Scope.objects.get(pk=uuid.UUID(project.organization_id))
    return budgets.state_of(budgets_above(project), root, extra_per_month, at=clock.now(), open_below=open_below)


def budgets_above(project: Scope) -> QuerySet[Budget]:
    """The budgets that cover a project, from the root down."""
    found = Budget.objects.filter(scope__path__above=project.path).select_related("scope")
    return found.order_by("scope__path")


def budgets_visible_to(actor: Actor) -> QuerySet[Budget]:
    """Budgets of the scopes whose cost she may see."""
    found: QuerySet[Budget] = Budget.objects.visible_to(actor).select_related("scope").order_by("scope__path")
    return found


def standings_visible_to(actor: Actor, period: str, *, below: str = "") -> list[BudgetMonth]:
    """How the budgets that she may see stand or stood in a month, the fullest first."""
    seen = Budget.objects.visible_to(actor)
    seen = seen.filter(scope__path__within=below) if below else seen
    found = BudgetMonth.objects.filter(budget__in=seen, period=period).select_related("budget__scope")
    return sorted(found, key=lambda month: -month.share)


def standing_of(budget: Budget) -> BudgetMonth | None:
    """How a budget stood when it was looked at last."""
    found = BudgetMonth.objects.filter(budget=budget).select_related("budget__scope")
    return found.order_by("-period").first()


def budget_visible_to(actor: Actor, pk: uuid.UUID | str) -> Budget:
    """One budget, or NotFound."""
    found = budgets_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def organizations_with(actor: Actor, permission: str) -> list[Organization]:
    """The organizations in or below which she holds a permission, with their calendar and how far the ledger is."""
    ids = {uuid.UUID(path.partition(".")[0]) for path in paths_of(actor, permission)}
    until = Watermark.objects.filter(source=LIFELINES).values("until")[:1]
    rows = Scope.objects.filter(pk__in=ids).order_by("name", "pk").annotate(metered_until=Subquery(until))
    return [Organization(*row) for row in rows.values_list("pk", "name", "path", "zone", "currency", "metered_until")]


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
    return budgets.metered_until()


def current_period(organization: Scope) -> str:
    """The month it is in an organization's calendar."""
    return period_at(clock.now(), organization.zone)


def _last(path: str) -> uuid.UUID:
    return uuid.UUID(path.rpartition(".")[2])


def _name_of(model: Any, outer: str, key: str = "pk") -> Any:
    """The name of what a group of rows points to, looked up once a group."""
    return Subquery(model.objects.filter(**{key: OuterRef(outer)}).order_by().values("name")[:1])


def _month_line(row: dict[str, Any]) -> MonthLine:
    known: dict[str, Any] = {name: row[name] for name in KEYS}
    named: dict[str, Any] = {name: row[name] or "" for name in ("tenant", "service", "cloud", "component", "plan")}
    lacks: dict[str, Any] = {"unpriced_id": row["lacking"], "unit": row["lacking_unit"]}
    return MonthLine(**known, **named, **lacks, cost=row["cost_sum"], quantity=row["quantity_sum"])


def _by_thing(rows: Iterable[tuple[uuid.UUID, str, Decimal]]) -> dict[uuid.UUID, dict[str, Decimal]]:
    found: dict[uuid.UUID, dict[str, Decimal]] = {}
    for thing, currency, cost in rows:
        found.setdefault(thing, {})[currency] = cost
    return found
