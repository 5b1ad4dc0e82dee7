"""Who answers for a scope or a resource: hand it over."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import live_actor_of
from portal.api.base import View, read, says, shown
from portal.api.shapes import PersonSerializer, Shape
from portal.identity.people import person_named
from portal.provisioning.queries import resource_visible_to
from portal.tenancy import owning
from portal.users.actor import Actor


class OwnerSerializer(Shape[Any]):
    """Who answers for it; null where nobody does."""

    owner = PersonSerializer(allow_null=True)


class NewOwnerSerializer(Shape[Any]):
    """A person by her sign-in name."""

    owner = serializers.CharField(max_length=150)


class ScopeOwner(View):
    @says("scopes_hand_over", takes=NewOwnerSerializer, gives=OwnerSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Hand the scope over: for its owner, and for who manages it. Hers already, nothing changes."""
        actor = live_actor_of(request)
        return _handed_over(request, scope_for(actor, pk), actor)


class ResourceOwner(View):
    @says("resources_hand_over", takes=NewOwnerSerializer, gives=OwnerSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Hand the resource over: for who answers for it, and for who may share it. Hers already, nothing changes."""
        actor = live_actor_of(request)
        return _handed_over(request, resource_visible_to(actor, pk), actor)


def _handed_over(request: Request, thing: Any, actor: Actor) -> Response:
    to = person_named(read(NewOwnerSerializer, request)["owner"])
    owning.hand_over(thing, to, actor=actor)
    return shown(OwnerSerializer, {"owner": to}, request)
