"""One organization's charges of one month as FOCUS, Parquet or CSV, with a manifest that ties out to the last digit."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from portal.access.models import Scope
from portal.core import clock
from portal.core.blobs import sha256_of
from portal.metering import lake
from portal.metering.calendars import days_of, ledger_days, month_of
from portal.metering.engine import Connection, connect, rows_of, statement
from portal.metering.exports.columns import COLUMNS
from portal.metering.exports.names import give_names
from portal.metering.models import Dataset, ExportFormat

ORDER = '"ChargePeriodStart", "SubAccountId", "ResourceId", "SkuId", "SkuPriceId", "x_PlanName", "x_ConnectionId", "PricingQuantity"'
INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Written:
    """What came of an export: rows, the exact cost per currency, and the manifest to hand out beside the file."""

    rows: int
    cost: dict[str, Decimal]
    manifest: dict[str, Any]


def write(organization: Scope, period: str, target: Path, *, format: str = ExportFormat.PARQUET) -> Written:
    """Write the month ("2026-06", in the organization's own calendar) to a file. Only rows with a price are charges.

    The versions of the lake are taken once, so the file is of one moment, and the manifest names them.
    """
    first, last = days_of(period)
    versions = lake.live(Dataset.CHARGES, [day.isoformat() for day in ledger_days(first, last)])
    files = (lake.File(**file) for day in sorted(versions) for file in versions[day].files)
    starts, _ = month_of(period, organization.zone)
    bound = {"organization": str(organization.pk), "period_start": starts.isoformat()}
    with connect() as connection:
        lake.Snapshot(Dataset.CHARGES, tuple(files)).open(connection)
        give_names(connection, organization)
        casts = ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in COLUMNS.items())
        rows = f"SELECT {casts} FROM ({statement('focus')})"  # noqa: S608 - columns are ours
        connection.execute(f"CREATE TEMP TABLE focus AS {rows} ORDER BY {ORDER}", {**bound, "issuer": organization.name})
        _copy(connection, target, format)
        count, cost = _totals(connection)
        unrated = _unrated(connection, bound)
    manifest = _manifest(organization, period, format, target, count, cost)
    manifest["charges"] = {day: version.number for day, version in sorted(versions.items())}
    manifest["without_price"] = unrated
    return Written(count, cost, manifest)


def _copy(connection: Connection, target: Path, format: str) -> None:
    path = str(target).replace("'", "''")
    if format == ExportFormat.PARQUET:
        connection.execute(f"COPY focus TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        return
    parts = ", ".join(_as_text(column, kind) for column, kind in COLUMNS.items())
    connection.execute(f"COPY (SELECT {parts} FROM focus) TO '{path}' (FORMAT csv, HEADER, NULLSTR '')")  # noqa: S608


def _as_text(column: str, kind: str) -> str:
    return f'strftime("{column}", \'{INSTANT}\') AS "{column}"' if kind == "TIMESTAMPTZ" else f'"{column}"'


def _totals(connection: Connection) -> tuple[int, dict[str, Decimal]]:
    sums = rows_of(connection, "SELECT BillingCurrency, sum(BilledCost) FROM focus GROUP BY ALL ORDER BY ALL")
    return rows_of(connection, "SELECT count(*) FROM focus")[0][0], {currency: Decimal(cost) for currency, cost in sums}


def _unrated(connection: Connection, bound: dict[str, str]) -> dict[str, Any]:
    query = """
        SELECT count(*), CAST(coalesce(sum(PricingQuantity), 0) AS VARCHAR) FROM charges
        WHERE ListCost IS NULL AND BillingAccountId = $organization AND BillingPeriodStart = CAST($period_start AS TIMESTAMPTZ)
    """
    lines, quantity = rows_of(connection, query, bound)[0]
    return {"lines": lines, "quantity": quantity}


def _manifest(
    organization: Scope, period: str, format: str, target: Path, rows: int, cost: dict[str, Decimal]
) -> dict[str, Any]:
    starts, ends = month_of(period, organization.zone)
    return {
        "schema": "FOCUS 1.2",
        "organization": {"id": str(organization.pk), "name": organization.name},
        "period": period,
        "zone": organization.zone,
        "billing_period": {"start": starts.strftime(INSTANT), "end": ends.strftime(INSTANT)},
        "written_at": clock.now().strftime(INSTANT),
        "format": str(format),
        "file": {"name": target.name, "bytes": target.stat().st_size, "sha256": sha256_of(target), "rows": rows},
        "billed_cost": {currency: str(amount) for currency, amount in cost.items()},
        "columns": list(COLUMNS),
    }
