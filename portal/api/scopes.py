"""Organizations, tenants and projects."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.guard import permissions_at
from portal.access.queries import scope_for, scopes_with_people
from portal.api.auth import actor_of
from portal.api.base import View, listed, says, says_list, shown
from portal.api.shapes import PersonSerializer, Shape
from portal.tenancy.quotas import room_in


class ScopeSerializer(Shape[Any]):
    """An organization, a tenant or a project."""

    id = serializers.UUIDField()
    kind = serializers.CharField(source="scope_kind")
    name = serializers.CharField()
    parent_id = serializers.UUIDField(allow_null=True)
    state = serializers.CharField()
    owner = PersonSerializer(allow_null=True)
    currency = serializers.CharField()
    zone = serializers.CharField()
    environment = serializers.CharField()
    data_class = serializers.CharField()
    cost_centre = serializers.CharField()


class ScopeDetailSerializer(ScopeSerializer):
    """The same, with what the caller may do there."""

    permissions = serializers.SerializerMethodField()

    def get_permissions(self, scope: Any) -> list[str]:
        return sorted(permissions_at(actor_of(self.context["request"]), scope.scope_path))


class RoomSerializer(Shape[Any]):
    """A quota that binds a scope: its own, or one of a scope above."""

    scope = serializers.UUIDField(source="scope.pk")
    scope_name = serializers.CharField(source="scope.name")
    dimension = serializers.CharField()
    limit = serializers.IntegerField()
    used = serializers.IntegerField()
    left = serializers.IntegerField()


class Scopes(View):
    @says_list("scopes_list", ScopeSerializer)
    def get(self, request: Request) -> Response:
        """The organizations, tenants and projects the caller may see, in tree order."""
        return listed(request, scopes_with_people(actor_of(request)), ScopeSerializer, ordering=("path",))


class Scope(View):
    @says("scopes_read", gives=ScopeDetailSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One scope, and what the caller may do there."""
        return shown(ScopeDetailSerializer, scope_for(actor_of(request), pk), request)


class Quotas(View):
    @says("scopes_quotas", gives=RoomSerializer(many=True))
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Every quota that binds the scope, root first, with what is used and left."""
        rooms = room_in(scope_for(actor_of(request), pk))
        return Response(RoomSerializer(rooms, many=True).data)
