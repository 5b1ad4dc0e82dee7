"""Write down the life of a resource as it is observed: one line per state, plan and size, half-open, without a gap."""

from datetime import datetime, timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from portal.provisioning.models import Lifeline, Resource, ResourceState

NO_LIFE = (ResourceState.PLANNED, ResourceState.MISSING)


def size_of(resource: Resource) -> dict[str, Any]:
    """What is counted of it: every part of the spec but its name."""
    return {name: value for name, value in resource.spec.items() if name != "name"}


def mark(resource: Resource, at: datetime, *, began: datetime | None = None) -> None:
    """Bring the lifelines up to the resource's state at a moment; the same state again changes nothing.

    `began` is when the cloud says it was made: the first line starts there, if that is after it was asked for. A clock that
    went back never makes a line shorter than it was. The caller holds the resource's row.
    """
    if not resource.is_managed or resource.state in NO_LIFE:
        return
    last = Lifeline.objects.filter(resource=resource).order_by("-period").first()
    facts = _facts(resource)
    if last is None:
        starts = began if began and resource.created_at <= began <= at else at
        if resource.state != ResourceState.GONE:
            _open(resource, starts, facts)
        return
    if last.period.upper is not None or all(getattr(last, name) == value for name, value in facts.items()):
        if last.period.upper is not None and resource.state != ResourceState.GONE:
            _open(resource, max(at, last.period.upper), facts)
        return
    if at <= last.period.lower:
        _change(last, last.period.lower, facts, ends=resource.state == ResourceState.GONE)
        return
    last.period = DateTimeTZRange(last.period.lower, at)
    last.save(update_fields=["period"])
    if resource.state != ResourceState.GONE:
        _open(resource, at, facts)


def _facts(resource: Resource) -> dict[str, Any]:
    return {
        "project_id": resource.project_id,
        "version_id": resource.version_id,
        "plan_id": resource.plan_id,
        "generation": resource.generation,
        "state": resource.state,
        "size": size_of(resource),
    }


def _open(resource: Resource, starts: datetime, facts: dict[str, Any]) -> None:
    Lifeline.objects.create(resource=resource, period=DateTimeTZRange(starts, None), **facts)


def _change(line: Lifeline, starts: datetime, facts: dict[str, Any], *, ends: bool) -> None:
    """Two states at one instant: the later one holds; an end there leaves the shortest line there is."""
    if ends:
        line.period = DateTimeTZRange(starts, starts + timedelta(microseconds=1))
    else:
        for name, value in facts.items():
            setattr(line, name, value)
    line.save()
