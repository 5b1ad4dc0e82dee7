"""Reads of the tree, limited to what the actor may see."""

from typing import Any

from portal.access.models import Assignment, Scope
from portal.access.resolver import in_force
from portal.users.actor import Actor


def scopes_visible_to(actor: Actor) -> Any:
    """The organizations, tenants and projects she may see."""
    return Scope.objects.visible_to(actor)


def people_of(scope: Scope) -> Any:
    """Who holds a role at a scope, there or above it, in force now; the assignment names role, place and end."""
    rows = Assignment.objects.filter(in_force(), scope__path__above=scope.path)
    return rows.select_related("user", "group", "role", "scope").order_by("scope__path", "role__name", "user__name")
