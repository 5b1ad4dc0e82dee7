"""Housekeeping of the API."""

from celery import shared_task

from portal.api import idempotency


@shared_task(name="api.forget", soft_time_limit=60, time_limit=90)
def forget() -> None:
    idempotency.forget_old()
