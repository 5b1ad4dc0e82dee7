"""Read what cloud accounts can lend, for pages that load no adapter. Talks to clouds; runs in a worker."""

from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from portal.clouds.base import CloudError, plain
from portal.clouds.models import Connection, ConnectionState
from portal.clouds.queries import connections_in_use
from portal.clouds.registry import adapter_for
from portal.core import clock
from portal.leases.models import Lender

READ_EVERY = timedelta(hours=1)
MOST_TARGETS = 1000


def read(connection_id: UUID) -> None:
    """Read one account in use. One that fails keeps its last good picture, with its age and why."""
    connection = Connection.objects.select_related("provider", "scope").get(pk=connection_id)
    if connection.state != ConnectionState.READY:
        return
    try:
        adapter = adapter_for(connection)
        listing = adapter.lease_targets() if hasattr(adapter, "lease_targets") else None
    except CloudError as error:
        _write(connection, error=error)
        return
    if listing is None:
        _write(connection, lends=False, read_at=clock.now())
        return
    found = [asdict(target) for target in listing.items[:MOST_TARGETS]]
    _write(
        connection,
        lends=True,
        audience=adapter.lease_audience,
        shortest_s=adapter.shortest_lease_s,
        longest_s=adapter.longest_lease_s,
        is_revocable=adapter.revocable,
        options=plain(adapter.lease_options),
        targets=found,
        is_whole=listing.complete and len(listing.items) <= MOST_TARGETS,
        read_at=clock.now(),
    )


def due() -> list[UUID]:
    """The accounts in use that were not tried within the hour."""
    fresh = Lender.objects.filter(tried_at__gt=clock.now() - READ_EVERY).values("connection")
    return list(connections_in_use().exclude(pk__in=fresh).values_list("pk", flat=True))


@transaction.atomic
def _write(connection: Connection, *, error: CloudError | None = None, **seen: object) -> None:
    lender, _ = Lender.objects.select_for_update().get_or_create(connection=connection)
    lender.tried_at = clock.now()
    lender.note_error(error, lender.tried_at)
    for name, value in seen.items():
        setattr(lender, name, value)
    lender.save()
