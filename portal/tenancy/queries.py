"""Reads of tenancy: what keeps a scope open."""

from typing import Any

from portal.access.models import Scope, ScopeState
from portal.core import registry


def still_in(scope: Scope) -> list[Any]:
    """What is in a scope and must end before it can be closed: open scopes below it, and what lives in it."""
    below = list(Scope.objects.filter(parent=scope).exclude(state=ScopeState.CLOSED).order_by("name"))
    return below + [thing for belonging in registry.load("PORTAL_BELONGINGS") for thing in belonging().of_scope(scope)]
