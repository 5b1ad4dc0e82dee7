"""Work of identity: mail for who forgot her password, identity providers, what they are told and say, and what was lost; housekeeping."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.db.models import F, Q

from portal.core import clock, queue
from portal.identity import (
    brokering,
    directory_sync,
    housekeeping,
    journal,
    leaving,
    looking,
    provider_checks,
    providers,
    puller,
    reminders,
    reset_mail,
)
from portal.identity.models import IdentityProvider, ProviderState
from portal.users.actor import Actor

BATCH = 200
CHECK_EVERY = timedelta(hours=1)
LOST_AFTER = timedelta(minutes=2)


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


@shared_task(name="identity.tell_ends", soft_time_limit=120, time_limit=150)
def tell_ends() -> None:
    reminders.tell_ends(actor=Actor.system())
    reminders.tell_orphans(actor=Actor.system())


@shared_task(name="identity.settle", soft_time_limit=300, time_limit=330)
def settle(identity_id: str) -> None:
    journal.settle(UUID(identity_id))


@shared_task(name="identity.sweep", soft_time_limit=60, time_limit=90)
def sweep() -> None:
    """Hand out what is due, or was lost, and end the looks that nobody came back to."""
    looking.end_overdue(clock.now())
    for identity_id in journal.due().order_by("identity").values_list("identity", flat=True).distinct():
        queue.after_commit("identity.settle", identity_id)


@shared_task(name="identity.pull", soft_time_limit=300, time_limit=330)
def pull() -> None:
    puller.pull()


@shared_task(name="identity.check_provider", soft_time_limit=120, time_limit=150)
def check_provider(provider_id: str) -> None:
    provider_checks.run(UUID(provider_id))


@shared_task(name="identity.apply_provider", soft_time_limit=240, time_limit=300)
def apply_provider(provider_id: str) -> None:
    brokering.apply(UUID(provider_id))


@shared_task(name="identity.sweep_providers", soft_time_limit=60, time_limit=90)
def sweep_providers() -> None:
    """Check what is in use once an hour, and take up what was lost or refused; asked twice it does no harm."""
    now = clock.now()
    for pk in IdentityProvider.objects.filter(run__isnull=False, run_at__lte=now - LOST_AFTER).values_list("pk", flat=True):
        queue.after_commit("identity.check_provider", pk)
    in_use = IdentityProvider.objects.filter(state=ProviderState.ACTIVE, run=None)
    for pk in in_use.filter(checked_at__lte=now - CHECK_EVERY).values_list("pk", flat=True):
        providers.check_again(pk)
    stopped = Q(state__in=[ProviderState.OFF, ProviderState.REMOVED])
    ready = Q(state=ProviderState.ACTIVE, passed_version=F("version"))
    for pk in IdentityProvider.objects.filter(stopped | ready, applied_version__lt=F("version")).values_list("pk", flat=True):
        queue.after_commit("identity.apply_provider", pk)


@shared_task(name="identity.sync_directory", soft_time_limit=540, time_limit=600)
def sync_directory(sync_id: str) -> None:
    directory_sync.run(UUID(sync_id))


@shared_task(name="identity.sync_due", soft_time_limit=60, time_limit=90)
def sync_due() -> None:
    """Sync once an hour, and hand out what was lost."""
    for sync_id in directory_sync.due():
        queue.after_commit("identity.sync_directory", sync_id)


@shared_task(name="identity.carry_out_leaving", soft_time_limit=540, time_limit=600)
def carry_out_leaving(leaving_id: str) -> None:
    leaving.carry_out(UUID(leaving_id))


@shared_task(name="identity.leavings_due", soft_time_limit=60, time_limit=90)
def leavings_due() -> None:
    """Hand out the planned leaves whose morning has come, and what was lost."""
    for leaving_id in leaving.due(clock.now()):
        queue.after_commit("identity.carry_out_leaving", leaving_id)
