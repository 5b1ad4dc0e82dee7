"""Events as a file of lines: everything that she may see and that fits the filter, streamed whatever its size."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from portal.access.guard import permissions_of
from portal.access.models import Scope
from portal.access.resolver import paths_of
from portal.audit.ocsf import as_ocsf
from portal.audit.queries import PERMISSION
from portal.audit.services import check_herself
from portal.audit.shapes import as_bytes, as_data
from portal.core.errors import Invalid, NotFound
from portal.events.models import Event, Position
from portal.events.services import record
from portal.users.actor import Actor

CHUNK = 500
Shape = Callable[[Event, int | None], dict[str, Any]]


def as_line(event: Event, position: int | None) -> dict[str, Any]:
    """The event's own columns, with its place in the sealed order; null while it has none."""
    return {"position": position, **as_data(event)}


SHAPES: dict[str, Shape] = {"ndjson": as_line, "ocsf": as_ocsf}


@transaction.atomic
def export_events(rows: QuerySet[Event], shape: str, *, asked: dict[str, str], actor: Actor) -> Iterator[bytes]:
    """The lines of these rows, oldest first. `rows` are those that she may see; that she took them is an event in each
    organization whose events she may read, before the first line leaves.
    """
    if PERMISSION not in permissions_of(actor):
        raise NotFound
    check_herself(actor)
    if shape not in SHAPES:
        raise Invalid(fields={"shape": [_("Choose ndjson or ocsf.")]})
    roots = {UUID(path.partition(".")[0]) for path in paths_of(actor, PERMISSION)}
    for organization in Scope.objects.filter(pk__in=roots).order_by("pk"):
        record("audit.export_events", organization, actor=actor, shape=shape, filter=asked)
    return lines(rows, SHAPES[shape])


def lines(rows: QuerySet[Event], shape: Shape) -> Iterator[bytes]:
    """One event a line, read from a cursor of the server a few hundred at a time."""
    own = Position.objects.filter(event_id=OuterRef("pk")).values("position")
    wanted: Any = rows.select_related("actor", "acting_for", "viewed_as_by").annotate(sealed_at=Subquery(own))
    for event in wanted.order_by("at", "id").iterator(chunk_size=CHUNK):
        yield as_bytes(shape(event, event.sealed_at)) + b"\n"
