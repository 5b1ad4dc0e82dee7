"""Working hours: when a stage is due that may take so many of them. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EVERY_WORKDAY = frozenset({0, 1, 2, 3, 4})


@dataclass(frozen=True, slots=True)
class Hours:
    """A working week: days (Monday is 0), from when until when in the zone's own time, and the days nobody works."""

    days: Collection[int] = EVERY_WORKDAY
    begins: time = time(9)
    ends: time = time(17)
    zone: str = "UTC"
    holidays: Collection[date] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if not set(self.days) <= set(range(7)) or not self.days:
            raise ValueError("a working week has one to seven days, 0 to 6")
        if self.begins >= self.ends:
            raise ValueError("a working day begins before it ends")


def due_after(start: datetime, hours: float, work: Hours) -> datetime:
    """The moment at which so many working hours have passed since `start`, in UTC.

    Counted in real time: the day on which clocks change is as long as it is.
    """
    left = timedelta(hours=hours)
    day = start.astimezone(ZoneInfo(work.zone)).date()
    while True:
        opens, closes = _window(day, work)
        begins = max(start, opens)
        if begins < closes and left <= closes - begins:
            return (begins + left).astimezone(UTC)
        if begins < closes:
            left -= closes - begins
        day += timedelta(days=1)


def hours_between(start: datetime, end: datetime, work: Hours) -> float:
    """How many working hours lie between two moments; none where the second is not later."""
    total, zone = timedelta(), ZoneInfo(work.zone)
    day = start.astimezone(zone).date()
    while day <= end.astimezone(zone).date():
        opens, closes = _window(day, work)
        total += max(min(end, closes) - max(start, opens), timedelta())
        day += timedelta(days=1)
    return total / timedelta(hours=1)


def _window(day: date, work: Hours) -> tuple[datetime, datetime]:
    """From when until when that day is worked, in UTC; empty on a day off."""
    zone = ZoneInfo(work.zone)
    opens = datetime.combine(day, work.begins, zone).astimezone(UTC)
    if day.weekday() not in work.days or day in work.holidays:
        return opens, opens
    return opens, datetime.combine(day, work.ends, zone).astimezone(UTC)
