"""What the caller asks for: projects, and roles in projects. Until when a project is wanted."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.models import DataClass, Environment
from portal.access.queries import scope_for
from portal.api.auth import actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, PersonSerializer, ReasonSerializer, Shape
from portal.tenancy import asking, project_ends
from portal.tenancy.asking_forms import JoinAskFilter, ProjectAskFilter


class AskSerializer(Shape[Any]):
    """How it stands: waiting, done, denied, withdrawn or expired."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    created_at = serializers.DateTimeField()


class ProjectAskSerializer(AskSerializer):
    """A project that was asked for; `project` is what became of it."""

    tenant = NamedSerializer()
    name = serializers.CharField()
    purpose = serializers.CharField()
    ends = serializers.DateField()
    owner = PersonSerializer()
    cost_centre = serializers.CharField()
    environment = serializers.CharField()
    data_class = serializers.CharField()
    project = NamedSerializer(allow_null=True)


class NewProjectAskSerializer(Shape[Any]):
    """A project in a tenant, until its last day; `owner` is a sign-in name, the caller's unless given."""

    tenant = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    purpose = serializers.CharField(max_length=2000)
    ends = serializers.DateField()
    owner = serializers.CharField(max_length=150, required=False)
    cost_centre = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    environment = serializers.ChoiceField(Environment.choices, required=False, allow_blank=True, default="")
    data_class = serializers.ChoiceField(DataClass.choices, required=False, allow_blank=True, default="")


class JoinAskSerializer(AskSerializer):
    """A role in a project that was asked for."""

    project = NamedSerializer()
    role = serializers.CharField(source="role.key")
    reason = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class NewJoinAskSerializer(Shape[Any]):
    """A role in the project of a link."""

    project = serializers.UUIDField()
    role = serializers.ChoiceField(choices=asking.JOINABLE)
    reason = serializers.CharField(max_length=2000)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)


class ProjectEndSerializer(Shape[Any]):
    """The last day that a project is wanted, null without an end, and what it is for."""

    ends = serializers.DateField(allow_null=True)
    purpose = serializers.CharField()


class NewProjectEndSerializer(Shape[Any]):
    """Another last day; null is no end."""

    ends = serializers.DateField(allow_null=True)


class ProjectAsks(View):
    @says_list("project_asks_list", ProjectAskSerializer, narrow=ProjectAskFilter)
    def get(self, request: Request) -> Response:
        """The projects that the caller asked for, newest first."""
        rows = asking.project_asks_of(actor_of(request))
        return listed(request, rows, ProjectAskSerializer, narrow=ProjectAskFilter)

    @says("project_asks_create", takes=NewProjectAskSerializer, gives=ProjectAskSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Ask for a project; it is decided, or made at once where a policy allows it."""
        actor, sent = actor_of(request), read(NewProjectAskSerializer, request)
        tenant = asking.tenant_to_ask_in(actor, sent.pop("tenant"))
        owner = asking.owner_named(sent.pop("owner")) if "owner" in sent else None
        ask = asking.ask_project(tenant, sent.pop("name"), owner=owner, **sent, actor=actor)
        return shown(ProjectAskSerializer, ask, request, status=201, at=f"{request.path}{ask.pk}/")


class ProjectAsk(View):
    @says("project_asks_read", gives=ProjectAskSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(ProjectAskSerializer, asking.ask_of(asking.project_asks_of(actor_of(request)), pk), request)


class WithdrawProjectAsk(View):
    @says("project_asks_withdraw", takes=ReasonSerializer, gives=ProjectAskSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take it back while it waits. Withdrawn already, nothing changes."""
        actor, sent = actor_of(request), read(ReasonSerializer, request)
        ask = asking.ask_of(asking.project_asks_of(actor), pk)
        return shown(ProjectAskSerializer, asking.withdraw_ask(ask, actor=actor, reason=sent["reason"]), request)


class JoinAsks(View):
    @says_list("join_asks_list", JoinAskSerializer, narrow=JoinAskFilter)
    def get(self, request: Request) -> Response:
        """The roles that the caller asked for, newest first."""
        rows = asking.join_asks_of(actor_of(request))
        return listed(request, rows, JoinAskSerializer, narrow=JoinAskFilter)

    @says("join_asks_create", takes=NewJoinAskSerializer, gives=JoinAskSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Ask to be let into a project of the caller's organization."""
        actor, sent = actor_of(request), read(NewJoinAskSerializer, request)
        project = asking.project_to_join(actor, sent.pop("project"))
        role = next(role for role in asking.joinable_roles() if role.key == sent["role"])
        del sent["role"]
        ask = asking.ask_to_join(project, role, **sent, actor=actor)
        return shown(JoinAskSerializer, ask, request, status=201, at=f"{request.path}{ask.pk}/")


class JoinAsk(View):
    @says("join_asks_read", gives=JoinAskSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(JoinAskSerializer, asking.ask_of(asking.join_asks_of(actor_of(request)), pk), request)


class WithdrawJoinAsk(View):
    @says("join_asks_withdraw", takes=ReasonSerializer, gives=JoinAskSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take it back while it waits. Withdrawn already, nothing changes."""
        actor, sent = actor_of(request), read(ReasonSerializer, request)
        ask = asking.ask_of(asking.join_asks_of(actor), pk)
        return shown(JoinAskSerializer, asking.withdraw_ask(ask, actor=actor, reason=sent["reason"]), request)


class ProjectEnd(View):
    @says("scopes_end", gives=ProjectEndSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Until when a project is wanted."""
        return shown(ProjectEndSerializer, project_ends.end_of(scope_for(actor_of(request), pk)), request)

    @says("scopes_set_end", takes=NewProjectEndSerializer, gives=ProjectEndSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Move the last day of a project. The same again changes nothing."""
        actor = actor_of(request)
        project = scope_for(actor, pk)
        row = project_ends.set_project_end(project, read(NewProjectEndSerializer, request)["ends"], actor=actor)
        return shown(ProjectEndSerializer, row, request)
