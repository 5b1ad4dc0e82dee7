"""Work on resources: one step for one of them, the reading of one connection, and a sweep for what is due or was lost."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task

from portal.clouds.queries import connections_in_use
from portal.core import clock, parcels, queue
from portal.provisioning import queries, reconcile, services, syncing
from portal.provisioning.models import Sync
from portal.users.actor import Actor

SYNC_EVERY = timedelta(minutes=5)


@shared_task(name="provisioning.reconcile", soft_time_limit=540, time_limit=600)
def reconcile_resource(resource_id: str) -> None:
    reconcile.reconcile(UUID(resource_id))


@shared_task(name="provisioning.sync", soft_time_limit=540, time_limit=600)
def sync_connection(connection_id: str) -> None:
    syncing.sync(UUID(connection_id))


@shared_task(name="provisioning.sweep", soft_time_limit=60, time_limit=90)
def sweep() -> None:
    """Hand out what is due; asked twice it does no harm."""
    now = clock.now()
    for resource_id in dict.fromkeys(queries.due_for_work(now)):
        queue.after_commit("provisioning.reconcile", resource_id)
    fresh = set(Sync.objects.filter(tried_at__gt=now - SYNC_EVERY).values_list("connection", flat=True))
    for connection in connections_in_use().exclude(pk__in=fresh):
        queue.after_commit("provisioning.sync", connection.pk)
    parcels.sweep()


@shared_task(name="provisioning.tell_ends", soft_time_limit=60, time_limit=90)
def tell_ends() -> None:
    services.tell_ends(actor=Actor.system())
