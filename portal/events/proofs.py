"""Evidence of events: each with the path from its text to a signed checkpoint, to be checked without this portal.

Whoever holds it learns of other events no more than hashes. `scripts/verify_evidence.py` checks it.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from portal.core.errors import Conflict
from portal.events import merkle
from portal.events.canonical import canonical_sql
from portal.events.frontier import last_seal
from portal.events.keys import published_keys
from portal.events.models import Event, Position, Seal

FORMAT = "concord-evidence/1"


def proof_of(event: Event) -> dict[str, Any]:
    """Evidence of one event; Conflict where it is not sealed yet."""
    subject = {"kind": event.target_kind, "id": event.target_id, "label": event.target_label}
    evidence = evidence_of(subject, [event])
    if not evidence["events"]:
        raise Conflict(_("This event is not sealed yet. Come back in a moment."))
    return evidence


def evidence_of(subject: dict[str, Any], events: Iterable[Event]) -> dict[str, Any]:
    """Evidence of those events that are sealed, by their positions, about a subject that the caller describes."""
    placed = list(with_seals(Position.objects.filter(event_id__in=[event.pk for event in events])).order_by("position"))
    seals = Seal.objects.in_bulk({position.seal_number for position in placed}, field_name="number")
    leaves = {number: _leaves(seal) for number, seal in seals.items()}
    texts = _texts([position.event_id for position in placed])
    shown = [
        {
            "position": position.position,
            "event": texts[position.event_id],
            "path": _path(leaves[position.seal_number], position.position - seals[position.seal_number].first),
            "checkpoint": str(position.seal_number),
        }
        for position in placed
    ]
    used = {seal.key_id for seal in seals.values()}
    return {
        "format": FORMAT,
        "subject": subject,
        "public_keys": {key_id: public for key_id, public in published_keys().items() if key_id in used},
        "events": shown,
        "checkpoints": {str(number): seal.checkpoint.as_json(bytes(seal.signature)) for number, seal in seals.items()},
    }


def published() -> dict[str, Any]:
    """What an auditor keeps outside: every public key, and the newest checkpoint, which speaks of the whole log up to it."""
    last = last_seal()
    newest = {"number": last.number, **last.checkpoint.as_json(bytes(last.signature))} if last else None
    return {"format": "concord-seals/1", "public_keys": published_keys(), "checkpoint": newest}


def with_seals(positions: QuerySet[Position]) -> Any:
    """The same, each with the number of its seal as `seal_number`."""
    seal = Seal.objects.filter(last__gte=OuterRef("position")).order_by("last").values("number")[:1]
    return positions.annotate(seal_number=Subquery(seal))


def _texts(ids: list[UUID]) -> dict[UUID, str]:
    """What each event says now, as it is hashed."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT e.id, {canonical_sql()} FROM events_event e WHERE e.id = ANY(%s)", [ids])  # noqa: S608 - our own expression
        return dict(cursor.fetchall())


def _leaves(seal: Seal) -> list[bytes]:
    """Every leaf of a batch, in order."""
    within = Position.objects.filter(position__range=(seal.first, seal.last)).order_by("position")
    return [bytes(leaf) for leaf in within.values_list("leaf", flat=True)]


def _path(leaves: list[bytes], index: int) -> list[list[str]]:
    """The path of one leaf, ready for JSON."""
    return [[side, neighbour.hex()] for side, neighbour in merkle.path(leaves, index)]
