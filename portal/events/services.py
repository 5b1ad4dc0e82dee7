"""Write an event, inside the caller's transaction."""

from collections.abc import Iterable
from typing import Any

from portal.core.models import Base
from portal.events.models import Event
from portal.users.actor import Actor
from portal.users.models import User

SECRET_WORDS = ("password", "secret", "token", "credential", "private", "authorization", "connection_string", "dsn")
HIDDEN = "•••"


def record(action: str, target: Base, *, actor: Actor, **said: Any) -> Event:
    """Write the event of `event_of`, which says what may be given."""
    event = event_of(action, target, actor=actor, **said)
    event.save(force_insert=True)
    return event


def record_all(events: Iterable[Event]) -> None:
    """Write many events that belong together, in few statements."""
    Event.objects.bulk_create(events, batch_size=1000)


def event_of(
    action: str,
    target: Base,
    *,
    actor: Actor,
    outcome: str = "done",
    reason: str = "",
    cause: Any = "",
    scope_path: str | None = None,
    **detail: Any,
) -> Event:
    """Say that `actor` did `action` ("orders.place") to `target`. `cause` is the event, order or step it came from.

    The scope is the target's own `scope_path` unless given. Detail is redacted by key name and kept as JSON.
    """
    return Event(
        actor=actor.user,
        acting_for=actor.acting_for,
        viewed_as_by=actor.viewed_as_by,
        auth={"method": actor.auth.method, "session": actor.auth.session, "address": actor.auth.address},
        action=action,
        target_kind=target.kind(),
        target_id=str(target.pk),
        target_label=target.label[:200],
        scope_path=scope_path if scope_path is not None else getattr(target, "scope_path", None),
        outcome=outcome,
        reason=reason,
        correlation_id=actor.correlation_id,
        cause=cause_of(cause),
        detail=redact(detail),
    )


def cause_of(cause: Any) -> str:
    """ "kind:id" of a thing, or the text itself."""
    if isinstance(cause, Base):
        return f"{cause.kind()}:{cause.pk}"
    return f"event:{cause.pk}" if isinstance(cause, Event) else str(cause)[:80]


def redact(value: Any, key: str = "") -> Any:
    """JSON-ready, with everything under a secret-sounding key hidden."""
    if any(word in key.lower() for word in SECRET_WORDS):
        return HIDDEN
    if isinstance(value, dict):
        return {str(name): redact(part, str(name)) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(part, key) for part in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, User):
        return str(value.pk)
    return str(value)
