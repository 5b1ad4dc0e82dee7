"""Give positions to what was recorded: as the sealer does where a test commits nothing, and by the sealer where it does."""

import time

from portal.audit.positions import head
from portal.events import sealing
from portal.events.models import Event, Position

PATIENCE_S = 60


def seal_all() -> int:
    """Positions without seals, in a test whose own transaction is still open; the last one."""
    last = head()
    rows = Event.objects.exclude(pk__in=Position.objects.values("event_id")).order_by("xid", "id")
    Position.objects.bulk_create(
        Position(position=last + number, event_id=event.pk, leaf=event.pk.bytes) for number, event in enumerate(rows, 1)
    )
    return head()


def seal_committed() -> None:
    """The sealer itself, until nothing is left: open transactions of other tests in the same cluster hold it back."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        sealing.seal()
        if not Event.objects.exclude(pk__in=Position.objects.values("event_id")).exists():
            return
        assert time.monotonic() < ends, "what is committed is not sealed"
        time.sleep(0.05)
