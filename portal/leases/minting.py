"""Mint one lease, or end it in its cloud: write the step, ask, write the answer.

A step that was asked and not answered (the worker died) is taken up again once its time is over, under the lease's own key:
the cloud has one lease, whoever asked for it. Whose lease is not wanted any more by then has it ended under that key. The
number of tries is the fence: an answer counts only for the try that asked.
"""

import json
import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from portal.clouds.base import CloudError, Secret
from portal.clouds.leases import LeaseAsk, LeaseGiven
from portal.clouds.models import ConnectionState
from portal.clouds.registry import adapter_for
from portal.core import clock, parcels
from portal.core.errors import Forbidden, PortalError, redacted
from portal.core.journal import OPEN_STATES, back_off
from portal.events.services import record
from portal.identity import exchange
from portal.leases import endings, states
from portal.leases.models import Lease, LeaseEnd, LeaseState, LeaseStep, Lender
from portal.users.actor import Actor

logger = logging.getLogger(__name__)

MOST_STEPS = 4
MOST_COUNTED = 20


def settle(lease_id: UUID) -> None:
    """Do what is due for one lease. Runs twice, late or beside itself without harm."""
    for _ in range(MOST_STEPS):
        step = claim(lease_id)
        if step is None or not carry_out(step):
            return


def next_verb(lease: Lease) -> str | None:
    """What to ask the cloud for; None when nothing is to be asked."""
    if lease.state == LeaseState.MINTING:
        return "mint"
    is_over = lease.state in (LeaseState.ENDING, LeaseState.FAILED)
    return "end" if is_over and (lease.is_in_cloud or lease.state == LeaseState.ENDING) else None


@transaction.atomic(durable=True)
def claim(lease_id: UUID) -> LeaseStep | None:
    """Take the step that is due, or begin the next, and write down that it is asked: from here on a crash can be told."""
    lease = states.locked(lease_id)
    if lease is None:
        return None
    step = lease.steps.filter(state__in=OPEN_STATES).first()
    if step is not None and not step.is_due(clock.now()):
        return None
    verb = next_verb(lease)
    if step is not None and step.verb != verb:
        step.mark_abandoned()
        step = None
    if verb is None:
        return None
    if step is None:
        step = LeaseStep(lease=lease, verb=verb)
        step.save(force_insert=True)
    step.lease = lease
    step.mark_asked()
    LeaseStep.objects.filter(pk=step.pk).update(due_at=clock.now() + timedelta(seconds=settings.PROVISIONING_LEASE_S))
    return step


def carry_out(step: LeaseStep) -> bool:
    """Ask, outside any transaction, and write down how it went. Whether there may be more to do at once."""
    try:
        if step.verb == "end":
            return _end(step)
        return _mint(step)
    except CloudError as error:
        return _write_error(step, error)
    except PortalError as error:  # the identity provider: nobody waits for it, she asks again
        return _write_error(step, CloudError(str(error), retry=False, kind="refused"))
    except Exception as error:  # a fault of ours: said, and tried again
        logger.exception("step %s of lease %s", step.pk, step.lease_id)
        return _write_error(step, CloudError(f"Concord itself failed: {type(error).__name__}.", retry=True, kind="garbage"))


def _mint(step: LeaseStep) -> bool:
    lease = step.lease
    if not endings.may_hold(lease):
        return _write_unwanted(step)
    lender = Lender.objects.get(connection=lease.connection_id)
    token = _token(lease, lender.audience)
    adapter = _adapter(lease)
    if not Lease.objects.filter(pk=lease.pk, state=LeaseState.MINTING).update(is_in_cloud=True):
        return _write_unwanted(step)
    given: LeaseGiven = adapter.lease(_ask(lease, token))
    return _write_given(step, given)


def _ask(lease: Lease, token: str | None) -> LeaseAsk:
    assert lease.ends is not None, "a lease that is minted has an end"
    secret = Secret(token) if token else None
    return LeaseAsk(lease.cloud_key, lease.offer.target, lease.ends, lease.person_id.hex, secret, lease.offer.options)


