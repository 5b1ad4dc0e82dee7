"""Identity providers: who vouches for an organization's people."""

import uuid
from typing import Any

from django.utils.translation import gettext
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, Shape
from portal.identity import providers
from portal.identity.models import IdentityProvider as Row
from portal.identity.protocols import PROTOCOLS, Protocol, check_label, in_words


class ProtocolSerializer(Shape[Any]):
    """A way to vouch for people; `config` and `secret` are the JSON Schemas of what a provider needs."""

    key = serializers.CharField()
    name = serializers.SerializerMethodField()
    says = serializers.SerializerMethodField()
    config = serializers.SerializerMethodField()
    secret = serializers.SerializerMethodField()

    def get_name(self, protocol: Protocol) -> str:
        return gettext(protocol.name)

    def get_says(self, protocol: Protocol) -> str:
        return gettext(protocol.says)

    def get_config(self, protocol: Protocol) -> dict[str, Any]:
        return dict(in_words(protocol.config))

    def get_secret(self, protocol: Protocol) -> dict[str, Any]:
        return dict(in_words(protocol.secret))


class FindingSerializer(Shape[Any]):
    """One check: what was looked for, how it went, what was seen, and what to do."""

    name = serializers.CharField()
    looked_for = serializers.SerializerMethodField()
    state = serializers.CharField()
    says = serializers.CharField()
    do = serializers.SerializerMethodField()

    def get_looked_for(self, probe: dict[str, Any]) -> str:
        return check_label(probe["name"])

    def get_do(self, probe: dict[str, Any]) -> str:
        return gettext(probe["do"]) if probe["do"] else ""


class IdentityProviderSerializer(Shape[Any]):
    """Its secret is never shown. `is_applied` says whether Keycloak has it as it stands here."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    alias = serializers.CharField()
    protocol = serializers.CharField()
    organization = NamedSerializer()
    state = serializers.CharField()
    domains = serializers.SerializerMethodField()
    config = serializers.DictField()
    redirect_uri = serializers.CharField()
    checking = serializers.BooleanField(source="is_checking")
    passed = serializers.BooleanField(allow_null=True)
    checked_at = serializers.DateTimeField(allow_null=True)
    results = FindingSerializer(many=True)
    is_applied = serializers.BooleanField()
    changed_at = serializers.DateTimeField()
    applied_at = serializers.DateTimeField(allow_null=True)
    apply_error = serializers.CharField()

    def get_domains(self, provider: Row) -> list[str]:
        return [each.domain for each in provider.domains.all()]


class NewIdentityProviderSerializer(Shape[Any]):
    """A provider to add. `config` and `secret` are answers to the protocol's schemas."""

    organization = serializers.UUIDField()
    protocol = serializers.CharField(max_length=10)
    name = serializers.CharField(max_length=80)
    config = serializers.DictField(default=dict)
    secret = serializers.DictField(default=dict, write_only=True)
    domains = serializers.ListField(child=serializers.CharField(max_length=300), default=list, max_length=100)


class ChangedIdentityProviderSerializer(Shape[Any]):
    """What changes; what is left out stays. `config` and `domains` replace the whole of theirs."""

    name = serializers.CharField(max_length=80, required=False)
    config = serializers.DictField(required=False)
    secret = serializers.DictField(required=False, write_only=True)
    domains = serializers.ListField(child=serializers.CharField(max_length=300), required=False, max_length=100)


class Protocols(View):
    @says("identity_providers_protocols", gives=ProtocolSerializer(many=True))
    def get(self, request: Request) -> Response:
        """What a provider can speak, with the schemas of the forms."""
        return Response(ProtocolSerializer(list(PROTOCOLS.values()), many=True).data)


class IdentityProviders(View):
    @says_list("identity_providers_list", IdentityProviderSerializer)
    def get(self, request: Request) -> Response:
        """The providers of the organizations whose sign-in the caller sets up, by name."""
        rows = providers.providers_visible_to(actor_of(request))
        return listed(request, rows, IdentityProviderSerializer, ordering=("name", "id"))

    @says(
        "identity_providers_create",
        takes=NewIdentityProviderSerializer,
        gives=IdentityProviderSerializer,
        status=201,
        keyed=True,
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Add a provider. It is checked at once; nobody signs in with it before it is turned on."""
        actor, sent = actor_of(request), read(NewIdentityProviderSerializer, request)
        organization = scope_for(actor, sent.pop("organization"))
        protocol, name = sent.pop("protocol"), sent.pop("name")
        made = providers.add_provider(
            organization, protocol, name, sent.pop("config"), sent.pop("secret"), actor=actor, domains=sent.pop("domains")
        )
        return shown(IdentityProviderSerializer, made, request, status=201, at=f"{request.path}{made.pk}/")


class IdentityProvider(View):
    @says("identity_providers_read", gives=IdentityProviderSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One provider with its last checks."""
        return shown(IdentityProviderSerializer, providers.provider_visible_to(actor_of(request), pk), request)

    @says("identity_providers_change", takes=ChangedIdentityProviderSerializer, gives=IdentityProviderSerializer)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        """Change it. One in use goes on as it was until its checks have passed."""
        actor, sent = actor_of(request), read(ChangedIdentityProviderSerializer, request)
        changed = providers.change_provider(providers.provider_visible_to(actor, pk), actor=actor, **sent)
        return shown(IdentityProviderSerializer, changed, request)

    @says("identity_providers_remove", status=204)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """Forget one that is turned off, its secret and its domains."""
        actor = actor_of(request)
        providers.remove_provider(providers.provider_visible_to(actor, pk), actor=actor)
        return Response(status=204)


class Check(View):
    @says("identity_providers_check", gives=IdentityProviderSerializer, status=202)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Run its checks now. While a run is under way, that one is the answer."""
        actor = actor_of(request)
        asked = providers.check_provider(providers.provider_visible_to(actor, pk), actor=actor)
        return shown(IdentityProviderSerializer, asked, request, status=202)


class TurnOn(View):
    @says("identity_providers_on", gives=IdentityProviderSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Let people sign in with it, once its checks have passed."""
        actor = actor_of(request)
        return shown(
            IdentityProviderSerializer, providers.turn_on(providers.provider_visible_to(actor, pk), actor=actor), request
        )


class TurnOff(View):
    @says("identity_providers_off", gives=IdentityProviderSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Let nobody sign in with it any more; sessions that came through it end."""
        actor = actor_of(request)
        return shown(
            IdentityProviderSerializer, providers.turn_off(providers.provider_visible_to(actor, pk), actor=actor), request
        )
