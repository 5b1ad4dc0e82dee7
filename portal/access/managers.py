"""`Model.objects.visible_to(actor)`: lists what `require` would allow, by the same resolver."""

from typing import Any, Self

from django.db import models
from django.db.models import Q

from portal.access import resolver
from portal.users.actor import Actor


class AccessQuerySet(models.QuerySet[Any]):
    """For models that say `scope_lookup` (the path to their Scope, "" for Scope itself) and `view_permission`."""

    def visible_to(self, actor: Actor, permission: str | None = None) -> Self:
        """The rows on which the actor holds the permission, the model's view permission unless named."""
        permission = permission or self.model.view_permission
        if actor.is_system:
            return self
        return self.filter(self._in_scope(actor, permission) | self._shared(actor, permission))

    def _in_scope(self, actor: Actor, permission: str) -> Q:
        ids = resolver.scope_ids(actor, permission, reach=getattr(self.model, "scope_reach", "down"))
        lookup = self.model.scope_lookup
        return Q(**{f"{lookup}_id__in" if lookup else "pk__in": ids})

    def _shared(self, actor: Actor, permission: str) -> Q:
        if not getattr(self.model, "takes_shares", False):
            return Q(pk__in=[])
        return Q(pk__in=resolver.shared_ids(actor, permission, self.model))


AccessManager = models.Manager.from_queryset(AccessQuerySet)
