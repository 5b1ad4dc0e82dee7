"""Clouds: what can be connected, and the connections there are."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent, key_of
from portal.api.shapes import NamedSerializer, ReasonSerializer, Shape
from portal.clouds import services
from portal.clouds.filters import ConnectionFilter
from portal.clouds.labels import cause_of, check_label, hint_of, translated
from portal.clouds.models import Connection as Row
from portal.clouds.models import ConnectionCheck, Provider
from portal.clouds.queries import (
    connection_visible_to,
    connections_visible_to,
    last_check,
    pictures_of,
    provider_named,
    providers_offered,
)
from portal.core.models import new_id


class ProviderSerializer(Shape[Any]):
    """A kind of cloud; `config` and `credentials` are the JSON Schemas of what a connection needs."""

    key = serializers.CharField()
    name = serializers.CharField()
    capabilities = serializers.ListField(child=serializers.CharField())
    lacks = serializers.DictField(child=serializers.CharField())
    permissions = serializers.DictField(child=serializers.CharField(), help_text="What the account needs, by rung.")
    config = serializers.SerializerMethodField()
    credentials = serializers.SerializerMethodField()

    def get_config(self, provider: Provider) -> dict[str, Any]:
        return dict(translated(provider.config))

    def get_credentials(self, provider: Provider) -> dict[str, Any]:
        return dict(translated(provider.credentials))


class ConnectionSerializer(Shape[Any]):
    """A cloud account in use, or on its way to it. Its credentials are never shown."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    provider = serializers.CharField(source="provider.key")
    scope = NamedSerializer()
    rung = serializers.CharField()
    state = serializers.CharField()
    health = serializers.CharField()
    endpoint = serializers.CharField()
    regions = serializers.ListField(child=serializers.CharField(), source="region_keys")
    error = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    approved_at = serializers.DateTimeField(allow_null=True)
    checked_at = serializers.DateTimeField(allow_null=True)
    synced_at = serializers.DateTimeField(allow_null=True)

    def get_error(self, connection: Row) -> dict[str, str] | None:
        kind = connection.error_kind
        said = {"kind": kind, "cause": cause_of(kind), "hint": hint_of(kind), "detail": connection.error_detail}
        return said if kind else None


class ProbeSerializer(Shape[Any]):
    """One thing that was tried."""

    name = serializers.CharField()
    says = serializers.SerializerMethodField()
    region = serializers.CharField()
    state = serializers.CharField()
    detail = serializers.CharField()
    needs = serializers.CharField()

    def get_says(self, probe: dict[str, Any]) -> str:
        return check_label(probe["name"])


class CheckSerializer(Shape[Any]):
    """One run of the checks; results come one by one until `finished_at` is set."""

    id = serializers.UUIDField()
    passed = serializers.BooleanField(allow_null=True)
    percent = serializers.IntegerField()
    results = ProbeSerializer(many=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class PictureSerializer(Shape[Any]):
    """How fresh what is known of a region is."""

    region = serializers.CharField()
    synced_at = serializers.DateTimeField(allow_null=True)
    error_kind = serializers.CharField()


class ConnectionDetailSerializer(ConnectionSerializer):
    """The same, with its last check and its regions."""

    config = serializers.DictField()
    check = serializers.SerializerMethodField()
    pictures = serializers.SerializerMethodField()

    @extend_schema_field(CheckSerializer(allow_null=True))
    def get_check(self, connection: Row) -> Any:
        found = last_check(connection)
        return CheckSerializer(found).data if found else None

    @extend_schema_field(PictureSerializer(many=True))
    def get_pictures(self, connection: Row) -> Any:
        return PictureSerializer(pictures_of(connection), many=True).data


class NewConnectionSerializer(Shape[Any]):
    """A cloud account to connect. `config` and `credentials` are answers to the provider's schemas."""

    scope = serializers.UUIDField()
    provider = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=80)
    config = serializers.DictField(default=dict)
    credentials = serializers.DictField(write_only=True)
    rung = serializers.CharField(max_length=10, default="publish")


class CredentialsSerializer(Shape[Any]):
    """What takes the place of the stored credentials."""

    credentials = serializers.DictField(write_only=True)


class Providers(View):
    @says("providers_list", gives=ProviderSerializer(many=True))
    def get(self, request: Request) -> Response:
        """What can be connected, with the schemas of the forms."""
        return Response(ProviderSerializer(providers_offered(), many=True).data)


class Connections(View):
    @says_list("connections_list", ConnectionSerializer, narrow=ConnectionFilter)
    def get(self, request: Request) -> Response:
        """The connections the caller may see, by name."""
        rows = connections_visible_to(actor_of(request))
        return listed(request, rows, ConnectionSerializer, ordering=("name", "id"), narrow=ConnectionFilter)

    @says("connections_create", takes=NewConnectionSerializer, gives=ConnectionDetailSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Connect a cloud account for a scope and all below it. It is checked at once, and used once it is approved."""
        actor, sent = live_actor_of(request), read(NewConnectionSerializer, request)
        scope, provider = scope_for(actor, sent.pop("scope")), provider_named(sent.pop("provider"))
        key = key_of(request) or new_id().hex
        made = services.connect_cloud(scope, provider, key=key, actor=actor, **sent)
        return shown(ConnectionDetailSerializer, made, request, status=201, at=f"{request.path}{made.pk}/")


class Connection(View):
    @says("connections_read", gives=ConnectionDetailSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One connection with its last check."""
        return shown(ConnectionDetailSerializer, connection_visible_to(actor_of(request), pk), request)


class Check(View):
    @says("connections_check", gives=CheckSerializer, status=202)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Run its checks now. While a run is under way, that one is the answer."""
        actor = actor_of(request)
        check: ConnectionCheck = services.check_connection(connection_visible_to(actor, pk), actor=actor)
        return shown(CheckSerializer, check, request, status=202)


class Credentials(View):
    @says("connections_credentials", takes=CredentialsSerializer, gives=ConnectionDetailSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Put other credentials in place of the stored ones, and check them."""
        actor, sent = live_actor_of(request), read(CredentialsSerializer, request)
        changed = services.change_credentials(connection_visible_to(actor, pk), sent["credentials"], actor=actor)
        return shown(ConnectionDetailSerializer, changed, request)


class Disable(View):
    @says("connections_disable", takes=ReasonSerializer, gives=ConnectionDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Use it no more and drop its credentials. What it made stays in the cloud."""
        actor, sent = actor_of(request), read(ReasonSerializer, request)
        disabled = services.disable_connection(connection_visible_to(actor, pk), actor=actor, reason=sent["reason"])
        return shown(ConnectionDetailSerializer, disabled, request)
