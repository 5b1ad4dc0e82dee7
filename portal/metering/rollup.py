"""The daily roll-up in PostgreSQL, which pages read: a copy of the lake by day, replaced whole, never edited."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.db import connection as database

from portal.metering import lake, rating
from portal.metering.engine import ONE_DAY, connect, rows_of, statement
from portal.metering.models import DailyCost, DailyPresence, Dataset, DatasetVersion

COST = (
    *("day", "project_id", "tenant_path", "connection_id", "resource_id", "offering_id", "component_id", "plan_id"),
    *("quantity", "unit", "cost", "currency", "is_rated", "is_flagged"),
)
PRESENCE = ("day", "project_id", "tenant_path", "connection_id", "resource_id", "hours_alive", "hours_seen")


def roll_up(ledger_day: date) -> None:
    """Make the rows of one UTC day of the lake say what its charges and usage say, inside a transaction."""
    with connect(threads=ONE_DAY) as connection:
        lake.read(Dataset.CHARGES, [ledger_day.isoformat()]).open(connection)
        costs = rows_of(connection, statement("rollup"))
        rating.open_usage(connection, ledger_day)
        rating.give_rules(connection, rating.rules_for(connection, ledger_day))
        presence = rows_of(connection, statement("presence"))
    _replace(DailyCost, ledger_day, COST, costs)
    _replace(DailyPresence, ledger_day, PRESENCE, presence)


def ledger_days() -> list[date]:
    """Every UTC day that the lake has charges or usage of."""
    days = DatasetVersion.objects.filter(dataset__in=[Dataset.USAGE, Dataset.CHARGES]).values_list("period", flat=True)
    return sorted({date.fromisoformat(period) for period in days})


def _replace(model: Any, ledger_day: date, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    model.objects.filter(ledger_day=ledger_day).delete()
    names = ", ".join(("ledger_day", *columns))
    with database.cursor() as cursor, cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row((ledger_day, *row))
