"""Write down the life of a resource as it is observed: one line per state, plan and size, half-open, without a gap."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from portal.provisioning.models import Lifeline, Resource, ResourceState

FACTS = ("project", "version", "plan", "generation", "state", "size")
NO_LIFE = (ResourceState.PLANNED, ResourceState.MISSING)


def size_of(resource: Resource) -> dict[str, Any]:
    """What is counted of it: every part of the spec but its name."""
    return {name: value for name, value in resource.spec.items() if name != "name"}


def mark(resource: Resource, at: datetime, *, began: datetime | None = None) -> None:
    """Bring the lifelines up to the resource's state at a moment; the same state again changes nothing.

    `began` is when the cloud says it was made: the first line starts there, if that is after it was asked for. A clock that
    went back never makes a line shorter than it was. The caller holds the resource's row.
    """
    mark_all([resource], at, began=began)


def mark_all(resources: Iterable[Resource], at: datetime, *, began: datetime | None = None) -> None:
    """The same for many, in a fixed number of statements."""
    living = [resource for resource in resources if resource.is_managed and resource.state not in NO_LIFE]
    rows = Lifeline.objects.filter(resource__in=living).order_by("resource", "-period").distinct("resource")
    last = {line.resource_id: line for line in rows} if living else {}
    turns = [_turn(last.get(resource.pk), resource, at, began) for resource in living]
    Lifeline.objects.bulk_update([old for old, _ in turns if old], ["period", *FACTS], batch_size=500)
    Lifeline.objects.bulk_create([new for _, new in turns if new], batch_size=500)


def _turn(
    last: Lifeline | None, resource: Resource, at: datetime, began: datetime | None
) -> tuple[Lifeline | None, Lifeline | None]:
    """The line that is written over and the line that is new, where there are any."""
    facts, ends = _facts(resource), resource.state == ResourceState.GONE
    if last is None or last.period.upper is not None:
        first = began if began and resource.created_at <= began <= at else at
        starts = max(at, last.period.upper) if last else first
        return None, None if ends else _line(resource, starts, facts)
    if all(getattr(last, name) == value for name, value in facts.items()):
        return None, None
    if at <= last.period.lower:
        return _changed(last, facts, ends=ends), None
    last.period = DateTimeTZRange(last.period.lower, at)
    return last, None if ends else _line(resource, at, facts)


def _facts(resource: Resource) -> dict[str, Any]:
    return {
        "project_id": resource.project_id,
        "version_id": resource.version_id,
        "plan_id": resource.plan_id,
        "generation": resource.generation,
        "state": resource.state,
        "size": size_of(resource),
    }


def _line(resource: Resource, starts: datetime, facts: dict[str, Any]) -> Lifeline:
    return Lifeline(resource=resource, period=DateTimeTZRange(starts, None), **facts)


def _changed(line: Lifeline, facts: dict[str, Any], *, ends: bool) -> Lifeline:
    """Two states at one instant: the later one holds; an end there leaves the shortest line there is."""
    if ends:
        line.period = DateTimeTZRange(line.period.lower, line.period.lower + timedelta(microseconds=1))
    else:
        for name, value in facts.items():
            setattr(line, name, value)
    return line
