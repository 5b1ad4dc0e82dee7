"""Where events stand in the sealed order."""

from typing import Any

from django.db.models import Max, OuterRef, QuerySet, Subquery

from portal.events.models import Event, Position


def head() -> int:
    """The last position given; 0 while nothing is sealed."""
    return int(Position.objects.aggregate(last=Max("position"))["last"] or 0)


def positioned(rows: QuerySet[Event], *, after: int, until: int) -> QuerySet[Any]:
    """Those of `rows` that stand behind one position and up to another, in that order, each with its `position`."""
    places = Position.objects.filter(position__gt=after, position__lte=until)
    own = Position.objects.filter(event_id=OuterRef("pk")).values("position")
    return rows.filter(pk__in=places.values("event_id")).annotate(position=Subquery(own)).order_by("position")
