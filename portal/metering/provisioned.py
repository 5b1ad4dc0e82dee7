"""The lives of resources as provisioning wrote them down: the source of every hour in the ledger."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Case, CharField, F, Min, OuterRef, Q, QuerySet, Subquery, Value, When

from portal.metering.lifelines import Inputs, LifelineRow, components_of
from portal.metering.states import STATES
from portal.provisioning.models import Lifeline

BATCH = 5000
FIELDS = (
    *("resource_id", "generation", "connection", "project_id", "organization_path", "offering", "version_id", "plan_id"),
    *("state", "size", "period", "resource__seen_at", "known_before"),
)


class Provisioned:
    """A Source over the lifelines of provisioning: two queries, whatever the number of resources."""

    def earliest_start(self) -> datetime | None:
        """When the first of them began; None while there is none."""
        found: datetime | None = Lifeline.objects.aggregate(starts=Min("period__startswith"))["starts"]
        return found

    def within(self, starts: datetime, ends: datetime) -> Inputs:
        """The lines that touch [starts, ends), and the components of the versions they name."""
        touching = Lifeline.objects.filter(period__overlap=DateTimeTZRange(starts, ends))
        lines = tuple(_line(*row) for row in _rows(touching).iterator(chunk_size=BATCH))
        return Inputs(lines, components_of(lines))


def _rows(lines: QuerySet[Lifeline]) -> QuerySet[Lifeline, tuple[Any, ...]]:
    return (
        lines.annotate(
            connection=F("resource__connection_id"),
            organization_path=F("project__path"),
            offering=F("version__offering_id"),
            known_before=Case(When(~Q(state__in=STATES), then=_state_before()), default=Value("")),
        )
        .order_by("resource_id", "period")
        .values_list(*FIELDS)
    )


def _state_before() -> Subquery:
    """The last known state of the same resource before a line; asked only for lines whose own state is not known."""
    before = Lifeline.objects.filter(resource=OuterRef("resource"), period__fully_lt=OuterRef("period"), state__in=STATES)
    return Subquery(before.order_by("-period").values("state")[:1], output_field=CharField())


def _line(
    resource: UUID,
    generation: str,
    connection: UUID,
    project: UUID,
    path: str,
    offering: UUID,
    version: UUID,
    plan: UUID,
    state: str,
    size: dict[str, Any],
    period: DateTimeTZRange,
    seen_at: datetime | None,
    before: str | None,
) -> LifelineRow:
    """A line that still goes on is sure until its resource was last seen; one that ended was seen to end."""
    return LifelineRow(
        resource_id=resource,
        generation=generation,
        connection_id=connection,
        organization_id=UUID(path.partition(".")[0]),
        project_id=project,
        offering_id=offering,
        offering_version_id=version,
        plan_id=plan,
        state=state,
        size=size,
        starts=period.lower,
        ends=period.upper,
        seen_until=None if period.upper else max(period.lower, seen_at or period.lower),
        state_before=before or "",
    )
