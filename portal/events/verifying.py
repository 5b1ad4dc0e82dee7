"""Go through the whole log and name the first thing that does not fit what was sealed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from portal.events import checkpoints, frontier, keys, merkle
from portal.events.canonical import canonical_sql
from portal.events.models import Position, Seal, SealKey
from portal.events.removals import Removal, last_removal

ROWS = 2**14


class Fault(StrEnum):
    """What can be wrong."""

    CHANGED = "changed event: it says something else than when it was sealed"
    MISSING = "missing event: its position is there, and it is not"
    GAP = "missing position: a gap in the log"
    LEAF = "changed position: the event is as it was sealed, the hash kept beside it is not"
    ROOT = "wrong root: the seal states another hash of its events"
    CHAIN = "wrong chain: the seal does not follow from the one before it"
    SIGNATURE = "bad signature: the key did not sign what the seal states"
    KEY = "unknown key: no trusted key has the id that the seal names"
    PUBLISHED = "wrong published key: it is not the one that this portal signs with"
    SEAL = "missing seal: the one before this is gone"
    KNOWN = "another past: the checkpoint that you hold is not in this log"
    STRAY = "position without a seal"
    ADDED = "added event: it was put in where everything had been sealed"
    REMOVED = "removed events without a sealed and signed record of it"


@dataclass(frozen=True, slots=True)
class Broken:
    """The first thing that does not fit: its position and event as far as they are known, and the seal."""

    fault: Fault
    position: int | None = None
    event_id: UUID | None = None
    seal: int | None = None

    def __str__(self) -> str:
        named = {"position": self.position, "event": self.event_id, "seal": self.seal}
        return ", ".join([*(f"{name} {value}" for name, value in named.items() if value is not None), self.fault.value])


@dataclass(slots=True)
class Report:
    """What was gone through; `broken` is None where everything fits."""

    events: int = 0
    seals: int = 0
    removed_through: int = 0
    unsealed: int = 0
    broken: Broken | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """What the log is held against: public keys by id, and chained hashes by seal that somebody kept outside."""

    keys: Mapping[str, bytes]
    chained: Mapping[int, str] = field(default_factory=dict)


class Row(NamedTuple):
    """A position, and the text of its event; None where there is no such event."""

    position: int
    event_id: UUID
    leaf: Any
    text: str | None


def verify(trust: Trust | None = None) -> Report:
    """Hold the log, as it is at this moment, against its seals. Without `trust` the published keys count."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        report = Report()
        report.broken = _first_broken(report, trust or Trust(keys.public_keys()))
        report.unsealed = 0 if report.broken else _count_unsealed()
    return report


def _first_broken(report: Report, trust: Trust) -> Broken | None:
    removal = _carried_out(last_removal(trust.keys))
    before: Seal | None = None
    for seal, rows in _batches(removal.through if removal else 0):
        broken = _check_order(seal, before)
        if removal and seal.last <= removal.through:
            broken = broken or _check_removed(seal, removal)
            report.removed_through = seal.last
        else:
            broken = broken or _check_rows(seal, rows)
            report.events += len(rows)
        if broken := broken or _check_statement(seal, before, trust):
            return broken
        report.seals, before = report.seals + 1, seal
    return _check_end(before, trust)


def _carried_out(removal: Removal | None) -> Removal | None:
    """The removal on record, where nothing of what it names is there any more; half of it counts as none."""
    if removal is None or Position.objects.filter(position__lte=removal.through).exists():
        return None
    return removal


def _batches(removed_through: int) -> Iterator[tuple[Seal, list[Row]]]:
    """Each seal with its rows; many small ones are read together."""
    waiting: list[Seal] = []
    for seal in Seal.objects.order_by("number").iterator(chunk_size=2000):
        waiting.append(seal)
        if seal.last - waiting[0].first >= ROWS:
            yield from _with_rows(waiting, removed_through)
            waiting = []
    yield from _with_rows(waiting, removed_through)


def _with_rows(seals: list[Seal], removed_through: int) -> Iterator[tuple[Seal, list[Row]]]:
    if not seals:
        return
    rows = _rows(min(seal.first for seal in seals), max(seal.last for seal in seals), removed_through)
    at = 0
    for seal in seals:
        start = at
        while at < len(rows) and rows[at].position <= seal.last:
            at += 1
        yield seal, rows[start:at]


def _rows(first: int, last: int, removed_through: int) -> list[Row]:
    if last <= removed_through:
        return []
    statement = f"""
        SELECT p.position, p.event_id, p.leaf, (SELECT {canonical_sql()} FROM events_event e WHERE e.id = p.event_id)
        FROM events_position p WHERE p.position BETWEEN %s AND %s ORDER BY p.position
    """  # noqa: S608 - our own expression
    with connection.cursor() as cursor:
        cursor.execute(statement, [first, last])
        return [Row(*row) for row in cursor.fetchall()]


