"""Roles: the built-in ones, those of one's own, and who holds which at a scope."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.guard import require
from portal.access.queries import assignment_at, people_of, roles_for, scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, PersonSerializer, Shape
from portal.approvals.queries import approval_of
from portal.core.errors import Invalid, NotFound
from portal.identity.people import person_named
from portal.tenancy import custom_roles, groups, services
from portal.tenancy.governed import ROLE
from portal.tenancy.models import RoleAsk
from portal.tenancy.role_asking import give_role
from portal.users.actor import Actor


class RoleRowSerializer(Shape[Any]):
    """A role; built-in ones have no `scope`. `edition` is what a change names as `seen`."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    name = serializers.CharField()
    scope = NamedSerializer(allow_null=True)
    permissions = serializers.ListField(child=serializers.CharField())
    edition = serializers.SerializerMethodField()

    def get_edition(self, role: Any) -> str:
        return custom_roles.edition_of(role)


class NewRoleSerializer(Shape[Any]):
    """A role that can be given at `scope` and below."""

    scope = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    permissions = serializers.ListField(child=serializers.CharField(max_length=40), max_length=100)


class ChangedRoleSerializer(Shape[Any]):
    """Its new name and permissions; `seen` is the edition that was read."""

    name = serializers.CharField(max_length=120)
    permissions = serializers.ListField(child=serializers.CharField(max_length=40), max_length=100)
    seen = serializers.CharField(max_length=64)


class AssignmentSerializer(Shape[Any]):
    """A role that a person or a group holds at `scope` and below; `origin`: manual, rule, scim or approval."""

    id = serializers.UUIDField()
    person = PersonSerializer(source="user", allow_null=True)
    group = NamedSerializer(allow_null=True)
    role = NamedSerializer()
    scope = NamedSerializer()
    starts = serializers.DateTimeField(allow_null=True)
    expires = serializers.DateTimeField(allow_null=True)
    origin = serializers.CharField(source="source")


class NewAssignmentSerializer(Shape[Any]):
    """A role for a person (her sign-in name) or for a group (its id), from and until a moment."""

    person = serializers.CharField(max_length=150, required=False)
    group = serializers.UUIDField(required=False)
    role = serializers.UUIDField()
    starts = serializers.DateTimeField(required=False, allow_null=True, default=None)
    expires = serializers.DateTimeField(required=False, allow_null=True, default=None)

    def validate(self, attrs: Any) -> Any:
        if ("person" in attrs) == ("group" in attrs):
            raise serializers.ValidationError({"person": _("A person or a group.")})
        return attrs


class Roles(View):
    @says_list("roles_list", RoleRowSerializer)
    def get(self, request: Request) -> Response:
        """The built-in roles, and those of the scopes whose roles the caller manages."""
        rows = custom_roles.roles_visible_to(actor_of(request))
        return listed(request, rows, RoleRowSerializer, ordering=("name", "id"))

    @says("roles_create", takes=NewRoleSerializer, gives=RoleRowSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Make a role from the list of permissions."""
        actor, sent = live_actor_of(request), read(NewRoleSerializer, request)
        made = custom_roles.create_role(scope_for(actor, sent["scope"]), sent["name"], sent["permissions"], actor=actor)
        return shown(RoleRowSerializer, made, request, status=201, at=f"{request.path}{made.pk}/")


class Role(View):
    @says("roles_read", gives=RoleRowSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(RoleRowSerializer, custom_roles.role_for(actor_of(request), pk), request)

    @says("roles_change", takes=ChangedRoleSerializer, gives=RoleRowSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Another name or other permissions, for all who hold it; 409 where somebody changed it since it was read."""
        actor = live_actor_of(request)
        role = custom_roles.role_for(actor, pk)
        sent = read(ChangedRoleSerializer, request)
        changed = custom_roles.change_role(role, sent["name"], sent["permissions"], seen=sent["seen"], actor=actor)
        return shown(RoleRowSerializer, changed, request)

    @says("roles_delete", status=204)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """End a role that nobody holds."""
        actor = live_actor_of(request)
        custom_roles.delete_role(custom_roles.role_for(actor, pk), actor=actor)
        return Response(status=204)


class Assignments(View):
    @says_list("assignments_list", AssignmentSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Who holds a role at the scope, given there or above it, newest first."""
        return listed(request, people_of(scope_for(actor_of(request), pk)), AssignmentSerializer)

    @says("assignments_create", takes=NewAssignmentSerializer, gives=AssignmentSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Give a role at the scope and below. Given again, its end is moved. 202 with the approval's id where a policy asks
        for a decision: it is given once that is approved.
        """
        actor = live_actor_of(request)
        scope = scope_for(actor, pk)
        require(actor, "manage_members", scope)
        sent = read(NewAssignmentSerializer, request)
        role = roles_for(scope).filter(pk=sent["role"]).first()
        if role is None:
            raise Invalid(fields={"role": [_("This role is not known here.")]})
        times = {"starts": sent["starts"], "expires": sent["expires"]}
        given = give_role(_principal(sent, actor), role, scope, **times, actor=actor)
        if isinstance(given, RoleAsk):
            approval = approval_of(ROLE, given.pk)
            return Response({"state": given.state, "approval": str(approval.pk) if approval else None}, status=202)
        return shown(AssignmentSerializer, given, request, status=201, at=f"{request.path}{given.pk}/")


class Assignment(View):
    @says("assignments_end", status=204)
    def delete(self, request: Request, pk: uuid.UUID, assignment_pk: uuid.UUID) -> Response:
        """Take a role back that was given right there; it holds no more at the next request."""
        actor = live_actor_of(request)
        scope = scope_for(actor, pk)
        require(actor, "manage_members", scope)
        found = assignment_at(scope, assignment_pk)
        if found is None:
            raise NotFound
        services.end_assignment(found, actor=actor)
        return Response(status=204)


def _principal(sent: dict[str, Any], actor: Actor) -> Any:
    return groups.group_for(actor, sent["group"]) if "group" in sent else person_named(sent["person"])
