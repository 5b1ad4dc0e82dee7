"""Groups: people who hold roles together."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.roles import AssignmentSerializer
from portal.api.shapes import NamedSerializer, PersonSerializer, Shape
from portal.identity.people import person_named
from portal.tenancy import groups


class GroupSerializer(Shape[Any]):
    """A group that can be given roles at its scope and below."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    scope = NamedSerializer()


class GroupDetailSerializer(GroupSerializer):
    """The same, with its members and its roles."""

    members = serializers.SerializerMethodField()
    roles = serializers.SerializerMethodField()

    @extend_schema_field(PersonSerializer(many=True))
    def get_members(self, group: Any) -> Any:
        return PersonSerializer(groups.members_of(group), many=True).data

    @extend_schema_field(AssignmentSerializer(many=True))
    def get_roles(self, group: Any) -> Any:
        return AssignmentSerializer(groups.roles_of_group(group), many=True).data


class GroupNameSerializer(Shape[Any]):
    """What it is called."""

    name = serializers.CharField(max_length=120)


class MemberSerializer(Shape[Any]):
    """A person by her sign-in name."""

    person = serializers.CharField(max_length=150)


class Groups(View):
    @says_list("groups_list", GroupSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """The groups that can be given roles at the scope, by name."""
        rows = groups.groups_at(scope_for(actor_of(request), pk)).select_related("scope")
        return listed(request, rows, GroupSerializer, ordering=("name", "id"))

    @says("groups_create", takes=GroupNameSerializer, gives=GroupDetailSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Make a group there: empty, and without a role."""
        actor = live_actor_of(request)
        scope = scope_for(actor, pk)
        made = groups.create_group(scope, read(GroupNameSerializer, request)["name"], actor=actor)
        return shown(GroupDetailSerializer, made, request, status=201, at=f"/api/groups/{made.pk}/")


class Group(View):
    @says("groups_read", gives=GroupDetailSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One group, its members and its roles."""
        return shown(GroupDetailSerializer, groups.group_for(actor_of(request), pk), request)

    @says("groups_rename", takes=GroupNameSerializer, gives=GroupDetailSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Call it otherwise; members and roles stay."""
        actor = live_actor_of(request)
        group = groups.group_for(actor, pk)
        return shown(
            GroupDetailSerializer,
            groups.rename_group(group, read(GroupNameSerializer, request)["name"], actor=actor),
            request,
        )

    @says("groups_delete", status=204)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """End it, and with it each of its roles for each of its members."""
        actor = live_actor_of(request)
        groups.delete_group(groups.group_for(actor, pk), actor=actor)
        return Response(status=204)


class Members(View):
    @says("groups_add", takes=MemberSerializer, gives=GroupDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Let a person in: she holds the group's roles from her next request on."""
        actor = live_actor_of(request)
        group = groups.group_for(actor, pk)
        groups.add_member(group, person_named(read(MemberSerializer, request)["person"]), actor=actor)
        return shown(GroupDetailSerializer, group, request)


class Member(View):
    @says("groups_remove", status=204)
    def delete(self, request: Request, pk: uuid.UUID, user_pk: uuid.UUID) -> Response:
        """Take a person out: what she held by the group alone ends at once."""
        actor = live_actor_of(request)
        group = groups.group_for(actor, pk)
        groups.remove_member(group, groups.member_of(group, user_pk), actor=actor)
        return Response(status=204)
