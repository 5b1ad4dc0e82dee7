"""Work that talks to clouds: checks, the sync of what can be chosen, and a sweep for what is due or was lost."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.db import transaction
from django.db.models import Q

from portal.clouds import checking, lifecycle, syncing
from portal.clouds.models import Connection, ConnectionCheck, ConnectionState, Picture
from portal.core import clock, queue

CHECK_EVERY = timedelta(hours=1)
SYNC_EVERY = timedelta(hours=6)
SYNC_AGAIN = timedelta(minutes=10)
LOST_AFTER = timedelta(minutes=15)


@shared_task(name="clouds.check", soft_time_limit=540, time_limit=600)
def check(check_id: str) -> None:
    checking.run(UUID(check_id))


@shared_task(name="clouds.sync_choices", soft_time_limit=540, time_limit=600)
def sync_choices(connection_id: str) -> None:
    syncing.sync(UUID(connection_id))


@shared_task(name="clouds.sweep", soft_time_limit=60, time_limit=90)
def sweep() -> None:
    """Begin checks and syncs that are due, and those whose message was lost; asked twice they do no harm."""
    now = clock.now()
    begun = Q(started_at=None, created_at__lte=now - timedelta(minutes=2)) | Q(started_at__lte=now - LOST_AFTER)
    for check_id in ConnectionCheck.objects.filter(begun, finished_at=None).values_list("pk", flat=True):
        queue.after_commit("clouds.check", check_id)
    ready = Connection.objects.filter(state=ConnectionState.READY).select_related("provider")
    for connection in ready.filter(checked_at__lte=now - CHECK_EVERY):
        with transaction.atomic():
            lifecycle.start_check(lifecycle.locked(connection.pk), None)
    stale = ready.filter(Q(synced_at=None) | Q(synced_at__lte=now - SYNC_EVERY))
    tried = Picture.objects.filter(tried_at__gt=now - SYNC_AGAIN).values("connection")
    for pk in stale.exclude(pk__in=tried).values_list("pk", flat=True):
        queue.after_commit("clouds.sync_choices", pk)
