"""Read what is there in each region, and take it over: ours by its key or id, the rest as unmanaged.

Never a deletion on one absence, on an incomplete listing or on an error: what two whole listings lack is looked up by its
id, and gone only when the cloud itself says so. A bounded number of queries, whatever the number of things.
"""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from portal.clouds.base import CloudError, Listing, plain
from portal.clouds.models import Connection, ConnectionState
from portal.clouds.registry import adapter_for
from portal.core import clock
from portal.core.journal import OPEN_STATES
from portal.events.services import event_of, record, record_all
from portal.notices.services import notify
from portal.provisioning import calls
from portal.provisioning.endings import let_go, tell_cause
from portal.provisioning.lifelines import mark, mark_all
from portal.provisioning.models import Desired, Resource, ResourceState, Step, Sync
from portal.users.actor import Actor

KEY = re.compile("[0-9a-f]{32}")
LACKED_ENOUGH = 2
MOST_LOOKED_UP = 100
SEEN = ("name", "state", "observed", "seen_at", "lacked")
LISTS = {"compute": "list_servers", "database": "list_databases"}


def sync(connection_id: UUID) -> None:
    """Read every region of a connection in use."""
    connection = Connection.objects.select_related("provider", "scope").get(pk=connection_id)
    if connection.state != ConnectionState.READY:
        return
    for region in connection.region_keys():
        for capability in connection.provider.capabilities:
            if capability in LISTS:
                _sync_place(connection, region, capability)


def _sync_place(connection: Connection, region: str, capability: str) -> None:
    began = clock.now()
    _note(connection, region, capability, tried_at=began)  # so that no sweep hands it out again while the cloud still lists
    try:
        listing = getattr(adapter_for(connection, region), LISTS[capability])()
    except CloudError as error:
        _note(connection, region, capability, error_kind=error.kind, error=error.message, tried_at=began)
        return
    absent = take(connection, region, capability, listing, began)
    for resource in absent[:MOST_LOOKED_UP]:
        _look_up(resource)


@transaction.atomic
def take(connection: Connection, region: str, capability: str, listing: Listing[Any], began: datetime) -> list[Resource]:
    """Write down a listing that began then; returns what has been missing from enough whole ones to be looked up."""
    place = {"connection": connection, "region": region, "capability": capability}
    there = Resource.objects.filter(**place).exclude(state=ResourceState.GONE)
    rows = there.select_for_update(of=("self",)).order_by("pk")
    known = {
        (row.external_id, row.generation): row
        for row in rows.select_related("project", "connection__scope")
        if row.external_id
    }
    busy = set(Step.objects.filter(resource__in=there, state__in=OPEN_STATES).values_list("resource", flat=True))
    asked = _asked_keys(listing)
    same: list[Resource] = []
    changed: list[Resource] = []
    turned: dict[Resource, str] = {}
    new = []
    for seen in (item for item in listing.items if item.state != ResourceState.GONE):
        row = known.pop((seen.id, seen.generation), None)
        if row is not None:
            if row.pk not in busy and (row.seen_at is None or row.seen_at <= began):
                before = row.state
                (changed if _update(row, seen, began) else same).append(row)
                if before != row.state:
                    turned[row] = before
        elif seen.key not in asked:
            new.append(_found(seen, place, began))
    Resource.objects.filter(pk__in=[row.pk for row in same]).update(seen_at=began, lacked=0)
    Resource.objects.bulk_create(changed, batch_size=1000, update_conflicts=True, unique_fields=["id"], update_fields=SEEN)
    _note_turns(turned)
    Resource.objects.bulk_create(new, batch_size=1000, ignore_conflicts=True)
    lacking = _lacking(known, busy, began) if listing.complete else []
    facts = {"good_at": began} if listing.complete else {}
    note = "" if listing.complete else (listing.note or "The cloud left something out.")
    _note(connection, region, capability, seen=len(listing.items), error=note, error_kind="", tried_at=began, **facts)
    return lacking


def _asked_keys(listing: Listing[Any]) -> set[str]:
    """Keys of things we asked for ourselves: reconcile takes them over, whatever a listing says first."""
    keys = {UUID(seen.key) for seen in listing.items if KEY.fullmatch(seen.key)}
    return {pk.hex for pk in Step.objects.filter(pk__in=keys).values_list("pk", flat=True)}


def _update(row: Resource, seen: Any, at: datetime) -> bool:
    """Take over what the listing shows; whether that is anything new."""
    known = (row.observed, row.state, row.name)
    row.observed, row.seen_at, row.lacked, row.state = plain(seen), at, 0, seen.state
    row.name = row.name if row.is_managed else (seen.name or seen.id)[:200]
    return known != (row.observed, row.state, row.name)


def _note_turns(turned: dict[Resource, str]) -> None:
    """Lifelines and events of what is in another state than it was, in a fixed number of statements."""
    mark_all(turned, clock.now())
    actor = Actor.system()
    managed = {row: before for row, before in turned.items() if row.is_managed}
    record_all(
        event_of("provisioning.observe", row, actor=actor, before=before, state=row.state) for row, before in managed.items()
    )


def _found(seen: Any, place: dict[str, Any], at: datetime) -> Resource:
    return Resource(
        **place,
        name=(seen.name or seen.id)[:200],
        external_id=seen.id,
        generation=seen.generation,
        state=seen.state,
        observed=plain(seen),
        seen_at=at,
    )


def _lacking(absent: dict[Any, Resource], busy: set[UUID], began: datetime) -> list[Resource]:
    """Count one more absence of each; those made after the listing began are not absent."""
    rows = [row for row in absent.values() if row.pk not in busy and row.seen_at and row.seen_at < began]
    for row in rows:
        row.lacked = min(row.lacked + 1, 1000)
        if row.lacked >= LACKED_ENOUGH:
            row.state = ResourceState.MISSING
    Resource.objects.bulk_update(rows, ["lacked", "state"], batch_size=1000)
    return [row for row in rows if row.lacked >= LACKED_ENOUGH]


def _look_up(resource: Resource) -> None:
    """Ask for one thing by its id; only the cloud's own "there is none" ends it."""
    try:
        seen = calls.read(resource)
    except CloudError:
        return
    with transaction.atomic():
        row = (
            Resource.objects.select_for_update(of=("self",))
            .select_related("project", "connection__scope", "requester")
            .get(pk=resource.pk)
        )
        if row.steps.filter(state__in=OPEN_STATES).exists() or row.state != ResourceState.MISSING:
            return
        row.state = seen.state if seen else ResourceState.GONE
        row.lacked, row.seen_at = 0, clock.now()
        row.observed = plain(seen) if seen else row.observed
        mark(row, clock.now())
        row.save()
        if row.is_managed:
            record("provisioning.observe", row, actor=Actor.system(), before="missing", state=row.state)
            if row.state == ResourceState.GONE:
                _mourn(row)


def _mourn(row: Resource) -> None:
    """Somebody ended it in the cloud: its quota is free, and whose it was is told."""
    let_go(row)
    tell_cause(row)
    if row.requester and row.desired != Desired.GONE:
        reason, advice = gettext_noop("The cloud says that it is gone."), gettext_noop("Order it again if you still need it.")
        notify([row.requester], "resource_failed", target=row, actor=Actor.system(), reason=reason, advice=advice)


def _note(connection: Connection, region: str, capability: str, **facts: Any) -> None:
    Sync.objects.update_or_create(connection=connection, region=region, capability=capability, defaults=facts)
