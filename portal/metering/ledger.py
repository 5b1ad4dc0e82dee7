"""Bring the ledger up to a moment: collect, rate and roll up day by day, each day in one transaction."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import F, Min

from portal.core import clock
from portal.metering import lake, rating, rollup, samples
from portal.metering.lifelines import Source
from portal.metering.models import LIFELINES, DailyPresence, Dataset, Watermark

LOOK_BACK = timedelta(hours=48)
"""What is learned this late about the life of a resource still changes its hours by itself."""
LONGEST_GAP = timedelta(days=31)
"""Hours that nobody saw are looked at again this long, for somebody may have seen them after all."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did: up to when the ledger is whole, and the UTC days that changed."""

    until: datetime | None
    changed: tuple[date, ...]


@contextmanager
def turn() -> Iterator[bool]:
    """Whether no other run is at the ledger. A worker that dies gives its turn back with its connection."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('metering', 0))")
        is_mine = bool(cursor.fetchone()[0])
        try:
            yield is_mine
        finally:
            if is_mine:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended('metering', 0))")


def meter(source: Source, *, until: datetime | None = None) -> Report:
    """Meter all that is not metered yet, up to a moment; a second run, or one with an earlier clock, changes nothing.

    The hour under way is metered as far as it has gone; the next run completes it.
    """
    mark = Watermark.objects.filter(source=LIFELINES).values_list("until", flat=True).first()
    until = max(until or clock.now(), mark or datetime.min.replace(tzinfo=UTC))
    first = _first_day(source, mark, until)
    if first is None:
        return Report(mark, ())
    days = [first + timedelta(days=index) for index in range((until.date() - first).days + 1)]
    changed = [day for day in days if meter_day(source, day, until)]
    return Report(until, tuple(changed))


def meter_day(source: Source, day: date, until: datetime) -> bool:
    """One UTC day from lifelines to the roll-up, whole or not at all; whether anything changed."""
    window = samples.window_of(day, until)
    if window.starts >= window.ends:
        return False
    with transaction.atomic():
        lake.hold(Dataset.USAGE, window.period)
        batch = samples.collect(window, source.within(window.starts, window.ends))
        rated = rating.rate(day)
        if batch or rated:
            rollup.roll_up(day)
        _move_watermark(window.ends)
    return bool(batch or rated)


def rate_since(since: datetime) -> tuple[date, ...]:
    """Rate the days from a moment on anew, where prices or usage are not those they were rated with."""
    days = [day for day in rollup.ledger_days() if day >= since.astimezone(UTC).date()]
    return tuple(day for day in days if _rate_day(day))


def rebuild(days: Iterable[date]) -> None:
    """Roll days up anew from the lake alone."""
    for day in days:
        with transaction.atomic():
            lake.hold(Dataset.CHARGES, day.isoformat())
            rollup.roll_up(day)


def _rate_day(day: date) -> bool:
    with transaction.atomic():
        lake.hold(Dataset.USAGE, day.isoformat())
        if rating.rate(day) is None:
            return False
        rollup.roll_up(day)
    return True


def _first_day(source: Source, mark: datetime | None, until: datetime) -> date | None:
    """The first UTC day that may need work."""
    if mark is None:
        earliest = source.earliest_start()
        return earliest.date() if earliest and earliest < until else None
    unseen = DailyPresence.objects.filter(hours_seen__lt=F("hours_alive"), ledger_day__gte=(until - LONGEST_GAP).date())
    oldest = unseen.aggregate(day=Min("ledger_day"))["day"]
    late = min(mark, until - LOOK_BACK).date()
    return min(late, oldest) if oldest else late


def _move_watermark(until: datetime) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO metering_watermark (source, until) VALUES (%s, %s)"
            " ON CONFLICT (source) DO UPDATE SET until = greatest(metering_watermark.until, excluded.until)",
            [LIFELINES, until],
        )
