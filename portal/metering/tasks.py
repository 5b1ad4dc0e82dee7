"""The ledger at work: meter by the hour, rate anew, write exports, and a sweep for lost exports and budgets near their limit."""

from datetime import datetime
from uuid import UUID

from celery import shared_task

from portal.core import clock, queue
from portal.metering import exporting, ledger, standings
from portal.metering.provisioned import Provisioned


@shared_task(name="metering.meter", soft_time_limit=540, time_limit=600)
def meter() -> None:
    """Meter up to now. While another run is at it there is nothing to do: what it leaves, the next one takes."""
    with ledger.turn() as is_mine:
        if is_mine:
            ledger.meter(Provisioned())
            standings.refresh(at=clock.now())


@shared_task(name="metering.rate", soft_time_limit=540, time_limit=600)
def rate(since: str) -> None:
    """Rate the days since a moment anew, where their prices changed."""
    ledger.rate_since(datetime.fromisoformat(since))


@shared_task(name="metering.write_export", soft_time_limit=540, time_limit=600)
def write_export(export_id: str) -> None:
    exporting.write_export(UUID(export_id))


@shared_task(name="metering.sweep", soft_time_limit=60, time_limit=90)
def sweep() -> None:
    """Hand out exports whose message was lost, and look at every budget; asked twice it does no harm."""
    for pk in exporting.lost_exports(clock.now()).values_list("pk", flat=True)[:100]:
        queue.after_commit("metering.write_export", pk)
    standings.refresh(at=clock.now())
