"""What exists in the clouds: look at it, operate it, take its secret, follow its life."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, Shape
from portal.approvals.queries import approval_of
from portal.core.errors import NotFound
from portal.provisioning import operating, services
from portal.provisioning.filters import ResourceFilter
from portal.provisioning.governed import OPERATION
from portal.provisioning.models import OperationAsk
from portal.provisioning.queries import (
    lifelines_of,
    resource_visible_to,
    resources_visible_to,
    steps_of,
    unmanaged_visible_to,
)
from portal.provisioning.services import VERBS


class ResourceSerializer(Shape[Any]):
    """Something in a cloud. What was merely found has no project, plan or offering."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    capability = serializers.CharField()
    state = serializers.CharField()
    desired = serializers.CharField()
    project = NamedSerializer(allow_null=True)
    offering = NamedSerializer(source="version.offering", default=None, allow_null=True)
    plan = NamedSerializer(allow_null=True)
    connection = NamedSerializer()
    region = serializers.CharField()
    external_id = serializers.CharField()
    error_kind = serializers.CharField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)


class ResourceDetailSerializer(ResourceSerializer):
    """The same, with what was wanted and what was seen."""

    spec = serializers.DictField()
    observed = serializers.DictField()


class OperatedSerializer(ResourceDetailSerializer):
    """The same; `approval` is the decision that the operation waits for, null where none is asked for."""

    approval = serializers.SerializerMethodField()

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_approval(self, _resource: Any) -> str | None:
        approval: str | None = self.context["approval"]
        return approval


class StepSerializer(Shape[Any]):
    """One call asked of the cloud."""

    id = serializers.UUIDField()
    verb = serializers.CharField()
    state = serializers.CharField()
    tries = serializers.IntegerField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    asked_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)


class LifelineSerializer(Shape[Any]):
    """A stretch of its life in one state and size; `until` is null while it lasts."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    size = serializers.DictField()
    since = serializers.DateTimeField(source="period.lower")
    until = serializers.DateTimeField(source="period.upper", allow_null=True)


class OperationSerializer(Shape[Any]):
    """What it is to do."""

    verb = serializers.ChoiceField(choices=[(verb, verb) for verb in VERBS])


class SecretSerializer(Shape[Any]):
    """A secret, in this answer and nowhere else."""

    secret = serializers.CharField()


class Resources(View):
    @says_list("resources_list", ResourceSerializer, narrow=ResourceFilter)
    def get(self, request: Request) -> Response:
        """The resources of the projects the caller may see, newest first."""
        return listed(request, resources_visible_to(actor_of(request)), ResourceSerializer, narrow=ResourceFilter)


class Unmanaged(View):
    @says_list("resources_unmanaged", ResourceSerializer, narrow=ResourceFilter)
    def get(self, request: Request) -> Response:
        """What was found in the clouds the caller may see, and belongs to no project."""
        return listed(request, unmanaged_visible_to(actor_of(request)), ResourceSerializer, narrow=ResourceFilter)


class Resource(View):
    @says("resources_read", gives=ResourceDetailSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One resource, ours or found."""
        return shown(ResourceDetailSerializer, resource_visible_to(actor_of(request), pk), request)


class Operate(View):
    @says("resources_operate", takes=OperationSerializer, gives=OperatedSerializer, status=202, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Start, stop or restart it; a worker does it. What is so already is done. Where a policy asks for a decision,
        nothing is done until it is approved, and `approval` is its id.
        """
        actor, sent = actor_of(request), read(OperationSerializer, request)
        done = operating.operate_or_ask(resource_visible_to(actor, pk), sent["verb"], actor=actor)
        waiting = approval_of(OPERATION, done.pk) if isinstance(done, OperationAsk) else None
        context = {"request": request, "approval": str(waiting.pk) if waiting else None}
        moved = done.resource if isinstance(done, OperationAsk) else done
        return Response(OperatedSerializer(moved, context=context).data, status=202)


class Rotate(View):
    @says("resources_rotate", gives=ResourceDetailSerializer, status=202, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """A new secret in place of the old, which opens nothing from then on. Take it once it is there."""
        actor = live_actor_of(request)
        turned = services.rotate_secret(resource_visible_to(actor, pk), actor=actor)
        return shown(ResourceDetailSerializer, turned, request, status=202)


class Secret(View):
    @says("resources_secret", gives=SecretSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """The secret that waits for the caller, once. 404 when none waits (any more): rotate it."""
        actor = live_actor_of(request)
        secret = services.take_secret(resource_visible_to(actor, pk), actor=actor)
        if secret is None:
            raise NotFound(_("No secret waits for you. Rotate it to get a new one."))
        return Response({"secret": secret})


class Retry(View):
    @says("resources_retry", gives=ResourceDetailSerializer, status=202)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Try again what failed; what did not fail is left as it is."""
        actor = actor_of(request)
        tried = services.retry_resource(resource_visible_to(actor, pk), actor=actor)
        return shown(ResourceDetailSerializer, tried, request, status=202)


class Steps(View):
    @says_list("resources_steps", StepSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What was asked of the cloud about it, oldest first."""
        rows = steps_of(resource_visible_to(actor_of(request), pk))
        return listed(request, rows, StepSerializer, ordering=("created_at", "id"))


class Lifelines(View):
    @says_list("resources_lifelines", LifelineSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Its life, oldest first: what it is charged by."""
        rows = lifelines_of(resource_visible_to(actor_of(request), pk))
        return listed(request, rows, LifelineSerializer, ordering=("created_at", "id"))
