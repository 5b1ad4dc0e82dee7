"""Reads of tenancy: what keeps a scope open, and what somebody has in one."""

from typing import Any

from portal.access.models import Scope
from portal.tenancy.belongings import belongings
from portal.users.models import User


def still_in(scope: Scope) -> list[Any]:
    """What is in a scope and must end before it can be closed: open scopes below it, and what lives in it."""
    return [thing for belonging in belongings() for thing in belonging.of_scope(scope)]


def count_of(user: User, within: Scope) -> int:
    """How many things somebody answers for at or below a scope."""
    return sum(belonging.of_person(user, within=within).count() for belonging in belongings())
