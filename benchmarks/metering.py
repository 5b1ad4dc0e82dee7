"""A million hours of use: rating and the month report against bare DuckDB on the same Parquet, in CPU seconds.

    python -m benchmarks.metering [ROWS]

Prints one line a measure with its ratio; the exit status is 1 where one is over the bar. Prices change inside a day.
"""

import gc
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
for name, value in {"SECRET_KEY": "benchmark", "DATABASE_URL": "postgresql://nobody@127.0.0.1/none"}.items():
    os.environ.setdefault(name, value)

import django  # noqa: E402

django.setup()

import duckdb  # noqa: E402
from django.conf import settings  # noqa: E402

from portal.metering import lake, rating  # noqa: E402
from portal.metering.calendars import days_touching  # noqa: E402
from portal.metering.engine import ONE_DAY, connect, offer, rows_of, statement  # noqa: E402
from portal.metering.models import Dataset  # noqa: E402
from portal.pricing.queries import PriceRow  # noqa: E402

BAR = 1.3
ROUNDS = 7
FIRST = date(2026, 6, 1)
DAYS = [FIRST + timedelta(days=index) for index in range(30)]
COMPONENTS, PROJECTS = 60, 40
PRICE_CHANGE = datetime(2026, 6, 11, 13, tzinfo=UTC)
ORGANIZATION, BOOK, PLAN = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
USED = """
    SELECT m AS meter_version, TIMESTAMPTZ '{day} 00:00:00+00' + to_hours(h) AS hour,
        from_ticks((m * 2654435761 + h * 40503) % 2000000 + 1) AS quantity, 1 AS revision,
        TIMESTAMPTZ '{day} 00:00:00+00' AS observed_at, 0 AS flags
    FROM range({meters}) a(m), range(24) b(h)
"""
NAMES = {"organization": ORGANIZATION, "plan": PLAN, "components": COMPONENTS, "projects": PROJECTS}
METERS = """
    SELECT m AS id, 'lifelines' AS source, printf('00000000-0000-0000-0001-%012x', m % 6) AS connection,
        printf('00000000-0000-0000-0002-%012x', m // 2) AS resource, '1' AS generation, 'server-hours' AS meter,
        'Hours' AS unit, true AS is_priced, '{organization}' AS organization,
        printf('00000000-0000-0000-0003-%012x', m % {projects}) AS project,
        printf('00000000-0000-0000-0004-%012x', m % 8) AS offering,
        printf('00000000-0000-0000-0005-%012x', m % {components}) AS component, '{plan}' AS plan
    FROM range({meters}) a(m)
"""
BARE_RATE = """
    COPY (
        SELECT m.organization, m.project, m.connection, m.resource, m.generation, m.component, m.meter, m.plan, m.offering, m.unit,
            p.id, p.book, p.version, p.currency, p.unit_price, min(u.hour), max(u.hour), bit_or(u.flags), sum(u.quantity) AS quantity,
            CAST(sum(CAST(u.quantity AS DECIMAL(19,4)) * p.unit_price) AS DECIMAL(38,12)) AS cost
        FROM read_parquet($usage) u
        JOIN read_parquet($meters) m ON m.id = u.meter_version
        JOIN prices p ON p.component = m.component AND p.plan = m.plan AND u.hour >= p.valid_from AND u.hour < p.valid_to
        WHERE m.is_priced
        GROUP BY ALL ORDER BY ALL
    ) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
"""
REPORT = """
    SELECT x_TenantPath, x_OfferingId, x_ConnectionId, BillingCurrency, CAST(sum(ListCost) AS DECIMAL(38,12)) AS cost
    FROM {charges} GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class Measure:
    """CPU seconds of ours and of bare DuckDB, the best of rounds that took turns."""

    name: str
    ours: float
    bare: float

    @property
    def ratio(self) -> float:
        return self.ours / self.bare


def main(rows: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        settings.LAKE_URL = folder
        usage, meters = make(rows // (len(DAYS) * 24))
        charges = [rate(file, meters, day) for day, file in usage.items()]
        measures = [
            compare(
                "rate a month",
                lambda: [rate(usage[day], meters, day) for day in DAYS],
                lambda: bare_rate(usage, meters, folder),
            ),
            compare("month report", lambda: report(charges), lambda: bare_report(charges)),
        ]
        assert report(charges) == bare_report(charges)
    count = sum(file.rows for file in usage.values())
    print(f"{count} hours of use, {sum(file.rows for file in charges)} charges, the best of {ROUNDS} rounds, CPU seconds")
    for each in measures:
        print(f"{each.name:14} ours {each.ours:7.3f}   bare DuckDB {each.bare:7.3f}   ratio {each.ratio:5.2f}   bar {BAR}")
    return int(any(each.ratio > BAR for each in measures))


def make(meters: int) -> tuple[dict[date, lake.File], lake.File]:
    """A month of usage, one file a day, and the meters it names."""
    with connect() as connection:
        usage = {
            day: lake.write(
                connection, Dataset.USAGE, str(day), USED.format(day=day, meters=meters), order="meter_version, hour"
            )
            for day in DAYS
        }
        return usage, lake.write(connection, Dataset.METERS, "2026-06", METERS.format(meters=meters, **NAMES), order="id")


def rate(usage: lake.File, meters: lake.File, day: date) -> lake.File:
    """One day as rating does it, but for what PostgreSQL is asked."""
    with connect(threads=ONE_DAY) as connection:
        lake.Snapshot(Dataset.USAGE, (usage,)).open(connection)
        lake.Snapshot(Dataset.METERS, (meters,)).open(connection)
        rating.give_rules(connection, rating.Rules(prices(), owners(), tuple(days_touching(day, "UTC"))))
        return lake.write(connection, Dataset.CHARGES, str(day), statement("rate"), order=rating.ORDER)


def bare_rate(usage: dict[date, lake.File], meters: lake.File, folder: str) -> None:
    """The same days by one hand-written statement each, in one connection."""
    with duckdb.connect() as connection:
        offer(connection, "prices", rating.PRICES, [rating._price(row) for row in prices()])
        for file in usage.values():
            paths = {"usage": [str(lake.root() / file.path)], "meters": [str(lake.root() / meters.path)]}
            connection.execute(BARE_RATE.format(target=Path(folder) / "bare.parquet"), paths)


def report(charges: list[lake.File]) -> list[Any]:
    with connect() as connection:
        lake.Snapshot(Dataset.CHARGES, tuple(charges)).open(connection)
        return rows_of(connection, REPORT.format(charges="charges"))


def bare_report(charges: list[lake.File]) -> list[Any]:
    paths = [str(lake.root() / file.path) for file in charges]
    with duckdb.connect() as connection:
        return connection.execute(REPORT.format(charges=f"read_parquet({paths})")).fetchall()


def compare(name: str, ours: Callable[[], Any], bare: Callable[[], Any]) -> Measure:
    """Take turns, so that a busy machine is busy for both."""
    ours(), bare()
    spent: dict[Callable[[], Any], list[float]] = {ours: [], bare: []}
    for _ in range(ROUNDS):
        for work, seconds in spent.items():
            gc.collect()
            before = time.process_time()
            work()
            seconds.append(time.process_time() - before)
    return Measure(name, min(spent[ours]), min(spent[bare]))


@cache
def prices() -> tuple[PriceRow, ...]:
    """Two prices for each component, the second from the middle of a day on."""
    spans = [(datetime.combine(FIRST, clock_time(), UTC), PRICE_CHANGE, 1), (PRICE_CHANGE, None, 2)]
    ids = [uuid.UUID(f"00000000-0000-0000-0005-{number:012x}") for number in range(COMPONENTS)]
    return tuple(
        PriceRow(
            uuid.uuid5(part, str(version)), uuid.UUID(BOOK), "Book", uuid.UUID(ORGANIZATION), part, uuid.UUID(PLAN), version,
            Decimal(part.int % 97 + version).scaleb(-5), "EUR", starts, ends,
        )
        for part in ids
        for starts, ends, version in spans
    )  # fmt: skip


@cache
def owners() -> tuple[rating.Owner, ...]:
    paths = [f"a.{number % 7}" for number in range(PROJECTS)]
    return tuple(
        rating.Owner(f"00000000-0000-0000-0003-{number:012x}", path, "UTC", "EUR") for number, path in enumerate(paths)
    )


if __name__ == "__main__":
    sys.exit(main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000))
