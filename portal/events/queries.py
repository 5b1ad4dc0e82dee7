"""Reads of the seals: how far the log is sealed, what waits and why, and the place of each event."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import OuterRef, Subquery

from portal.events.frontier import START, UNPLACED, XMAX, XMIN, era_here, frontier_of, last_seal
from portal.events.models import Event, Position, Seal, SealKey

MOST_COUNTED = 100_000


@dataclass(frozen=True, slots=True)
class Holder:
    """A transaction that holds sealing back: its process, what it calls itself, and since when it is open."""

    pid: int
    application: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Lag:
    """How many events are not sealed yet, at most as many as are counted, and when the oldest of them happened.

    `first_kept` is the first position of which the event has not been removed.
    """

    count: int
    oldest: datetime | None
    is_alarm: bool
    first_kept: int

    @property
    def is_more(self) -> bool:
        """Whether there are more than were counted."""
        return self.count > MOST_COUNTED


@dataclass(frozen=True, slots=True)
class State:
    """How far the log is sealed. `holder` is looked for only while there is an alarm, and not always to be seen."""

    last: Seal | None
    lag: Lag
    holder: Holder | None

    @property
    def removed_through(self) -> int:
        return self.lag.first_kept - 1

    @property
    def position(self) -> int:
        return self.last.last if self.last else 0


def state_of_seals(at: datetime) -> State:
    """The state at this moment."""
    last = last_seal()
    lag = lag_behind(last, at)
    return State(last, lag, _holder() if lag.is_alarm else None)


def lag_behind(last: Seal | None, at: datetime) -> Lag:
    """What waits to be sealed after the last seal."""
    era = era_here(last)
    statement = f"""
        SELECT count(*), min(at), (SELECT min(position) FROM events_position) FROM (
            SELECT e.at FROM events_event e
            WHERE (e.xid, e.id) > (%s, %s) AND {UNPLACED} {f"AND e.xid < {XMAX}" if era else ""}
            ORDER BY e.xid, e.id LIMIT %s
        ) waiting
    """  # noqa: S608 - our own expressions
    with connection.cursor() as cursor:
        cursor.execute(statement, [*(frontier_of(era, last) if era else START), MOST_COUNTED + 1])
        count, oldest, first = cursor.fetchone()
    late = oldest is not None and at - oldest > timedelta(seconds=settings.SEAL_ALARM_S)
    return Lag(count, oldest, late, first or 1)


def seals() -> Any:
    """Every seal, the newest first."""
    return Seal.objects.order_by("-number")


def seal_keys() -> Any:
    """Every key that ever signed, the newest first."""
    return SealKey.objects.order_by("-since", "pk")


def with_positions(events: Any) -> Any:
    """The same events, each with its `position`; None where it is not sealed yet."""
    return events.annotate(position=Subquery(Position.objects.filter(event_id=OuterRef("pk")).values("position")[:1]))


def events_after(position: int, most: int) -> list[tuple[int, Event]]:
    """The next sealed events after a position, each with its own, in order: what a consumer reads that must miss none."""
    placed = Position.objects.filter(position__gt=position).order_by("position")[:most]
    pairs = list(placed.values_list("position", "event_id"))
    events = Event.objects.in_bulk([event_id for _position, event_id in pairs])
    return [(place, events[event_id]) for place, event_id in pairs if event_id in events]


def _holder() -> Holder | None:
    """Whose transaction is the oldest one open; None where it has ended, or is another database user's."""
    statement = f"""
        SELECT pid, coalesce(application_name, ''), xact_start FROM pg_stat_activity
        WHERE backend_xid::text::bigint = {XMIN} % 4294967296
    """  # noqa: S608 - our own expression
    with connection.cursor() as cursor:
        cursor.execute(statement)
        found = cursor.fetchone()
    return Holder(*found) if found else None
