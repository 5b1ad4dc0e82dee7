"""The rules a meter must hold, by number, that are about what was used (R1 to R11): made-up true lives, exact cost as fractions."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from hypothesis import given, settings, strategies
from libcloud.compute.types import NodeState

from portal.clouds.base import STATES as CLOUD_STATES
from portal.metering import lake, ledger, rating, rollup
from portal.metering.engine import connect, rows_of, statement
from portal.metering.lifelines import LifelineRow
from portal.metering.models import Batch, DailyCost, DailyPresence, Dataset, DatasetVersion
from portal.metering.states import ALL, KEPT, NOTHING, STATES
from portal.pricing.queries import price_rows
from tests.metering.shop import Shop
from tests.metering.simulator import Simulator, line, lives, true_cost

DAY = datetime(2026, 6, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
PORTAL = Path(lake.__file__).parents[1]


def total() -> Decimal:
    return DailyCost.objects.aggregate(cost=Sum("cost"))["cost"] or Decimal()


def usage() -> list[tuple[Any, ...]]:
    """All live usage, by what it says and not by how it came."""
    with connect() as engine:
        periods = {version.period for version in DatasetVersion.objects.filter(dataset=Dataset.USAGE)}
        lake.read(Dataset.USAGE, periods).open(engine)
        query = "SELECT meter_version, epoch_us(hour), quantity, flags FROM usage WHERE quantity <> 0 OR flags & 4 = 0 ORDER BY ALL"
        return rows_of(engine, query)


def forget_everything() -> None:
    with connection.cursor() as cursor:
        for table in ("raterun", "batch", "datasetversion", "watermark", "dailycost", "dailypresence"):
            cursor.execute(f"DELETE FROM metering_{table}")


def quantity(shop: Shop, component: str) -> Decimal:
    rows = DailyCost.objects.filter(component_id=shop.component(component).pk)
    return rows.aggregate(total=Sum("quantity"))["total"] or Decimal()


# R1: any batch twice is once


@pytest.mark.parametrize("seed", range(3))
def test_r1_any_split_and_repetition_of_collections_gives_the_same_usage(shop: Shop, seed: int) -> None:
    dice, until = random.Random(seed), DAY + timedelta(hours=40)
    simulator = lives(shop, seed, starts=DAY, ends=until)
    moments = sorted(DAY + timedelta(minutes=dice.randrange(1, 40 * 60)) for _ in range(5))
    for moment in [*moments, moments[1], until, moments[0], until]:
        ledger.meter(simulator, until=moment)
    split = usage(), total()
    forget_everything()
    ledger.meter(simulator, until=until)
    assert (usage(), total()) == split


FAILPOINTS = [
    ("lake.write", lake, "write"),
    ("lake.publish", lake, "publish"),
    ("rating.rate", rating, "rate"),
    ("rollup.roll_up", rollup, "roll_up"),
    ("the mark", ledger, "_move_watermark"),
]


@pytest.mark.parametrize("failpoint", FAILPOINTS, ids=lambda each: each[0])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_r1_a_run_that_breaks_anywhere_leaves_the_day_whole_or_untouched(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, failpoint: Any, after: bool
) -> None:
    _name, module, function = failpoint
    until = DAY + timedelta(hours=7)
    simulator = lives(shop, 5, starts=DAY, ends=until)
    real = getattr(module, function)

    def broken(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise RuntimeError("pulled the plug")

    with monkeypatch.context() as patched:
        patched.setattr(module, function, broken)
        with pytest.raises(RuntimeError, match="plug"):
            ledger.meter(simulator, until=until)
    assert (total(), DatasetVersion.objects.count(), Batch.objects.count()) == (0, 0, 0)
    ledger.meter(simulator, until=until)
    rows = price_rows(DAY, until)
    assert Fraction(total()) == true_cost(simulator.lines, simulator.within(DAY, until).components, rows, until)


# R2: exactly once by natural key


def test_r2_a_meter_and_hour_stand_once_in_each_version(shop: Shop) -> None:
    until = DAY + timedelta(hours=30)
    simulator = lives(shop, 2, starts=DAY, ends=until)
    for hours in (3, 3, 9, 20, 9, 30):
        ledger.meter(simulator, until=DAY + timedelta(hours=hours))
    for version in DatasetVersion.objects.filter(dataset=Dataset.USAGE):
        with connect() as engine:
            lake.Snapshot(Dataset.USAGE, tuple(lake.File(**file) for file in version.files)).open(engine)
            every, unique = rows_of(engine, "SELECT count(*), count(DISTINCT (meter_version, hour)) FROM usage")[0]
        assert every == unique == version.rows


def test_r2_two_meters_at_once_publish_one_version_of_a_day(shop: Shop) -> None:
    simulator = Simulator([line(shop, DAY, DAY + HOUR)])
    ledger.meter(simulator, until=DAY + 2 * HOUR)
    ledger.meter(simulator, until=DAY + 2 * HOUR)
    with pytest.raises(IntegrityError), transaction.atomic():
        DatasetVersion.objects.create(dataset=Dataset.USAGE, period="2026-06-14", number=1)


# R3: merging is commutative, associative and idempotent

ROWS = strategies.lists(
    strategies.tuples(
        strategies.integers(1, 2),
        strategies.integers(0, 1),
        strategies.integers(0, 3),
        strategies.integers(1, 3),
        strategies.integers(0, 2),
        strategies.sampled_from([0, 1, 2, 4]),
    ),
    max_size=8,
)


def merged(*batches: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The batches as `merge` leaves them."""
    with duckdb.connect() as engine:
        engine.execute(
            "CREATE TABLE arrived"
            " (meter_version BIGINT, hour INT, quantity DECIMAL(18,4), revision INT, observed_at INT, flags SMALLINT)"
        )
        rows = [row for batch in batches for row in batch]
        if rows:
            engine.executemany("INSERT INTO arrived VALUES (?, ?, ?, ?, ?, ?)", rows)
        return [tuple(map(int, row)) for row in engine.execute(f"FROM ({statement('merge')}) ORDER BY ALL").fetchall()]


