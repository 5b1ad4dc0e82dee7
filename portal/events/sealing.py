"""Seal events behind the writers: gapless positions, a Merkle tree for each batch, chained and signed.

A writer waits for nothing: the sealer comes later, takes an advisory lock and no lock on any event, and looks only below the
oldest open transaction, where nothing can appear any more. So whoever commits late is neither passed over nor counted twice.
"""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from portal.core import clock
from portal.events import checkpoints, frontier, keys, merkle
from portal.events.canonical import leaf_sql
from portal.events.frontier import START, XMAX, XMIN, Frontier
from portal.events.models import Era, Event, Seal

MOST = 2**14
BATCHES = 64
SETTLED = f"e.xid < {XMIN}"
SETTLED_OR_FROM_ELSEWHERE = f"(e.xid < {XMIN} OR e.xid >= {XMAX})"
"""No transaction of this cluster has come so far as the second: what is seen there came with a dump, committed long ago."""


@dataclass(frozen=True, slots=True)
class Batch:
    """How many events were sealed at once; whether there is nothing more to do, and else where to go on."""

    count: int
    is_last: bool = True
    after: Frontier = START


class Placed(NamedTuple):
    """An event that was given its position, with the hash of what it says."""

    position: int
    event_id: UUID
    leaf: bytes


def seal(*, batches: int = BATCHES, most: int = MOST, waits: bool = False) -> int:
    """Seal what can be sealed, batch by batch; how many events. While another sealer is at it nothing, or its turn is waited for.

    Each batch is a transaction of its own: one that is cut off leaves nothing, and the next sealer takes it up.
    """
    sealed, after = 0, START
    for _batch in range(batches):
        batch = seal_batch(after, most, waits=waits)
        sealed += batch.count
        if batch.is_last:
            break
        after = batch.after
    return sealed


@transaction.atomic
def seal_batch(after: Frontier, most: int, *, waits: bool = False) -> Batch:
    """One batch. `after` counts only while the log moves in from another cluster."""
    if not _is_alone(waits):
        return Batch(0)
    last = frontier.last_seal()
    era = frontier.era_here(last)
    if era is None:
        return _move_in(last, after, most)
    taken = _take(SETTLED, frontier.frontier_of(era, last), last, most)
    if taken:
        _sign(taken, last, era)
    return Batch(len(taken), is_last=len(taken) < most)


def _move_in(last: Seal | None, after: Frontier, most: int) -> Batch:
    """Seal what has no position, wherever it stands, since transaction ids of another cluster say nothing here.

    Once everything was gone through from its start and little was left, the era of this cluster begins.
    """
    horizon = frontier.lowest_open()  # looked up before the events are: what comes later is looked at again
    taken = _take(SETTLED_OR_FROM_ELSEWHERE, after, last, most)
    made = _sign(taken, last, None) if taken else None
    if made and len(taken) == most:
        return Batch(len(taken), is_last=False, after=Frontier(made.upto_xid, made.upto_event))
    if after != START:
        return Batch(len(taken), is_last=False)
    Era.objects.create(cluster=frontier.cluster(), horizon=horizon)
    return Batch(len(taken))


def _is_alone(waits: bool) -> bool:
    """Whether this is the one sealer until the transaction ends."""
    with connection.cursor() as cursor:
        if waits:
            cursor.execute("SELECT true FROM pg_advisory_xact_lock(hashtextextended('events.seal', 0))")
        else:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('events.seal', 0))")
        return bool(cursor.fetchone()[0])


def _take(which: str, after: Frontier, last: Seal | None, most: int) -> list[Placed]:
    """Give the next events their positions, in one statement and so in one snapshot."""
    statement = f"""
        WITH taken AS (
            SELECT e.id, e.xid, {leaf_sql()} AS leaf FROM events_event e
            WHERE (e.xid, e.id) > (%s, %s) AND {which} AND {frontier.UNPLACED}
            ORDER BY e.xid, e.id LIMIT %s
        )
        INSERT INTO events_position (position, event_id, leaf)
        SELECT %s + row_number() OVER (ORDER BY xid, id), id, leaf FROM taken
        RETURNING position, event_id, leaf
    """  # noqa: S608 - our own expressions; values are parameters
    with connection.cursor() as cursor:
        cursor.execute(statement, [*after, most, last.last if last else 0])
        rows = sorted(cursor.fetchall())
    return [Placed(position, event_id, bytes(leaf)) for position, event_id, leaf in rows]


def _sign(taken: list[Placed], last: Seal | None, era: Era | None) -> Seal:
    """Seal the batch and chain it to the one before."""
    key_id, seed = keys.signing_key()
    first, end = taken[0].position, taken[-1]
    root = merkle.root([placed.leaf for placed in taken])
    previous = bytes(last.chained) if last else checkpoints.BEGINNING
    made = Seal(
        number=last.number + 1 if last else 1,
        first=first,
        last=end.position,
        root=root,
        previous=previous,
        chained=checkpoints.chain(previous, root, first=first, last=end.position),
        created_at=clock.now(),
        key_id=key_id,
        era=era,
        upto_xid=Event.objects.values_list("xid", flat=True).get(pk=end.event_id),
        upto_event=end.event_id,
    )
    made.signature = checkpoints.sign(made.checkpoint.statement(), seed)
    made.save(force_insert=True)
    return made
