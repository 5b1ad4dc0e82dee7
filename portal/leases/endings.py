"""What ends leases that nobody ends by hand: their time, her role or access, their offer, their connection."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from portal.access.guard import holds
from portal.access.models import ScopeState
from portal.approvals import services as approvals
from portal.approvals.queries import approval_of
from portal.clouds.models import ConnectionState
from portal.core import clock
from portal.leases import states
from portal.leases.models import OPEN, Lease, LeaseEnd, LeaseState
from portal.users.actor import Actor, Auth
from portal.users.models import User

KIND = "lease"


@transaction.atomic
def end_one(pk: UUID, why: LeaseEnd, *, actor: Actor, reason: str = "") -> Lease:
    """End a lease in whatever state it is; a decision that waits for it is withdrawn. Ended already, nothing changes."""
    waiting = approval_of(KIND, pk) if Lease.objects.filter(pk=pk, state=LeaseState.WAITING).exists() else None
    if waiting is not None and waiting.is_waiting:
        hers = waiting.requester.person_id == actor.person_id
        approvals.withdraw(waiting, actor=actor if hers else Actor.system(actor.correlation_id), reason=reason)
    lease = states.locked(pk)
    assert lease is not None, "leases are never deleted"
    states.end(lease, why, actor=actor, reason=reason)
    return lease


def end_where(narrow: Mapping[str, Any], why: LeaseEnd, *, actor: Actor, reason: str = "") -> int:
    """End every open lease that this narrows to; returns how many there were."""
    pks = list(Lease.objects.filter(state__in=OPEN, **narrow).order_by("pk").values_list("pk", flat=True))
    for pk in pks:
        end_one(pk, why, actor=actor, reason=reason)
    return len(pks)


def end_due() -> int:
    """End what is past its time, was not taken, or whose offer, connection, scope or epoch is not what it was."""
    now, ended = clock.now(), 0
    reasons = [
        (Q(state__in=[LeaseState.HELD, LeaseState.MINTING], ends__lte=now), LeaseEnd.TIME),
        (Q(state=LeaseState.READY, take_until__lte=now), LeaseEnd.NOT_TAKEN),
        (Q(offer__withdrawn_at__isnull=False) | ~Q(offer__scope__state=ScopeState.ACTIVE), LeaseEnd.OFFER),
        (~Q(connection__state=ConnectionState.READY), LeaseEnd.CONNECTION),
        (Q(person__is_active=False), LeaseEnd.ROLE),
        (Q(state__in=[LeaseState.HELD, LeaseState.MINTING]) & ~Q(epoch=F("person__access_epoch")), LeaseEnd.ROLE),
    ]
    for due, why in reasons:
        for pk in list(Lease.objects.filter(due, state__in=OPEN).order_by("pk").values_list("pk", flat=True)):
            end_one(pk, why, actor=Actor.system())
            ended += 1
    return ended


def end_without_role(people: Iterable[UUID] | None = None) -> int:
    """End the open leases of people who may take none there any more: two queries each person. Nobody named is everybody."""
    rows = Lease.objects.filter(state__in=OPEN)
    rows = rows if people is None else rows.filter(person__in=list(people))
    ended = 0
    for person in User.objects.filter(pk__in=rows.order_by().values("person").distinct()).order_by("pk"):
        ended += _end_of(person)
    return ended


def may_hold(lease: Lease) -> bool:
    """Whether she may have it at this moment: her access, her role, and since it was minted her epoch."""
    person = User.objects.get(pk=lease.person_id)
    epoch_holds = lease.state not in (LeaseState.MINTING, LeaseState.HELD) or lease.epoch == person.access_epoch
    return person.is_active and epoch_holds and holds(Actor(person, Auth("lease")), "take_lease", lease.offer)


def _end_of(person: User) -> int:
    actor, ended = Actor(person, Auth("lease")), 0
    for lease in Lease.objects.filter(person=person, state__in=OPEN).select_related("offer").order_by("pk"):
        stale = lease.state in (LeaseState.MINTING, LeaseState.HELD) and lease.epoch != person.access_epoch
        if stale or not person.is_active or not holds(actor, "take_lease", lease.offer):
            end_one(lease.pk, LeaseEnd.ROLE, actor=Actor.system())
            ended += 1
    return ended