@given(ROWS, ROWS, ROWS)
@settings(max_examples=25, deadline=None)
def test_r3_the_newest_revision_wins_whatever_came_first(a: Any, b: Any, c: Any) -> None:
    assert merged(a, b) == merged(b, a)
    assert merged(merged(a, b), c) == merged(a, merged(b, c))
    assert merged(merged(a), a) == merged(a)


# R7: half-open, no overlap, no zero, never more than the wall


@pytest.mark.parametrize("seed", range(3))
def test_r7_overlapping_lines_never_add_up_to_more_than_the_wall(shop: Shop, seed: int) -> None:
    dice = random.Random(seed)
    lines = []
    for _ in range(30):
        starts = DAY + timedelta(seconds=dice.randrange(86400))
        ends = dice.choice([None, starts, starts - HOUR, starts + timedelta(seconds=dice.randrange(1, 20000))])
        lines.append(line(shop, starts, ends, state=dice.choice(["running", "stopped"])))
    ledger.meter(Simulator(lines), until=DAY + timedelta(days=1))
    with connect() as engine:
        rating.open_usage(engine, DAY.date())
        query = "SELECT min(u.quantity), max(u.quantity) FROM usage u JOIN meters m ON m.id = u.meter_version WHERE meter = $meter"
        for meter in ("alive", "server-hours"):
            least, most = rows_of(engine, query, {"meter": meter})[0]
            assert 0 < least <= most <= 1


def test_r7_neighbours_share_no_second(shop: Shop) -> None:
    half = DAY + timedelta(minutes=30)
    ledger.meter(Simulator([line(shop, DAY, half), line(shop, half, DAY + HOUR)]), until=DAY + 3 * HOUR)
    assert quantity(shop, "server") == 1
    assert DailyPresence.objects.aggregate(total=Sum("hours_alive"))["total"] == 1


# R8: the table of states


def test_r8_every_state_of_ours_and_of_libcloud_is_in_the_table() -> None:
    named = {value for name, value in vars(NodeState).items() if name.isupper()}
    assert (named | CLOUD_STATES) - {"unknown"} <= set(STATES)
    assert "unknown" not in STATES


@pytest.mark.parametrize("state", sorted(STATES))
def test_r8_a_state_owes_what_the_table_says(shop: Shop, state: str) -> None:
    ledger.meter(Simulator([line(shop, DAY, DAY + HOUR, state=state)]), until=DAY + 2 * HOUR)
    dues = STATES[state]
    assert (quantity(shop, "server"), quantity(shop, "disk")) == (int(dues.running), 20 * int(dues.exists))


def test_r8_stopped_pays_the_disk_and_not_the_server() -> None:
    assert (STATES["running"], STATES["stopped"], STATES["gone"]) == (ALL, KEPT, NOTHING)


def test_r8_a_state_that_nobody_knows_is_flagged_and_not_free(shop: Shop) -> None:
    ledger.meter(Simulator([line(shop, DAY, DAY + HOUR, state="melting", state_before="running")]), until=DAY + 2 * HOUR)
    assert quantity(shop, "server") == 1
    presence = DailyPresence.objects.get()
    assert (presence.hours_alive, presence.hours_seen) == (1, 0)


