"""Reads of the tree, already limited to what the actor may see."""

from typing import Any

from django.db.models import QuerySet

from portal.access.models import Scope
from portal.users.actor import Actor


def scopes_visible_to(actor: Actor) -> QuerySet[Any]:
    """The organizations, tenants and projects she may see."""
    return Scope.objects.visible_to(actor)
