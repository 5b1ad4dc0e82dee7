"""The door that services use: require, and a fresh look where a privileged act needs one."""

from datetime import timedelta

from portal.access.resolver import holds, permissions_at, permissions_of, require, scope_ids
from portal.core import clock
from portal.core.errors import Unavailable
from portal.users.actor import Actor

FRESH = timedelta(seconds=10)

__all__ = ["holds", "permissions_at", "permissions_of", "require", "require_fresh", "scope_ids"]


def require_fresh(actor: Actor) -> None:
    """Refuse an actor who was not looked at again within the last ten seconds."""
    if not actor.is_system and actor.checked_at < clock.now() - FRESH:
        raise Unavailable("Your sign-in was not checked again. Try once more.")
