"""What is known of a share that is asked for, and whether a policy asks for a decision on it."""

from datetime import datetime, timedelta
from typing import Any

from portal.access.models import Scope
from portal.access.resolver import grants
from portal.access.shares import place_of
from portal.approvals.previews import is_asked_about
from portal.core import clock
from portal.users.actor import Actor, Auth
from portal.users.models import User

SHARE = "share"
DAY = timedelta(days=1)


def share_facts(kind: str, label: str, user: User, permission: str, expires: datetime) -> dict[str, Any]:
    """What is decided on: who may do what with what, until when."""
    return {
        "with": str(user),
        "permission": permission,
        "shared": label,
        "shared_kind": kind,
        "until": expires.date(),
    }


def share_context(place: Scope, user: User, expires: datetime) -> dict[str, Any]:
    """What policies may ask about beside it."""
    days = -((clock.now() - expires) // DAY)
    return {"is_outside": not is_inside(user, place), "days": days}


def is_inside(user: User, place: Scope) -> bool:
    """Whether somebody holds anything in the organization of a place, beside what is shared with her."""
    held = grants(Actor(user, Auth("none")))
    return place.organization_id in {path.split(".")[0] for path, _permissions in held}


def waits_for_decision(thing: Any, user: User, permission: str, expires: datetime, actor: Actor) -> bool:
    """Whether a policy asks for a decision before this is shared."""
    place = place_of(thing)
    facts = share_facts(thing.kind(), thing.label[:200], user, permission, expires)
    return is_asked_about(SHARE, facts, share_context(place, user, expires), place, actor=actor)
