"""What metering reads of the life of resources: one row per stretch of one state, half-open."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from portal.catalogue.models import Component
from portal.metering.models import Meter

USUAL_GAP_HOURS = 24


@dataclass(frozen=True, slots=True)
class LifelineRow:
    """A resource in one state from `starts` until `ends` (None: still). Of one resource and generation no two overlap.

    `seen_until` is when somebody last looked and saw it so (None: no doubt); `state_before` is the last known state before
    this one. Decimals in `size` are text or numbers as JSON has them.
    """

    resource_id: uuid.UUID
    generation: str
    connection_id: uuid.UUID
    organization_id: uuid.UUID
    project_id: uuid.UUID
    offering_id: uuid.UUID
    offering_version_id: uuid.UUID
    plan_id: uuid.UUID
    state: str
    size: dict[str, Any]
    starts: datetime
    ends: datetime | None = None
    seen_until: datetime | None = None
    state_before: str = ""


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """What one component of an offering version measures: `constant` units, or as many as the size says in `field`."""

    version_id: uuid.UUID
    component_id: uuid.UUID
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
    """How many resources of one organization are now in one state with one plan and size."""

    organization_id: uuid.UUID
    plan_id: uuid.UUID
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


def running_below(path: str) -> list[Running]:
    """What lives at or below a scope now, counted by plan, state and size."""
    return []


def connections_named(ids: Iterable[uuid.UUID]) -> list[tuple[str, str, str]]:
    """(id, name, provider) of connections."""
    return [(str(pk), "", "") for pk in ids]


def resources_named(ids: Iterable[uuid.UUID]) -> list[tuple[str, str, str]]:
    """(id, name, region) of resources."""
    return [(str(pk), "", "") for pk in ids]