def _token(lease: Lease, audience: str) -> str | None:
    """Hers for this cloud: from the token that she sent, else from her session; None where the cloud takes none."""
    if not audience:
        return None
    with transaction.atomic():
        waiting = parcels.waiting(lease.subject_parcel, for_user_id=lease.person_id)
        sent = parcels.take(waiting, for_user_id=lease.person_id) if waiting else None
    if sent:
        return exchange.exchange_of(sent, audience)
    if lease.session_id is None:
        raise Forbidden("The session that it was asked for in is gone. Ask again.")
    return exchange.exchange_token(lease.session_id, audience)


def _end(step: LeaseStep) -> bool:
    lease = step.lease
    if lease.is_in_cloud:
        _adapter(lease).end_lease(lease.external_id or lease.cloud_key, lease.offer.target)
    return _write_end(step)


@transaction.atomic(durable=True)
def _write_given(step: LeaseStep, given: LeaseGiven) -> bool:
    """Keep what was lent, its secret sealed for her alone; not wanted any more, it is ended."""
    lease, current = _current(step)
    if current is None:
        return True
    lease.external_id, lease.expires = given.id, given.expires
    current.mark_done({"id": given.id, "expires": given.expires.isoformat()})
    if lease.state != LeaseState.MINTING or not endings.may_hold(lease):
        lease.save()
        states.end(lease, LeaseEnd.ROLE, actor=Actor.system())
        return True
    lease.state, lease.begins = LeaseState.HELD, clock.now()
    lease.save()
    env = {name: text.reveal() for name, text in given.env.items()}
    shown = {"env": env, "profile": given.profile.reveal(), "profile_path": given.profile_path, "note": given.note}
    parcels.forget(lease.parcel)
    parcels.put(json.dumps(shown), for_user_id=lease.person_id, about=lease.parcel)
    record("leases.hold", lease, actor=Actor.system(), cause=current, ends=lease.ends, expires=lease.expires, id=given.id)
    return False


@transaction.atomic(durable=True)
def _write_unwanted(step: LeaseStep) -> bool:
    """It was ended before this try asked the cloud."""
    lease, current = _current(step)
    if current is None:
        return False
    current.mark_abandoned()
    states.end(lease, LeaseEnd.ROLE, actor=Actor.system())
    return True


@transaction.atomic(durable=True)
def _write_end(step: LeaseStep) -> bool:
    lease, current = _current(step)
    if current is None:
        return False
    current.mark_done({})
    states.confirm_end(lease)
    return False


@transaction.atomic(durable=True)
def _write_error(step: LeaseStep, error: CloudError) -> bool:
    """To mint is tried again while it may help, then failed and cleaned up; to end is tried until the cloud confirms."""
    lease, current = _current(step)
    if current is None:
        return False
    said = redacted(error.message)
    lease.error_kind, lease.error = error.kind, said
    if current.verb == "end":
        lease.save(update_fields=["error_kind", "error"])
        _again(current, said)
        return False
    if error.retry and current.may_retry() and lease.state == LeaseState.MINTING:
        lease.save(update_fields=["error_kind", "error"])
        _again(current, said)
        return False
    current.mark_failed(said)
    if lease.state == LeaseState.MINTING:
        lease.state, lease.ended_at = LeaseState.FAILED, clock.now()
    lease.save(update_fields=["error_kind", "error", "state", "ended_at"])
    record("leases.mint", lease, actor=Actor.system(), outcome="failed", reason=said, cause=current)
    return True


def _again(step: LeaseStep, said: str) -> None:
    """Due again after a growing wait; what must be ended is asked for ever, so the count stops growing."""
    step.failures = min(step.failures + 1, MOST_COUNTED)
    step.error, step.due_at = said, clock.now() + back_off(step.failures)
    step.save(update_fields=["failures", "error", "due_at"])


def _current(step: LeaseStep) -> tuple[Lease, LeaseStep | None]:
    """The lease, locked, and the step as it is now; None where another try took its place meanwhile."""
    lease = states.locked(step.lease_id)
    assert lease is not None, "leases are never deleted"
    return lease, LeaseStep.objects.filter(pk=step.pk, tries=step.tries, state__in=OPEN_STATES).first()


def _adapter(lease: Lease) -> Any:
    connection = lease.connection
    if connection.state == ConnectionState.DISABLED:
        raise CloudError(f"{connection.name} is disabled in Concord.", retry=False, kind="refused")
    return adapter_for(connection)