def test_r8_a_state_never_known_before_is_counted_as_unknown(shop: Shop) -> None:
    ledger.meter(Simulator([line(shop, DAY, DAY + HOUR, state="unknown")]), until=DAY + 2 * HOUR)
    rows = DailyCost.objects.filter(component_id=shop.component("server").pk)
    assert [(row.quantity, row.is_flagged) for row in rows] == [(0, True)]


def test_r8_a_size_that_does_not_say_how_much_is_flagged(shop: Shop) -> None:
    ledger.meter(Simulator([line(shop, DAY, DAY + HOUR, size={})]), until=DAY + 2 * HOUR)
    row = DailyCost.objects.get(component_id=shop.component("disk").pk)
    assert (row.quantity, row.is_flagged) == (0, True)


# R10: identity


def test_r10_a_new_machine_under_an_old_name_is_another_meter(shop: Shop) -> None:
    first, second = line(shop, DAY, DAY + HOUR), line(shop, DAY + HOUR, DAY + 2 * HOUR, generation="2")
    ledger.meter(Simulator([first, second]), until=DAY + 4 * HOUR)
    with connect() as engine:
        rating.open_usage(engine, DAY.date())
        found = rows_of(engine, "SELECT DISTINCT generation, id FROM meters WHERE meter = 'server-hours' ORDER BY 1")
    assert [generation for generation, _ in found] == ["1", "2"]
    assert found[0][1] != found[1][1]


def test_r10_a_renamed_resource_stays_one_meter(shop: Shop) -> None:
    lines = [line(shop, DAY, DAY + HOUR), line(shop, DAY + HOUR, DAY + 2 * HOUR, size={"name": "other", "disk_gib": 20})]
    ledger.meter(Simulator(lines), until=DAY + 4 * HOUR)
    with connect() as engine:
        rating.open_usage(engine, DAY.date())
        assert rows_of(engine, "SELECT count(*) FROM meters WHERE meter = 'server-hours'") == [(1,)]


# R11: present, absent, unknown


def test_r11_hours_that_nobody_saw_are_carried_on_and_marked_then_stop(shop: Shop) -> None:
    """Seen until six, an hour of grace, a day of gap: then the hours are counted as unknown, not as zero."""
    unseen = line(shop, DAY, seen_until=DAY + 6 * HOUR)
    ledger.meter(Simulator([unseen]), until=DAY + timedelta(days=2))
    assert quantity(shop, "server") == 6 + 1 + 24
    presence = DailyPresence.objects.aggregate(alive=Sum("hours_alive"), seen=Sum("hours_seen"))
    assert presence == {"alive": 48, "seen": 7}
    assert DailyCost.objects.filter(component_id=shop.component("server").pk, is_flagged=True).count() == 2


def test_r11_the_estimate_gives_way_when_the_truth_arrives(shop: Shop) -> None:
    simulator = Simulator([line(shop, DAY, seen_until=DAY + 6 * HOUR)])
    ledger.meter(simulator, until=DAY + timedelta(days=4))
    simulator.lines = [line(shop, DAY, DAY + 10 * HOUR)]
    ledger.meter(simulator, until=DAY + timedelta(days=4, hours=1))
    assert (quantity(shop, "server"), quantity(shop, "disk")) == (10, 200)
    presence = DailyPresence.objects.aggregate(alive=Sum("hours_alive"), seen=Sum("hours_seen"))
    assert presence == {"alive": 10, "seen": 10}


@pytest.mark.parametrize("seed", range(3))
def test_r11_dropped_polls_end_nothing_and_cost_nothing_once_they_are_made_up(shop: Shop, seed: int) -> None:
    dice, until = random.Random(seed), DAY + timedelta(hours=30)
    truth = lives(shop, seed, starts=DAY, ends=until)
    simulator = Simulator()
    for hour in range(1, 31):
        now = DAY + hour * HOUR
        seen_until = now - timedelta(hours=dice.choice([0, 0, 0, 2, 5]))
        simulator.lines = [_as_seen(each, now, seen_until) for each in truth.lines if each.starts < now]
        ledger.meter(simulator, until=now)
    simulator.lines = truth.lines
    ledger.meter(simulator, until=until + HOUR)
    expected = true_cost(truth.lines, truth.within(DAY, until).components, price_rows(DAY, until), until + HOUR)
    assert Fraction(total()) == expected


def _as_seen(each: LifelineRow, now: datetime, seen_until: datetime) -> LifelineRow:
    """The line as it is known at a moment, when somebody last looked a while ago."""
    if each.ends and each.ends <= now:
        return each
    return replace(each, ends=None, seen_until=max(seen_until, each.starts))
