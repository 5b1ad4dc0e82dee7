"""The lake: immutable Parquet files, live once a dataset version names them. Four verbs: write, publish, read, collect."""

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection as database

from portal.core import clock
from portal.core.blobs import sha256_of
from portal.metering.engine import Connection
from portal.metering.models import Dataset, DatasetVersion

KEEP = timedelta(days=35)
"""What a version named stays this long after the version was replaced: longer than the oldest backup that may need it."""
UNPUBLISHED = timedelta(days=1)
"""A younger file may still be waiting for its writer to publish it."""

COLUMNS: dict[str, dict[str, str]] = {
    Dataset.USAGE: {
        "meter_version": "BIGINT",
        "hour": "TIMESTAMPTZ",
        "quantity": "DECIMAL(18,4)",
        "revision": "INTEGER",
        "observed_at": "TIMESTAMPTZ",
        "flags": "SMALLINT",
    },
    Dataset.METERS: {
        "id": "BIGINT",
        "source": "VARCHAR",
        "connection": "VARCHAR",
        "resource": "VARCHAR",
        "generation": "VARCHAR",
        "meter": "VARCHAR",
        "unit": "VARCHAR",
        "is_priced": "BOOLEAN",
        "organization": "VARCHAR",
        "project": "VARCHAR",
        "offering": "VARCHAR",
        "component": "VARCHAR",
        "plan": "VARCHAR",
    },
    Dataset.CHARGES: {
        "BillingAccountId": "VARCHAR",
        "BillingCurrency": "VARCHAR",
        "BillingPeriodStart": "TIMESTAMPTZ",
        "BillingPeriodEnd": "TIMESTAMPTZ",
        "ChargePeriodStart": "TIMESTAMPTZ",
        "ChargePeriodEnd": "TIMESTAMPTZ",
        "ListUnitPrice": "DECIMAL(18,8)",
        "PricingQuantity": "DECIMAL(18,4)",
        "PricingUnit": "VARCHAR",
        "ListCost": "DECIMAL(38,12)",
        "ResourceId": "VARCHAR",
        "SkuId": "VARCHAR",
        "SkuMeter": "VARCHAR",
        "SkuPriceId": "VARCHAR",
        "SubAccountId": "VARCHAR",
        "x_ConnectionId": "VARCHAR",
        "x_Day": "DATE",
        "x_Flags": "SMALLINT",
        "x_Generation": "VARCHAR",
        "x_OfferingId": "VARCHAR",
        "x_PlanId": "VARCHAR",
        "x_PriceBookId": "VARCHAR",
        "x_PriceVersion": "INTEGER",
        "x_TenantPath": "VARCHAR",
    },
}


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file: its path below the lake's root, the sha256 of its bytes, its rows."""

    path: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of one dataset as they were when the reader began; later versions do not touch them."""

    dataset: str
    files: tuple[File, ...]

    def open(self, connection: Connection, name: str = "") -> None:
        """Make them readable as a view named after the dataset, with all its columns also when there is no file."""
        columns = COLUMNS[self.dataset]
        if self.files:
            source = f"read_parquet({[str(root() / file.path) for file in self.files]!r}, hive_partitioning = false)"
        else:
            empty = ", ".join(f'CAST(NULL AS {kind}) AS "{column}"' for column, kind in columns.items())
            source = f"(SELECT {empty} LIMIT 0)"
        named = ", ".join(f'"{column}"' for column in columns)
        connection.execute(f'CREATE TEMP VIEW "{name or self.dataset}" AS SELECT {named} FROM {source}')  # noqa: S608


def root() -> Path:
    """The folder that holds the lake."""
    return Path(settings.LAKE_URL)


def write(connection: Connection, dataset: str, period: str, query: str, *, order: str) -> File:
    """Write the rows of a query as one immutable file, each column cast to its fixed type. Nobody reads it yet."""
    folder = root() / dataset / period
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".part", dir=folder)
    os.close(handle)
    part = Path(name)
    casts = ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in COLUMNS[dataset].items())
    options = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2"
    copied = connection.execute(
        f"COPY (SELECT {casts} FROM ({query}) ORDER BY {order}) TO '{part}' ({options})"  # noqa: S608 - ours
    ).fetchone()
    with part.open("rb") as file:
        os.fsync(file.fileno())
    digest = sha256_of(part)
    part.chmod(0o640)
    part.replace(folder / f"{digest[:24]}.parquet")
    return File(f"{dataset}/{period}/{digest[:24]}.parquet", digest, copied[0] if copied else 0)


def hold(dataset: str, period: str) -> None:
    """Be the one writer of a dataset's period until the transaction ends."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"lake:{dataset}:{period}"])


def publish(dataset: str, period: str, files: Sequence[File]) -> DatasetVersion:
    """Make these files the live ones when the caller's transaction commits. The same files again change nothing."""
    hold(dataset, period)
    last = DatasetVersion.objects.filter(dataset=dataset, period=period).order_by("-number").first()
    listed = [asdict(file) for file in files if file.rows]
    if last and last.files == listed:
        return last
    return DatasetVersion.objects.create(dataset=dataset, period=period, number=last.number + 1 if last else 1, files=listed)


def live(dataset: str, periods: Iterable[str]) -> dict[str, DatasetVersion]:
    """The live version of each period that has one."""
    found = DatasetVersion.objects.filter(dataset=dataset, period__in=set(periods))
    return {version.period: version for version in found.order_by("period", "-number").distinct("period")}


def read(dataset: str, periods: Iterable[str]) -> Snapshot:
    """The files live now, taken once: open them as often as the work needs."""
    versions = live(dataset, periods)
    files = (File(**file) for period in sorted(versions) for file in versions[period].files)
    return Snapshot(dataset, tuple(files))


def collect(*, before: datetime | None = None) -> int:
    """Remove the files that nobody can read any more; returns how many. What is live, or was after `before`, stays."""
    needed = _needed(before or clock.now() - KEEP)
    return sum(_remove(path, needed) for path in root().rglob("*.p*") if path.suffix in {".parquet", ".part"})


def _needed(before: datetime) -> set[str]:
    needed = set[str]()
    replaced_at: dict[tuple[str, str], datetime] = {}
    for version in DatasetVersion.objects.order_by("dataset", "period", "-number").iterator():
        key = (version.dataset, version.period)
        if key not in replaced_at or replaced_at[key] >= before:
            needed |= {file["path"] for file in version.files}
        replaced_at[key] = version.published_at
    return needed


def _remove(path: Path, needed: set[str]) -> bool:
    age = clock.now().timestamp() - path.stat().st_mtime
    if path.relative_to(root()).as_posix() in needed or age < UNPUBLISHED.total_seconds():
        return False
    path.unlink(missing_ok=True)
    return True
