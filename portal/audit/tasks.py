"""Subscriptions and packs of evidence at work: one of each, a sweep for those due or lost, and what the log forgets."""

from uuid import UUID

from celery import shared_task

from portal.audit import packing, packs, queries, sending
from portal.core import clock, queue

BATCH = 200


@shared_task(name="audit.deliver", soft_time_limit=120, time_limit=150)
def deliver(subscription_id: str) -> None:
    sending.deliver(UUID(subscription_id))


@shared_task(name="audit.write_pack", soft_time_limit=540, time_limit=600)
def write_pack(pack_id: str) -> None:
    packing.write_pack(UUID(pack_id))


@shared_task(name="audit.sweep", soft_time_limit=60, time_limit=90)
def sweep() -> None:
    """Hand out subscriptions with something to send, and packs that wait for seals; asked twice it does no harm."""
    for pk in queries.due_subscriptions(clock.now()).values_list("pk", flat=True)[:BATCH]:
        queue.after_commit("audit.deliver", pk)
    for pk in packs.due_packs(clock.now()).values_list("pk", flat=True)[:BATCH]:
        queue.after_commit("audit.write_pack", pk)


@shared_task(name="audit.forget", soft_time_limit=120, time_limit=150)
def forget() -> None:
    sending.forget_old()
