"""Whose a resource is: `requester` is who answers for it, and is told of it, until it is handed over; its order keeps who asked."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.events.services import record
from portal.provisioning.models import Resource
from portal.provisioning.queries import alive_in
from portal.users.actor import Actor
from portal.users.models import User


class ResourceBelongings:
    """The resources somebody answers for. They keep a scope open while they are there."""

    name = "resource"
    label = _("Resources")
    permission = "view_resource"

    def of_person(self, user: User, *, within: Scope) -> QuerySet[Resource]:
        return alive_in(within).filter(requester=user).select_related("project").order_by("project", "name", "pk")

    def orphaned(self, within: Scope) -> Mapping[UUID, int]:
        rows = alive_in(within).filter(requester__is_active=False).order_by()
        return dict(rows.values_list("requester").annotate(Count("pk")))

    def of_scope(self, scope: Scope) -> list[Resource]:
        return list(alive_in(scope)[:20])

    def places_of(self, thing: Resource) -> Sequence[Scope]:
        return [thing.project] if thing.project else []

    def why_not(self, thing: Resource, to: User) -> str:
        return ""

    @transaction.atomic
    def hand_over(self, thing: Resource, to: User, *, instead_of: User | None, actor: Actor) -> None:
        rows = Resource.objects.select_for_update(of=("self",)).select_related("project")
        resource = rows.get(pk=thing.pk)
        if resource.requester_id == (instead_of.pk if instead_of else None):
            resource.requester = to
            resource.save(update_fields=["requester"])
            record("provisioning.hand_over", resource, actor=actor, instead_of=instead_of, to=to)
