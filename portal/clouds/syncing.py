"""Keep what can be chosen in each region as the cloud shows it, and never believe a single absence."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from portal.clouds import base, registry
from portal.clouds.base import CloudError, Listing
from portal.clouds.lifecycle import locked
from portal.clouds.models import Choice, Connection, ConnectionState, Picture
from portal.core import clock
from portal.events.services import record
from portal.users.actor import Actor

LACKED_ENOUGH = 2
"""Whole listings that must lack a choice before it counts as missing."""
FIELDS = ("name", "attributes", "seen_at", "lacked", "missing_since")


def sync(connection_id: uuid.UUID) -> None:
    """Read every region of a connection in use. A region that fails keeps its last good picture, with its age and why."""
    connection = Connection.objects.select_related("provider", "scope").get(pk=connection_id)
    if connection.state != ConnectionState.READY:
        return
    good = [_sync_region(connection, region) for region in connection.region_keys()]
    if all(good):
        Connection.objects.filter(pk=connection_id).update(synced_at=clock.now())


def _sync_region(connection: Connection, region: str) -> bool:
    try:
        adapter = registry.adapter_for(connection, region)
        regions = tuple(base.Choice("region", one.key, one.label) for one in adapter.regions() if one.key == region)
        listing, limits = adapter.choices(), adapter.limits()
    except CloudError as error:
        _take_error(connection, region, error)
        return False
    if not regions:
        refusal = CloudError(f"{region} is not open to this account.", retry=False, kind="refused")
        _take_error(connection, region, refusal)
        return False
    _take(connection, region, regions, listing, [base.plain(limit) for limit in limits])
    return True


@transaction.atomic
def _take(
    connection: Connection, region: str, regions: tuple[base.Choice, ...], listing: Listing[base.Choice], limits: list[object]
) -> None:
    picture, at = _picture(connection, region), clock.now()
    fill(connection, "", regions, whole=False, at=at)
    fill(connection, region, listing.items, whole=listing.complete, at=at)
    picture.limits = limits
    if listing.complete:
        picture.synced_at = at
    _note(picture, None, at)
    picture.save()


@transaction.atomic
def _take_error(connection: Connection, region: str, error: CloudError) -> None:
    picture, at = _picture(connection, region), clock.now()
    _note(picture, error, at)
    picture.save()


def fill(connection: Connection, region: str, seen: Iterable[base.Choice], *, whole: bool, at: datetime) -> None:
    """Write what was seen; of what was not, count the absence if the listing was whole. Nothing is ever deleted."""
    known = {(row.choice_kind, row.key): row for row in Choice.objects.filter(connection=connection, region=region)}
    rows = []
    for choice in seen:
        row = known.pop((choice.kind, choice.key[:256]), None) or Choice(
            connection=connection, region=region, choice_kind=choice.kind, key=choice.key[:256]
        )
        row.name, row.attributes = (choice.label or choice.key)[:256], base.plain(choice.attributes)
        row.seen_at, row.lacked, row.missing_since = at, 0, None
        rows.append(row)
    if whole:
        rows += [_lacking(row, at) for row in known.values() if row.missing_since is None]
    unique = ("connection", "region", "choice_kind", "key")
    Choice.objects.bulk_create(rows, batch_size=500, update_conflicts=True, update_fields=FIELDS, unique_fields=unique)


def _lacking(row: Choice, at: datetime) -> Choice:
    row.lacked += 1
    if row.lacked >= LACKED_ENOUGH:
        row.missing_since = at
    return row


def _picture(connection: Connection, region: str) -> Picture:
    """The region's row, locked: two syncs of one region go one after the other."""
    locked(connection.pk)
    return Picture.objects.get_or_create(connection=connection, region=region)[0]


def _note(picture: Picture, error: CloudError | None, at: datetime) -> None:
    """One event when a region is first seen, begins to fail, fails otherwise, or is well again."""
    first = picture.tried_at is None
    picture.tried_at = at
    if picture.note_error(error, at) or first:
        outcome = "failed" if error else "done"
        detail = {"region": picture.region, "reason": picture.error_kind}
        record("clouds.sync_choices", picture.connection, actor=Actor.system(), outcome=outcome, **detail)
