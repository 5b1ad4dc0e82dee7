"""Resources a person may see, and what engines read of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from portal.access.models import Scope
from portal.access.resolver import scope_ids
from portal.clouds.models import Connection
from portal.core import parcels
from portal.core.errors import NotFound
from portal.core.journal import OPEN_STATES, StepState
from portal.provisioning.models import Desired, Lifeline, Resource, ResourceState, Step, Sync
from portal.users.actor import Actor


@dataclass(frozen=True, slots=True)
class There:
    """What one connection holds: how many resources are ours, how many were found, and since when they are known so well.

    `read_at` is the age of the oldest picture among its regions; None while one of them was never read whole.
    """

    managed: int = 0
    unmanaged: int = 0
    read_at: datetime | None = None


PARTS = ("project", "connection__scope", "connection__provider", "version__offering", "plan")


@dataclass(frozen=True, slots=True)
class ProjectCount:
    """How many resources a project has, how many of them run, and how many have a problem."""

    project_id: UUID
    there: int
    running: int
    trouble: int


@dataclass(frozen=True, slots=True)
class OpenSteps:
    """How many calls are under way, and since when the oldest."""

    count: int
    oldest: datetime


def resources_visible_to(actor: Actor) -> QuerySet[Resource]:
    """What she may see of what is ours, newest first."""
    found: QuerySet[Resource] = Resource.objects.visible_to(actor).filter(project__isnull=False)
    return found.select_related(*PARTS).order_by("-created_at", "-id")


def unmanaged_visible_to(actor: Actor) -> QuerySet[Resource]:
    """What was found in the clouds whose connections she may see, and is nobody's."""
    seen = Q() if actor.is_system else Q(connection__scope__in=scope_ids(actor, "view_connection"))
    found = Resource.objects.filter(seen, project=None).exclude(state=ResourceState.GONE)
    return found.select_related("connection__scope", "connection__provider").order_by("connection", "region", "name", "id")


def resource_visible_to(actor: Actor, pk: UUID | str) -> Resource:
    """One resource, ours or found; NotFound where she may not see it."""
    for rows in (resources_visible_to(actor), unmanaged_visible_to(actor)):
        if found := rows.filter(pk=pk).first():
            return found
    raise NotFound


def with_there(connections: QuerySet[Connection]) -> Any:
    """The same, each with what `there` reads: counted by the database in the one query."""
    alive = Resource.objects.filter(connection=OuterRef("pk")).exclude(state=ResourceState.GONE).order_by()
    ours, found = Count("pk", filter=Q(project__isnull=False)), Count("pk", filter=Q(project=None))
    counts = alive.values("connection").annotate(both=JSONObject(managed=ours, unmanaged=found)).values("both")
    syncs = Sync.objects.filter(connection=OuterRef("pk")).order_by().values("connection")
    read = syncs.annotate(oldest=Min("good_at"), never=Count("pk", filter=Q(good_at=None))).filter(never=0).values("oldest")
    return connections.annotate(there_counts=Subquery(counts), there_read_at=Subquery(read))


def there(connection: Any) -> There:
    """What one of `with_there` holds."""
    return There(**(connection.there_counts or {}), read_at=connection.there_read_at)


def there_in(connection: Connection) -> There:
    """What one connection holds."""
    return there(with_there(Connection.objects.filter(pk=connection.pk)).get())


def steps_of(resource: Resource) -> QuerySet[Step]:
    """What was asked of the cloud about it, oldest first."""
    return Step.objects.filter(resource=resource).select_related("asked_by").order_by("created_at", "id")


def steps_of_each(resources: Iterable[UUID]) -> dict[UUID, list[Step]]:
    """The same for several, by resource, in one query."""
    found: dict[UUID, list[Step]] = {}
    for step in Step.objects.filter(resource__in=list(resources)).order_by("created_at", "id"):
        found.setdefault(step.resource_id, []).append(step)
    return found


def lifelines_of(resource: Resource) -> QuerySet[Lifeline]:
    """Its life, oldest first."""
    return Lifeline.objects.filter(resource=resource).order_by("period")


def has_secret_for(actor: Actor, resource: Resource) -> bool:
    """Whether a connection string waits to be read by her."""
    return parcels.waiting(resource.hold_key, for_user_id=actor.user.pk) is not None


def resources_in(resources: QuerySet[Resource], path: str) -> QuerySet[Resource]:
    """Those of a scope and all below it; what is found and nobody's counts where its connection is owned."""
    ours = Q(project__path__within=path)
    return resources.filter(ours | Q(project=None, connection__scope__path__within=path))


def counts_by_project(actor: Actor) -> list[ProjectCount]:
    """How many resources each project has that she may see, of which run, and have a problem: one query."""
    there = Resource.objects.visible_to(actor).filter(project__isnull=False).exclude(state=ResourceState.GONE)
    rows = (
        there.order_by()
        .values_list("project")
        .annotate(
            there=Count("pk"),
            running=Count("pk", filter=Q(state=ResourceState.RUNNING)),
            trouble=Count("pk", filter=~Q(error="")),
        )
    )
    return [ProjectCount(*row) for row in rows]


def unmanaged_by_connection(actor: Actor) -> dict[UUID, int]:
    """Connection id -> how many things were found there that are nobody's."""
    return dict(unmanaged_visible_to(actor).order_by().values_list("connection").annotate(Count("pk")))


def open_steps_by_connection(actor: Actor) -> dict[UUID, OpenSteps]:
    """Connection id -> what is being asked of it for projects whose work she may see."""
    seen = Q() if actor.is_system else Q(resource__project__in=scope_ids(actor, "view_platform"))
    rows = Step.objects.filter(seen, state__in=OPEN_STATES).order_by().values_list("resource__connection")
    return {pk: OpenSteps(*rest) for pk, *rest in rows.annotate(Count("pk"), Min("created_at"))}


def syncs_of(connection: Any) -> QuerySet[Sync]:
    """How fresh the picture of each region is."""
    return Sync.objects.filter(connection=connection).order_by("region", "capability")


def failures_visible_to(actor: Actor) -> QuerySet[Step]:
    """The last steps of resources that ended in an error somebody should look at, newest first; one for each resource."""
    seen = Q() if actor.is_system else Q(resource__project__in=scope_ids(actor, "view_platform"))
    later = Step.objects.filter(resource=OuterRef("resource"), created_at__gt=OuterRef("created_at"))
    failed = Step.objects.filter(seen, ~Exists(later), state=StepState.FAILED).exclude(resource__error="")
    return failed.select_related("resource__project", "resource__connection").order_by("-settled_at")


def due_for_work(at: datetime) -> list[UUID]:
    """Resources with a step that is due, or with something wanted and no step: what a sweeper hands to workers."""
    due = Step.objects.filter(state__in=OPEN_STATES, due_at__lte=at).values_list("resource", flat=True)
    idle = Resource.objects.filter(project__isnull=False, error="").exclude(steps__state__in=OPEN_STATES)
    wanting = idle.filter(
        Q(external_id="", desired__in=(Desired.RUNNING, Desired.STOPPED))
        | (Q(desired=Desired.GONE) & ~Q(state=ResourceState.GONE))
        | Q(desired=Desired.RUNNING, state=ResourceState.STOPPED)
        | Q(desired=Desired.STOPPED, state=ResourceState.RUNNING)
    )
    return [*due[:500], *wanting.values_list("pk", flat=True)[:500]]


def alive_in(scope: Scope) -> QuerySet[Resource]:
    """What is still there at or below a scope."""
    return Resource.objects.filter(project__path__within=scope.path).exclude(state=ResourceState.GONE)
