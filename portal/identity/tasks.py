"""Work of identity: mail for who forgot her password, what the provider must be told, what it says; housekeeping."""

from uuid import UUID

from celery import shared_task

from portal.core import clock, queue
from portal.identity import housekeeping, journal, puller, reset_mail

BATCH = 200


@shared_task(name="identity.mail_reset", soft_time_limit=60, time_limit=90)
def mail_reset(pk: str) -> None:
    reset_mail.deliver(UUID(pk), at=clock.now())


@shared_task(name="identity.sweep_resets", soft_time_limit=60, time_limit=90)
def sweep_resets() -> None:
    for row in reset_mail.due(clock.now())[:BATCH]:
        queue.after_commit("identity.mail_reset", row.pk)
    reset_mail.prune(clock.now())


@shared_task(name="identity.forget", soft_time_limit=120, time_limit=150)
def forget() -> None:
    housekeeping.forget_old()


@shared_task(name="identity.settle", soft_time_limit=300, time_limit=330)
def settle(identity_id: str) -> None:
    journal.settle(UUID(identity_id))


@shared_task(name="identity.sweep", soft_time_limit=60, time_limit=90)
def sweep() -> None:
    """Hand out what is due, or was lost."""
    for identity_id in journal.due().order_by("identity").values_list("identity", flat=True).distinct():
        queue.after_commit("identity.settle", identity_id)


@shared_task(name="identity.pull", soft_time_limit=300, time_limit=330)
def pull() -> None:
    puller.pull()
