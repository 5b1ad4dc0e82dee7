"""Usage times the prices in force is charges: one pure query, the same bytes for the same inputs on any number of threads."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import attrgetter

from portal.access.models import Scope
from portal.metering import lake
from portal.metering.calendars import LocalDay, days_touching
from portal.metering.engine import ONE_DAY, Connection, connect, offer, rows_of, statement
from portal.metering.models import Dataset, RateRun
from portal.pricing.queries import PriceRow, price_rows

RULES = "1"
"""Counts up when the way from usage to charges changes, so that days are rated anew."""
ORDER = "ResourceId, SkuId, x_PlanId, x_Generation, ChargePeriodStart, SkuPriceId, x_Day, x_ConnectionId, SubAccountId"
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
PRICES = {
    **dict.fromkeys(("id", "book", "book_scope", "component", "plan", "currency"), "VARCHAR"),
    "version": "INTEGER",
    "unit_price": "DECIMAL(18,8)",
    "valid_from": "TIMESTAMPTZ",
    "valid_to": "TIMESTAMPTZ",
}
PROJECTS = dict.fromkeys(("project", "tenant_path", "zone", "currency"), "VARCHAR")
DAYS = {
    "zone": "VARCHAR",
    "day": "DATE",
    **dict.fromkeys(("starts", "ends", "period_starts", "period_ends"), "TIMESTAMPTZ"),
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Who bears the cost of a project: the path of its tenant, and the calendar and currency of its organization."""

    project: str
    tenant_path: str
    zone: str
    currency: str


@dataclass(frozen=True, slots=True)
class Rules:
    """All that charges follow from beside the usage."""

    prices: tuple[PriceRow, ...]
    owners: tuple[Owner, ...]
    days: tuple[LocalDay, ...]

    def checksum(self, *usage: object) -> str:
        parts = (RULES, usage, *sorted(map(repr, self.prices)), *sorted(map(repr, self.owners)), self.days)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def rate(day: date) -> RateRun | None:
    """Charge a UTC day's usage at the prices in force, inside a transaction; None where that changes nothing.

    Usage without a price is written with no cost, and counted.
    """
    lake.hold(Dataset.CHARGES, day.isoformat())
    usage = lake.live(Dataset.USAGE, [day.isoformat()]).get(day.isoformat())
    if usage is None:
        return None
    last = RateRun.objects.filter(day=day).order_by("-created_at", "-pk").first()
    with connect(threads=ONE_DAY) as connection:
        open_usage(connection, day)
        rules = rules_for(connection, day)
        inputs = rules.checksum(usage.pk)
        if last and last.inputs == inputs:
            return None
        give_rules(connection, rules)
        file = lake.write(connection, Dataset.CHARGES, day.isoformat(), statement("rate"), order=ORDER)
        charges = lake.publish(Dataset.CHARGES, day.isoformat(), [file])
        lines, unrated, cost = totals(connection, day)
    return RateRun.objects.create(
        day=day, usage=usage, charges=charges, inputs=inputs, lines=lines, unrated_lines=unrated, cost=cost
    )


def open_usage(connection: Connection, day: date) -> None:
    """The usage of a UTC day and the meters it names, as views."""
    lake.read(Dataset.USAGE, [day.isoformat()]).open(connection)
    lake.read(Dataset.METERS, [day.isoformat()[:7]]).open(connection)


def rules_for(connection: Connection, day: date) -> Rules:
    """Prices, owners and calendars for the projects and components that this day's usage has."""
    starts = datetime.combine(day, time(), UTC)
    used = "FROM meters WHERE id IN (SELECT meter_version FROM usage)"
    projects = [uuid.UUID(row[0]) for row in rows_of(connection, f"SELECT DISTINCT project {used}")]
    components = [uuid.UUID(row[0]) for row in rows_of(connection, f"SELECT DISTINCT component {used} AND is_priced")]
    owners = owners_of(projects)
    zones = sorted({owner.zone for owner in owners})
    prices = price_rows(starts, starts + timedelta(days=1), components=components)
    return Rules(tuple(prices), tuple(owners), tuple(each for zone in zones for each in days_touching(day, zone)))


def owners_of(projects: Sequence[uuid.UUID]) -> list[Owner]:
    """The owner of each project, as the tree stands now."""
    found = list(Scope.objects.filter(pk__in=projects).order_by("pk"))
    roots = Scope.objects.in_bulk({uuid.UUID(project.organization_id) for project in found})
    owners = []
    for project in found:
        root = roots[uuid.UUID(project.organization_id)]
        owners.append(Owner(str(project.pk), project.path.rpartition(".")[0], root.zone, root.currency))
    return owners


def give_rules(connection: Connection, rules: Rules) -> None:
    """Prices, owners and days as tables."""
    offer(connection, "prices", PRICES, [_price(row) for row in rules.prices])
    offer(connection, "projects", PROJECTS, list(map(attrgetter(*PROJECTS), rules.owners)))
    offer(connection, "days", DAYS, list(map(attrgetter(*DAYS), rules.days)))


def totals(connection: Connection, day: date) -> tuple[int, int, dict[str, str]]:
    """Lines, lines without a price, and the exact cost per currency, as the charges now say."""
    lake.read(Dataset.CHARGES, [day.isoformat()]).open(connection)
    count = "SELECT count(*), count(*) FILTER (WHERE ListCost IS NULL) FROM charges"
    cost = "SELECT BillingCurrency, sum(ListCost) FROM charges WHERE ListCost IS NOT NULL GROUP BY ALL ORDER BY ALL"
    lines, unrated = rows_of(connection, count)[0]
    return lines, unrated, {currency: str(Decimal(amount)) for currency, amount in rows_of(connection, cost)}


def _price(row: PriceRow) -> tuple[object, ...]:
    ids = (row.price_id, row.book_id, row.organization_id, row.component_id, row.plan_id)
    return (*map(str, ids), row.currency, row.version, row.unit_price, row.valid_from, row.valid_to or FOREVER)
