"""How a lease moves between its states. Called inside a transaction, for a locked row, by services, the approval and the sweep."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_noop

from portal.core import clock, parcels, queue
from portal.core.journal import OPEN_STATES, StepState
from portal.events.services import record
from portal.leases.models import Lease, LeaseEnd, LeaseState
from portal.notices.services import notify
from portal.users.actor import Actor

TAKEN_WITHIN = timedelta(hours=8)
"""How long what was approved waits for her to take it."""
# Stored with the notice as it stands here; translated for whoever reads it.
REASONS = {
    LeaseEnd.OPERATOR: gettext_noop("An operator ended it."),
    LeaseEnd.ROLE: gettext_noop("You may not take cloud access there any more."),
    LeaseEnd.OFFER: gettext_noop("It is not offered any more."),
    LeaseEnd.CONNECTION: gettext_noop("The connection to the cloud is not in use any more."),
    LeaseEnd.DECISION: gettext_noop("It was decided otherwise."),
}


def locked(pk: Any) -> Lease | None:
    """The row, held until the transaction ends."""
    rows = Lease.objects.select_for_update(of=("self",))
    rows = rows.select_related("connection__provider", "connection__scope", "offer__scope", "person")
    found: Lease | None = rows.filter(pk=pk).first()
    return found


def make_ready(lease: Lease, *, actor: Actor) -> None:
    """It was decided that she may; she takes it while she is here."""
    lease.state, lease.take_until = LeaseState.READY, clock.now() + TAKEN_WITHIN
    lease.save(update_fields=["state", "take_until"])
    record("leases.allow", lease, actor=actor, until=lease.take_until)
    notify([lease.person], "lease_ready", target=lease, actor=actor, date=f"{lease.take_until:%Y-%m-%d %H:%M} UTC")


def start_minting(lease: Lease, *, actor: Actor) -> None:
    """She is here, so a worker asks the cloud, from now on and for as long as was asked for."""
    now = clock.now()
    lease.state, lease.ends, lease.epoch, lease.take_until = (
        LeaseState.MINTING,
        now + lease.duration,
        lease.person.access_epoch,
        None,
    )
    lease.save()
    record("leases.mint", lease, actor=actor, ends=lease.ends)
    queue.after_commit("leases.settle", lease.pk)


def refuse(lease: Lease, outcome: str, *, actor: Actor) -> None:
    """It was denied, expired or withdrawn."""
    lease.state, lease.ended_at, lease.ended_why = LeaseState.REFUSED, clock.now(), LeaseEnd.DECISION
    lease.save(update_fields=["state", "ended_at", "ended_why"])
    record("leases.refuse", lease, actor=actor, outcome="refused", reason=outcome)


def end(lease: Lease, why: LeaseEnd, *, actor: Actor, reason: str = "") -> bool:
    """From here on she reads no secret of it, and a worker ends it in its cloud until that confirms; whether this changed
    anything. What no cloud was asked for is over at once.
    """
    if not lease.is_open:
        return False
    parcels.forget(lease.parcel)
    parcels.forget(lease.subject_parcel)
    begun = lease.is_in_cloud or lease.steps.filter(state__in=OPEN_STATES).exclude(state=StepState.PLANNED).exists()
    lease.ended_why, lease.ended_at = why, clock.now()
    lease.state = LeaseState.ENDING if begun else LeaseState.ENDED
    lease.save(update_fields=["state", "ended_at", "ended_why"])
    record("leases.end", lease, actor=actor, reason=reason, why=why, in_cloud=begun)
    if why not in (LeaseEnd.TIME, LeaseEnd.HERSELF, LeaseEnd.NOT_TAKEN):
        notify([lease.person], "lease_ended", target=lease, actor=actor, reason=REASONS[why])
    if begun:
        queue.after_commit("leases.settle", lease.pk)
    return True


def confirm_end(lease: Lease) -> None:
    """The cloud confirmed that it opens nothing any more, or never did."""
    lease.is_in_cloud = False
    if lease.state == LeaseState.ENDING:
        lease.state = LeaseState.ENDED
    lease.error = lease.error if lease.state == LeaseState.FAILED else ""
    lease.save(update_fields=["is_in_cloud", "state", "error"])
    lag_s = int((clock.now() - lease.ended_at).total_seconds()) if lease.ended_at else 0
    record("leases.confirm_end", lease, actor=Actor.system(), lag_s=lag_s)
