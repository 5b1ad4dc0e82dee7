"""Mail on its way: one delivery, and a sweep for those whose time came or whose message was lost."""

from uuid import UUID

from celery import shared_task

from portal.core import clock, queue
from portal.notices import mail

BATCH = 500


@shared_task(name="notices.deliver", soft_time_limit=60, time_limit=90)
def deliver(delivery_id: str) -> None:
    mail.deliver(UUID(delivery_id), at=clock.now())


@shared_task(name="notices.sweep", soft_time_limit=60, time_limit=90)
def sweep() -> None:
    for delivery in mail.due_deliveries(clock.now())[:BATCH]:
        queue.after_commit("notices.deliver", delivery.pk)