def _check_order(seal: Seal, before: Seal | None) -> Broken | None:
    """Whether it goes on where the one before it ended."""
    number, last = (before.number, before.last) if before else (0, 0)
    if seal.number != number + 1 or seal.first != last + 1 or seal.last < seal.first:
        return Broken(Fault.SEAL, last + 1, seal=seal.number)
    return None


def _check_removed(seal: Seal, removal: Removal) -> Broken | None:
    """Whether the record of the removal is about this log."""
    is_end = seal.last == removal.through
    return (
        Broken(Fault.REMOVED, seal.first, seal=seal.number)
        if is_end and bytes(seal.chained).hex() != removal.chained
        else None
    )


def _check_statement(seal: Seal, before: Seal | None, trust: Trust) -> Broken | None:
    """Whether it follows from the one before it, its key signed it, and it is the one that somebody kept."""
    previous = bytes(before.chained) if before else checkpoints.BEGINNING
    chained = checkpoints.chain(previous, bytes(seal.root), first=seal.first, last=seal.last)
    if bytes(seal.previous) != previous or bytes(seal.chained) != chained:
        return Broken(Fault.CHAIN, seal.first, seal=seal.number)
    if seal.key_id not in trust.keys:
        return Broken(Fault.KEY, seal.first, seal=seal.number)
    if not checkpoints.is_signed(seal.checkpoint.statement(), bytes(seal.signature), trust.keys[seal.key_id]):
        return Broken(Fault.SIGNATURE, seal.first, seal=seal.number)
    if trust.chained.get(seal.number, chained.hex()) != chained.hex():
        return Broken(Fault.KNOWN, seal.first, seal=seal.number)
    return None


def _check_rows(seal: Seal, rows: list[Row]) -> Broken | None:
    """Whether every position is there and every event says what it said."""
    for expected, row in enumerate(rows, seal.first):
        if row.position != expected:
            return Broken(Fault.GAP, expected, seal=seal.number)
        if row.text is None:
            return Broken(Fault.MISSING, row.position, row.event_id, seal.number)
    if len(rows) < seal.last - seal.first + 1:
        return Broken(Fault.GAP, seal.first + len(rows), seal=seal.number)
    kept = [bytes(row.leaf) for row in rows]
    told = [sha256(merkle.LEAF + row.text.encode()).digest() for row in rows if row.text is not None]
    if kept != told:
        at = next(index for index, pair in enumerate(zip(kept, told, strict=True)) if pair[0] != pair[1])
        fault = Fault.LEAF if merkle.root(told) == bytes(seal.root) else Fault.CHANGED
        return Broken(fault, rows[at].position, rows[at].event_id, seal.number)
    return None if merkle.root(kept) == bytes(seal.root) else Broken(Fault.ROOT, seal.first, seal=seal.number)


def _check_end(last: Seal | None, trust: Trust) -> Broken | None:
    """Whether anything is there that no seal speaks of, and nothing is missing at the end that somebody holds a seal of."""
    number, end = (last.number, last.last) if last else (0, 0)
    if lost := [known for known in trust.chained if not 0 < known <= number]:
        return Broken(Fault.KNOWN, end + 1, seal=min(lost))
    if stray := Position.objects.filter(position__gt=end).order_by("position").first():
        return Broken(Fault.STRAY, stray.position, stray.event_id)
    if added := _added():
        return Broken(Fault.ADDED, event_id=added)
    own = keys.own_keys()
    for key in SealKey.objects.filter(pk__in=own):
        if bytes(key.public) != checkpoints.public_of(own[key.pk]):
            return Broken(Fault.PUBLISHED)
    return None


def _added() -> UUID | None:
    """An event without a position where every event has had one for long; that of another cluster has come since the move."""
    last = frontier.last_seal()
    era = frontier.era_here(last)
    if era is None:
        return None
    statement = f"""
        SELECT e.id FROM events_event e
        WHERE ((e.xid, e.id) <= (%s, %s) OR e.xid >= {frontier.XMAX})
            AND NOT EXISTS (SELECT 1 FROM events_position p WHERE p.event_id = e.id)
        ORDER BY e.xid, e.id LIMIT 1
    """  # noqa: S608 - our own expression
    with connection.cursor() as cursor:
        cursor.execute(statement, [*frontier.frontier_of(era, last)])
        found = cursor.fetchone()
    return found[0] if found else None


def _count_unsealed() -> int:
    statement = """
        SELECT (SELECT count(*) FROM events_event) - (SELECT count(*) FROM events_position)
    """
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])
