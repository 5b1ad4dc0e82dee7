"""The one clock. Everything that asks for the time asks here, so tests and the demo's history can travel."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_fixed: ContextVar[datetime | None] = ContextVar("fixed", default=None)
_offset: timedelta = timedelta()


def now() -> datetime:
    """The time, aware, in UTC."""
    return _fixed.get() or datetime.now(UTC) + _offset


@contextmanager
def travel(at: datetime) -> Iterator[None]:
    """Stand still at a moment, in this thread, until the block ends."""
    token = _fixed.set(at.astimezone(UTC))
    try:
        yield
    finally:
        _fixed.reset(token)


def shift(by: timedelta) -> None:
    """Move this process's clock; only where PORTAL_TEST_CLOCK is on (portal.core.models.ClockOffset.read)."""
    global _offset
    _offset = by


def hour_of(at: datetime) -> datetime:
    """The start of the UTC hour that holds the moment."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
