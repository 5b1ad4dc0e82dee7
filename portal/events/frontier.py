"""How far the log is sealed: in the order of transactions, since a transaction may commit long after later ones did."""

from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import CharField, Func, Subquery

from portal.events.models import Era, Seal


class Frontier(NamedTuple):
    """Every event up to this one, by transaction and then by id, has its position."""

    xid: int
    event_id: UUID


XMIN = """(
    SELECT coalesce(min(open.xid), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
    FROM (SELECT xip::text::bigint AS xid FROM pg_snapshot_xip(pg_current_snapshot()) xip) open
    WHERE NOT EXISTS (
        SELECT FROM pg_locks held JOIN pg_stat_activity elsewhere USING (pid)
        WHERE held.locktype = 'transactionid' AND held.mode = 'ExclusiveLock' AND held.granted
            AND held.transactionid::text::bigint = mod(open.xid, 4294967296) AND elsewhere.datname <> current_database()
    )
)"""
"""The oldest transaction still open that may write here; everything below it has ended, and nothing can appear there any more.

A snapshot counts transactions of every database of the cluster. One of them is left out only where its backend is seen,
after the snapshot, to hold it in another database: who is not seen counts as being here.
"""
XMAX = "(SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint)"
"""The first transaction that has not begun."""
HERE = "(SELECT system_identifier::text FROM pg_control_system())"
START = Frontier(-1, UUID(int=0))
UNPLACED = "(SELECT p.position FROM events_position p WHERE p.event_id = e.id) IS NULL"
"""A look at the index for each event. Written as a join it would tempt the planner to read every position ever given."""


def cluster() -> str:
    """Which cluster of PostgreSQL this is: its own number, given when it was made."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {HERE}")
        return str(cursor.fetchone()[0])


def last_seal() -> Seal | None:
    """The newest seal, with its era, and with what `era_here` needs to know whether that is still the one."""
    here = Func(template=HERE, output_field=CharField())
    newest = Subquery(Era.objects.order_by("-pk").values("pk")[:1])
    seals: Any = Seal.objects.select_related("era").annotate(here=here, newest_era=newest)
    found: Seal | None = seals.order_by("-number").first()
    return found


def era_here(last: Any) -> Era | None:
    """The era of this cluster, given the last seal; None where the log came from another one and has not settled yet."""
    is_newest = last is not None and last.era is not None and last.era_id == last.newest_era
    era: Era | None = last.era if is_newest else Era.objects.order_by("-pk").first()
    return era if era is not None and era.cluster == (last.here if last else cluster()) else None


def frontier_of(era: Era, last: Seal | None) -> Frontier:
    """Where the next events of an era are, given the last seal."""
    if last is not None and last.era_id == era.pk:
        return Frontier(last.upto_xid, last.upto_event)
    return Frontier(era.horizon, START.event_id)


def lowest_open() -> int:
    """XMIN at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {XMIN}")
        return int(cursor.fetchone()[0])
