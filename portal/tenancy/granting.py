"""How an assignment is written: one row for each principal, role, place and source, which knows since when it holds and by whom."""

from datetime import datetime
from typing import Any

from portal.access.models import Assignment, Group, Role, Scope
from portal.access.resolver import in_force
from portal.core import clock
from portal.users.models import User


def write_assignment(
    principal: User | Group,
    role: Role,
    scope: Scope,
    *,
    source: str,
    by: User,
    starts: datetime | None = None,
    expires: datetime | None = None,
    approval: str = "",
) -> tuple[Assignment, bool]:
    """The assignment with these times, and whether it is new. Moving the end of one that is in force begins nothing anew."""
    who = {"user": principal, "group": None} if isinstance(principal, User) else {"user": None, "group": principal}
    one: dict[str, Any] = {**who, "role": role, "scope": scope, "source": source}
    before = Assignment.objects.filter(in_force(), **one).first()
    values = {
        "starts": starts,
        "expires": expires,
        "granted_by": by,
        "granted_at": before.granted_at if before else clock.now(),
        "approval": approval,
    }
    return Assignment.objects.update_or_create(**one, defaults=values)
