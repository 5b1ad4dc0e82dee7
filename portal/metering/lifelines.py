"""What metering reads of the life of resources: one row per stretch of one state, half-open."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Count

from portal.catalogue.models import Component
from portal.clouds.models import Connection
from portal.metering.models import Meter
from portal.provisioning.models import Lifeline, Resource

USUAL_GAP_HOURS = 24
Named = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class LifelineRow:
    """A resource in one state from `starts` until `ends` (None: still). Of one resource and generation no two overlap.

    `seen_until` is when somebody last looked and saw it so (None: no doubt); `state_before` is the last known state before
    this one, asked for only where this one is not known. Decimals in `size` are text or numbers as JSON has them.
    """

    resource_id: UUID
    generation: str
    connection_id: UUID
    organization_id: UUID
    project_id: UUID
    offering_id: UUID
    offering_version_id: UUID
    plan_id: UUID
    state: str
    size: dict[str, Any]
    starts: datetime
    ends: datetime | None = None
    seen_until: datetime | None = None
    state_before: str = ""


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """What one component of an offering version measures: `constant` units, or as many as the size says in `field`."""

    version_id: UUID
    component_id: UUID
    meter: str
    unit: str
    only_while: str
    constant: str = "1"
    field: str = ""
    gap_hours: int = 24


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a day's usage follows from."""

    lifelines: tuple[LifelineRow, ...]
    components: tuple[ComponentRow, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """How many resources of one project are in one state with one plan and size."""

    project_path: str
    plan_id: UUID
    state: str
    size: dict[str, Any]
    count: int


class Source(Protocol):
    """Who knows the lives of resources: the tables of provisioning, or a simulator."""

    def earliest_start(self) -> datetime | None:
        """When the first of them began; None while there is none."""

    def within(self, starts: datetime, ends: datetime) -> Inputs:
        """The lines that touch [starts, ends), and the components of the versions they name."""


def components_of(lines: Iterable[LifelineRow]) -> tuple[ComponentRow, ...]:
    """What the versions that these lines name measure, with the gap policy of each meter."""
    gaps = dict(Meter.objects.values_list("key", "gap_hours"))
    found = Component.objects.filter(version_id__in={line.offering_version_id for line in lines}).order_by("pk")
    return tuple(_component(part, gaps.get(part.meter, USUAL_GAP_HOURS)) for part in found)


def _component(part: Component, gap_hours: int) -> ComponentRow:
    units = str(part.constant) if not part.field else "0"
    return ComponentRow(part.version_id, part.pk, part.meter, part.unit, part.only_while, units, part.field, gap_hours)


def running_below(paths: Iterable[str], *, at: datetime) -> list[Running]:
    """What lives at or below any of these scopes at a moment, counted by project, plan, state and size in one query."""
    lines = Lifeline.objects.filter(project__path__within_any=list(paths), period__contains=at)
    keys = ("project__path", "plan_id", "state", "size")
    return [Running(*row) for row in lines.values_list(*keys).annotate(count=Count("pk")).order_by(*keys)]


def connections_named(ids: Iterable[UUID]) -> list[Named]:
    """(id, name, provider) of connections; one that is not known has neither."""
    asked = list(ids)
    found = Connection.objects.filter(pk__in=asked).values_list("pk", "name", "provider__name")
    return _named(asked, found)


def resources_named(ids: Iterable[UUID]) -> list[Named]:
    """(id, name, region) of resources; one that is not known has neither."""
    asked = list(ids)
    return _named(asked, Resource.objects.filter(pk__in=asked).values_list("pk", "name", "region"))


def _named(asked: Iterable[UUID], found: Iterable[tuple[UUID, str, str]]) -> list[Named]:
    known = {pk: (name, where) for pk, name, where in found}
    return [(str(pk), *known.get(pk, ("", ""))) for pk in asked]
