"""A worker that is a thread of the test: it does what the queue would be told, again and again, on the test's database."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from portal.clouds import checking, syncing
from portal.clouds.models import Connection, ConnectionCheck
from portal.clouds.queries import connections_in_use
from portal.metering.models import Export
from portal.metering.tasks import meter, write_export
from portal.orders import services as orders
from portal.orders.models import Order
from portal.provisioning.models import Resource
from portal.provisioning.reconcile import reconcile
from portal.provisioning.syncing import sync
from portal.users.actor import Actor

OVER = ("done", "denied", "withdrawn", "expired", "waiting")


def turn() -> None:
    """All there is to do now."""
    for pk in ConnectionCheck.objects.filter(finished_at=None).values_list("pk", flat=True):
        checking.run(pk)
    for connection in Connection.objects.filter(state="ready", synced_at=None).exclude(key__in=("aws", "postgresql")):
        syncing.sync(connection.pk)
    for connection in connections_in_use().filter(syncs=None):
        sync(connection.pk)
    for pk in Resource.objects.filter(project__isnull=False).values_list("pk", flat=True):
        reconcile(pk)
    for pk in Order.objects.exclude(state__in=OVER).values_list("pk", flat=True):
        orders.advance(pk, actor=Actor.system())
    meter()
    for pk in Export.objects.filter(state="waiting").values_list("pk", flat=True):
        write_export(str(pk))


@contextmanager
def working() -> Iterator[list[BaseException]]:
    """Work until the block ends; gives the errors, of which there should be none."""
    stop, errors = threading.Event(), []

    def work() -> None:
        try:
            while not stop.wait(0.3):
                turn()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield errors
    finally:
        stop.set()
        thread.join(60)
