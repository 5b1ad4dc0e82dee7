"""From lifelines to hourly usage: seconds in a state times what the component measures, written once per meter and hour."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from portal.core import clock
from portal.metering import lake
from portal.metering.engine import ONE_DAY, Connection, connect, offer, rows_of, statement
from portal.metering.lifelines import ComponentRow, Inputs, LifelineRow
from portal.metering.models import LIFELINES as SOURCE
from portal.metering.models import Batch, Dataset, DatasetVersion
from portal.metering.states import STATES

GRACE_HOURS = 1
"""What was seen within the last hour counts as seen now: listings are not continuous."""
RULES = "1"
"""Counts up when the way from inputs to usage changes, so that days are collected anew."""

LINES = {
    **dict.fromkeys(
        ("resource", "generation", "connection", "organization", "project", "offering", "version", "plan"), "VARCHAR"
    ),
    "state": "VARCHAR",
    "state_before": "VARCHAR",
    "size": "VARCHAR",
    "starts": "TIMESTAMPTZ",
    "ends": "TIMESTAMPTZ",
    "seen_until": "TIMESTAMPTZ",
}
COMPONENTS = {
    **dict.fromkeys(("version", "component", "meter", "unit", "only_while", "measures", "field"), "VARCHAR"),
    "constant": "DECIMAL(18,4)",
    "gap_hours": "INTEGER",
    "is_priced": "BOOLEAN",
}
STATE_TABLE = {"state": "VARCHAR", "running": "BOOLEAN", "exists": "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one UTC day, from midnight or later until the next midnight or earlier."""

    starts: datetime
    ends: datetime

    @property
    def day(self) -> date:
        return self.starts.date()

    @property
    def period(self) -> str:
        return self.day.isoformat()

    @property
    def month(self) -> str:
        return self.period[:7]


def window_of(day: date, until: datetime) -> Window:
    """The whole UTC day, as far as `until`."""
    midnight = datetime.combine(day, time(), UTC)
    return Window(midnight, min(until, midnight + timedelta(days=1)))


def collect(window: Window, inputs: Inputs) -> Batch | None:
    """Bring the usage of a window up to what the inputs say; the Batch, or None where nothing changed.

    Inside a transaction. The same inputs again change nothing; what is no longer owed is withdrawn, never deleted.
    """
    lake.hold(Dataset.USAGE, window.period)
    last = Batch.objects.filter(source=SOURCE, day=window.day).order_by("-revision").first()
    checksum = checksum_of(window, inputs)
    if (last and last.checksum == checksum) or (last is None and not inputs.lifelines):
        return None
    revision = last.revision + 1 if last else 1
    lake.hold(Dataset.METERS, window.month)
    with connect(threads=ONE_DAY) as connection:
        lake.read(Dataset.USAGE, [window.period]).open(connection)
        lake.read(Dataset.METERS, [window.month]).open(connection)
        sessionize(connection, window, inputs)
        compare(connection, window, revision=revision)
        count, total = rows_of(connection, "SELECT count(*), coalesce(sum(quantity), 0) FROM changes")[0]
        if not count:
            return None
        _write_meters(connection, window)
        usage = _write_usage(connection, window)
    return Batch.objects.create(
        source=SOURCE,
        day=window.day,
        window_start=window.starts,
        window_end=window.ends,
        checksum=checksum,
        revision=revision,
        rows=count,
        quantity=Decimal(total),
        usage=usage,
        supersedes=last,
    )


def sessionize(connection: Connection, window: Window, inputs: Inputs) -> None:
    """Make the table `collected`: for each meter and hour of the window, the quantity owed and how sure we are."""
    offer(connection, "lifelines", LINES, [_line(line) for line in inputs.lifelines])
    offer(connection, "components", COMPONENTS, [*map(_component, inputs.components), *_gauges(inputs)])
    offer(connection, "states", STATE_TABLE, [(state, dues.running, dues.exists) for state, dues in STATES.items()])
    parameters = {"source": SOURCE, "from": _text(window.starts), "until": _text(window.ends), "grace_hours": GRACE_HOURS}
    connection.execute(statement("collect"), parameters)


def compare(connection: Connection, window: Window, *, revision: int) -> None:
    """Make the table `changes`: what `collected` says otherwise than the usage known so far."""
    parameters = {
        "source": SOURCE,
        "from": _text(window.starts),
        "until": _text(window.ends),
        "revision": revision,
        "observed_at": _text(clock.now()),
    }
    connection.execute(statement("changes"), parameters)


def checksum_of(window: Window, inputs: Inputs) -> str:
    """The same for the same inputs in any order."""
    parts = sorted(repr(_clipped(line, window)) for line in inputs.lifelines)
    rules = [RULES, str(GRACE_HOURS), _text(window.starts), _text(window.ends), repr(sorted(STATES.items(), key=str))]
    text = "\n".join([*rules, *sorted(map(repr, inputs.components)), *parts])
    return hashlib.sha256(text.encode()).hexdigest()


def _clipped(line: LifelineRow, window: Window) -> tuple[object, ...]:
    """The line without what lies outside the window, so that a day stays settled while its lines go on."""
    inside = line.ends is not None and line.ends < window.ends
    grace = timedelta(hours=GRACE_HOURS)
    sure = line.ends is not None or line.seen_until is None or line.seen_until + grace >= window.ends
    return (*_line(line)[:-2], line.ends if inside else None, None if sure else line.seen_until)


def _write_meters(connection: Connection, window: Window) -> None:
    """Name the meters that are new this month."""
    columns = ", ".join(lake.COLUMNS[Dataset.METERS])
    query = f"SELECT {columns} FROM meters UNION SELECT DISTINCT {columns} FROM collected"  # noqa: S608 - columns are ours
    count, unique = rows_of(connection, f"SELECT count(*), count(DISTINCT id) FROM ({query})")[0]  # noqa: S608
    if count != unique:
        raise ValueError("two meters share one id")
    if count != rows_of(connection, "SELECT count(*) FROM meters")[0][0]:
        lake.publish(Dataset.METERS, window.month, [lake.write(connection, Dataset.METERS, window.month, query, order="id")])


def _write_usage(connection: Connection, window: Window) -> DatasetVersion:
    connection.execute("CREATE TEMP VIEW arrived AS FROM usage UNION ALL FROM changes")
    file = lake.write(connection, Dataset.USAGE, window.period, statement("merge"), order="meter_version, hour")
    return lake.publish(Dataset.USAGE, window.period, [file])


def _line(line: LifelineRow) -> tuple[object, ...]:
    ids = (line.resource_id, line.generation, line.connection_id, line.organization_id, line.project_id)
    offer_ids = (line.offering_id, line.offering_version_id, line.plan_id)
    texts = (line.state, line.state_before, json.dumps(line.size, sort_keys=True))
    return (
        *map(str, ids),
        *map(str, offer_ids),
        *texts,
        line.starts,
        line.ends,
        line.seen_until,
    )


def _component(row: ComponentRow) -> tuple[object, ...]:
    what = (str(row.version_id), str(row.component_id), row.meter, row.unit, row.only_while, "component", row.field)
    return (*what, Decimal(row.constant), row.gap_hours, True)


def _gauges(inputs: Inputs) -> list[tuple[object, ...]]:
    """Two meters without a price for each version: hours alive, and hours of them that nobody saw."""
    versions = sorted({str(line.offering_version_id) for line in inputs.lifelines})
    gauges = ("alive", "unseen")
    return [
        (version, "", gauge, "Hours", "exists", gauge, "", Decimal(1), 0, False) for version in versions for gauge in gauges
    ]


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
