"""Seal what was committed."""

from celery import shared_task

from portal.events import sealing


@shared_task(name="events.seal", soft_time_limit=240, time_limit=300)
def seal() -> None:
    sealing.seal()
