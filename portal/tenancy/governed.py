"""What is known of a role that is to be given, and whether a policy asks for a decision on it."""

from datetime import datetime
from typing import Any

from portal.access.models import Role, Scope
from portal.approvals.previews import is_asked_about
from portal.users.actor import Actor

ROLE = "role"
POWERFUL = ("manage_", "operate_platform", "view_as", "vote")


def role_facts(role: Role, scope: Scope, expires: datetime | None) -> dict[str, Any]:
    """What is decided on: which role, where, until when."""
    return {"role": role.name, "place": scope.name, "until": expires.date() if expires else None}


def role_context(role: Role, expires: datetime | None) -> dict[str, Any]:
    """What policies may ask about beside it: a role is powerful where it decides, manages, or looks as others."""
    powerful = any(name.startswith(POWERFUL) for name in role.permissions)
    return {"role_key": role.key, "is_powerful": powerful, "for_good": expires is None}


def waits_for_decision(role: Role, scope: Scope, expires: datetime | None, actor: Actor) -> bool:
    """Whether a policy asks for a decision before this role is given here."""
    return is_asked_about(ROLE, role_facts(role, scope, expires), role_context(role, expires), scope, actor=actor)
