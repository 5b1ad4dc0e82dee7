"""What a person is told of her own account, since whoever did it may not have been she."""

from portal.core import clock
from portal.events.models import Event
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User


def password_changed(user: User, *, actor: Actor, event: Event) -> None:
    """Her password is another one now; inside the caller's transaction."""
    _warn(user, "password_changed", actor, event, address=actor.auth.address or "?")


def factor_removed(user: User, *, actor: Actor, event: Event) -> None:
    """No code is asked of her any more; inside the caller's transaction."""
    _warn(user, "factor_removed", actor, event)


def _warn(user: User, topic: str, actor: Actor, event: Event, **words: str) -> None:
    """Nobody is told of her own acts, so the portal tells her in its own name."""
    date = f"{clock.now():%Y-%m-%d %H:%M} UTC"
    notify([user], topic, target=user, actor=Actor.system(actor.correlation_id), event=event, date=date, **words)
