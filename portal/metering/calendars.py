"""Days and months of a place as stretches of UTC, so that no engine has to know time zones."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PERIOD = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class LocalDay:
    """One day of a place: [starts, ends) in UTC, 23 to 25 hours, and the month it is billed in."""

    zone: str
    day: date
    starts: datetime
    ends: datetime
    period_starts: datetime
    period_ends: datetime


def midnight(day: date, zone: str) -> datetime:
    """The first moment of a day there, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def month_of(period: str, zone: str) -> tuple[datetime, datetime]:
    """The first moment of a month ("2026-06") there and the first after it, in UTC."""
    first = date.fromisoformat(f"{period}-01")
    return midnight(first, zone), midnight(next_month(first), zone)


def days_of(period: str) -> tuple[date, date]:
    """The first and the last day of a month."""
    first = date.fromisoformat(f"{period}-01")
    return first, next_month(first) - timedelta(days=1)


def is_period(text: str) -> bool:
    """Whether it names a month of this century, as "2026-06"."""
    return PERIOD.fullmatch(text) is not None


def next_month(day: date) -> date:
    """The first day of the month after."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def local_day(at: datetime, zone: str) -> date:
    """The day it is there."""
    return at.astimezone(ZoneInfo(zone)).date()


def period_at(at: datetime, zone: str) -> str:
    """The month it is there, as "2026-06"."""
    return local_day(at, zone).isoformat()[:7]


def days_touching(utc_day: date, zone: str) -> list[LocalDay]:
    """The days of a place that share an hour with a UTC day."""
    starts = datetime.combine(utc_day, time(), UTC)
    first, last = local_day(starts, zone), local_day(starts + timedelta(hours=23, minutes=59), zone)
    return [_local(first + timedelta(days=index), zone) for index in range((last - first).days + 1)]


def ledger_days(first: date, last: date) -> list[date]:
    """The UTC days that can hold hours of these local days, wherever they are."""
    return [first + timedelta(days=index) for index in range(-1, (last - first).days + 2)]


def _local(day: date, zone: str) -> LocalDay:
    month = month_of(day.isoformat()[:7], zone)
    return LocalDay(zone, day, midnight(day, zone), midnight(day + timedelta(days=1), zone), *month)
