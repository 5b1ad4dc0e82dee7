"""Subscriptions at work: one of them, a sweep for those that are due or were lost, and what the log forgets."""

from uuid import UUID

from celery import shared_task

from portal.audit import queries, sending
from portal.core import clock, queue

BATCH = 200


@shared_task(name="audit.deliver", soft_time_limit=120, time_limit=150)
def deliver(subscription_id: str) -> None:
    sending.deliver(UUID(subscription_id))


@shared_task(name="audit.sweep", soft_time_limit=60, time_limit=90)
def sweep() -> None:
    """Hand out subscriptions with something to send; asked twice it does no harm, for one worker holds each."""
    for pk in queries.due_subscriptions(clock.now()).values_list("pk", flat=True)[:BATCH]:
        queue.after_commit("audit.deliver", pk)


@shared_task(name="audit.forget", soft_time_limit=120, time_limit=150)
def forget() -> None:
    sending.forget_old()
