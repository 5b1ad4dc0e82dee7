"""Remove old events by whole sealed batches: the seals stay, and that it was done is itself sealed first."""

import sys
from dataclasses import dataclass
from datetime import timedelta

from django.db import connections, transaction
from django.utils.translation import gettext as _

from portal.core import clock
from portal.core.errors import Invalid, Refused
from portal.events import keys
from portal.events.models import Position, Seal
from portal.events.removals import ACTION, Removal, last_removal, removal_of
from portal.events.sealing import seal
from portal.events.services import record
from portal.users.actor import Actor

OWNER = "owner"
LEAST_DAYS = 30


@dataclass(frozen=True, slots=True)
class Old:
    """Whole batches in which every event is older than asked for: up to which position, and how many events."""

    seal: Seal
    events: int


def old_events(days: int) -> Old | None:
    """What `remove_old` would remove; None where no whole batch is old enough."""
    _check(days)
    before = clock.now() - timedelta(days=days)
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT min(p.position) FROM events_position p JOIN events_event e ON e.id = p.event_id WHERE e.at >= %s",
            [before],
        )
        young = cursor.fetchone()[0]
    seals = Seal.objects.filter(created_at__lt=before)
    found = (seals if young is None else seals.filter(last__lt=young)).order_by("-number").first()
    left = Position.objects.filter(position__lte=found.last).count() if found else 0
    return Old(found, left) if found and left else None


def remove_old(days: int, *, actor: Actor) -> int:
    """Remove them, as the owner of the tables; how many. The record is sealed before anything goes.

    What an earlier call recorded and did not carry out is carried out. Refused while the record cannot be sealed.
    """
    _check(days)
    seal(batches=sys.maxsize, waits=True)
    removal = last_removal(keys.public_keys())
    if removal is None or not Position.objects.filter(position__lte=removal.through).exists():
        old = old_events(days)
        if old is None:
            return 0
        removal = _record(old.seal, days, actor)
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        cursor.execute(
            "DELETE FROM events_event e USING events_position p WHERE p.event_id = e.id AND p.position <= %s",
            [removal.through],
        )
        cursor.execute("DELETE FROM events_position WHERE position <= %s", [removal.through])
        return int(cursor.rowcount)


def _check(days: int) -> None:
    if days < LEAST_DAYS:
        raise Invalid(_("Events are kept for at least %(days)d days.") % {"days": LEAST_DAYS})


def _record(last: Seal, days: int, actor: Actor) -> Removal:
    """Write down and seal that everything up to this seal goes."""
    key_id, seed = keys.signing_key()
    removal = removal_of(last, clock.now() - timedelta(days=days), key_id, seed)
    event = record(ACTION, last, actor=actor, **removal.detail())
    seal(batches=sys.maxsize, waits=True)
    if not Position.objects.filter(event_id=event.pk).exists():
        raise Refused(_("The record could not be sealed yet: a transaction is open. Nothing was removed; try again later."))
    return removal
