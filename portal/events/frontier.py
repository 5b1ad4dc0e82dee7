"""How far the log is sealed: in the order of transactions, since a transaction may commit long after later ones did."""

from typing import NamedTuple
from uuid import UUID

from django.db import connection

from portal.events.models import Era, Seal


class Frontier(NamedTuple):
    """Every event up to this one, by transaction and then by id, has its position."""

    xid: int
    event_id: UUID


START = Frontier(-1, UUID(int=0))
UNPLACED = "(SELECT p.position FROM events_position p WHERE p.event_id = e.id) IS NULL"
"""A look at the index for each event. Written as a join it would tempt the planner to read every position ever given."""


def cluster() -> str:
    """Which cluster of PostgreSQL this is: its own number, given when it was made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
        return str(cursor.fetchone()[0])


def era_here() -> Era | None:
    """The era of this cluster; None where the log came from another one and has not settled yet."""
    era = Era.objects.order_by("-pk").first()
    return era if era is not None and era.cluster == cluster() else None


def frontier_of(era: Era, last: Seal | None) -> Frontier:
    """Where the next events of an era are, given the last seal."""
    if last is not None and last.era_id == era.pk:
        return Frontier(last.upto_xid, last.upto_event)
    return Frontier(era.horizon, START.event_id)


def last_seal() -> Seal | None:
    """The newest seal."""
    return Seal.objects.order_by("-number").first()


def lowest_open() -> int:
    """The oldest transaction still open; everything below it has ended, and nothing can appear there any more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return int(cursor.fetchone()[0])
