"""Service accounts: made, given over, disabled and enabled, ended; and their tokens."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.me import FreshTokenSerializer, TokenSerializer
from portal.api.shapes import NamedSerializer, PersonSerializer, Shape
from portal.identity import service_accounts as services
from portal.identity import tokens
from portal.identity.filters import AccountFilter
from portal.identity.people import person_named


class ServiceAccountSerializer(Shape[Any]):
    """A program that acts by tokens. `owner_belongs` is false once its owner is disabled or has no access to its scope;
    `unused` says that nothing used it for ninety days.
    """

    id = serializers.UUIDField()
    name = serializers.CharField(source="__str__")
    username = serializers.CharField(source="user.username")
    purpose = serializers.CharField()
    scope = NamedSerializer()
    owner = PersonSerializer()
    owner_belongs = serializers.BooleanField(source="belongs")
    state = serializers.CharField()
    tokens = serializers.IntegerField(source="keys")
    last_used = serializers.DateTimeField(allow_null=True)
    unused = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_unused(self, account: Any) -> bool:
        return services.is_unused(account)


class NewAccountSerializer(Shape[Any]):
    """An account that lives at `scope`; `owner` is a sign-in name, the caller's unless given."""

    scope = serializers.UUIDField()
    name = serializers.CharField(max_length=80)
    purpose = serializers.CharField(max_length=services.LONGEST_PURPOSE, required=False, allow_blank=True, default="")
    owner = serializers.CharField(max_length=150, required=False)


class NewAccountTokenSerializer(Shape[Any]):
    """A token of the account; `permissions` and `scope` narrow it."""

    name = serializers.CharField(max_length=80)
    expires = serializers.DateTimeField()
    permissions = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, allow_null=True, default=None, max_length=100
    )
    scope = serializers.UUIDField(required=False)


class GiveOverSerializer(Shape[Any]):
    """Who answers for it from here on, by sign-in name; tokens of before open for `overlap` hours more."""

    owner = serializers.CharField(max_length=150)
    overlap = serializers.ChoiceField(choices=list(tokens.OVERLAPS), default=24)


class RotateSerializer(Shape[Any]):
    """The token of before opens for `overlap` hours more."""

    overlap = serializers.ChoiceField(choices=list(tokens.OVERLAPS), default=24)


class ServiceAccounts(View):
    @says_list("service_accounts_list", ServiceAccountSerializer, narrow=AccountFilter)
    def get(self, request: Request) -> Response:
        """Those the caller answers for, and those that live where she manages them; newest first."""
        rows = services.accounts_visible_to(actor_of(request))
        return listed(request, rows, ServiceAccountSerializer, narrow=AccountFilter)

    @says("service_accounts_create", takes=NewAccountSerializer, gives=ServiceAccountSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Make one. It may do nothing until it is given a role."""
        actor, sent = live_actor_of(request), read(NewAccountSerializer, request)
        owner = person_named(sent.pop("owner")) if "owner" in sent else None
        scope = scope_for(actor, sent.pop("scope"))
        made = services.create_service_account(scope, sent.pop("name"), owner=owner, actor=actor, **sent)
        found = services.account_for(actor, made.pk)
        return shown(ServiceAccountSerializer, found, request, status=201, at=f"{request.path}{made.pk}/")


class ServiceAccount(View):
    @says("service_accounts_read", gives=ServiceAccountSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(ServiceAccountSerializer, services.account_for(actor_of(request), pk), request)

    @says("service_accounts_end", status=204)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """End it for good: every token of it is dead at its next request."""
        actor = live_actor_of(request)
        services.end_service_account(services.account_for(actor, pk), actor=actor)
        return Response(status=204)


class AccountTokens(View):
    @says_list("service_accounts_tokens", TokenSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Its tokens that open, or opened within the last ninety days, newest first."""
        return listed(request, services.tokens_here(services.account_for(actor_of(request), pk)), TokenSerializer)

    @says(
        "service_accounts_create_token",
        takes=NewAccountTokenSerializer,
        gives=FreshTokenSerializer,
        status=201,
        keyed=True,
    )
    @idempotent(once_only=("token",))
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Make a token for it; only its owner can. Its plain text is in this answer and nowhere else."""
        actor = live_actor_of(request)
        account, sent = services.account_for(actor, pk), read(NewAccountTokenSerializer, request)
        scope = scope_for(actor, sent.pop("scope")) if "scope" in sent else None
        token, plain = tokens.create_token(actor=actor, user=account.user, scope=scope, **sent)
        body = {**TokenSerializer(token).data, "token": plain}
        return Response(body, status=201, headers={"Location": f"/api/tokens/{token.pk}/"})


class GiveOver(View):
    @says("service_accounts_give_over", takes=GiveOverSerializer, status=204)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Another person answers for it, in every duty check at once. The caller may not see it afterwards, so nothing is
        given back.
        """
        actor = live_actor_of(request)
        account, sent = services.account_for(actor, pk), read(GiveOverSerializer, request)
        services.give_over(account, person_named(sent["owner"]), overlap=sent["overlap"], actor=actor)
        return Response(status=204)


class Disable(View):
    @says("service_accounts_disable", gives=ServiceAccountSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Its tokens open nothing until it is enabled again. Disabled already, nothing changes."""
        actor = live_actor_of(request)
        services.disable_account(services.account_for(actor, pk), actor=actor)
        return shown(ServiceAccountSerializer, services.account_for(actor, pk), request)


class Enable(View):
    @says("service_accounts_enable", gives=ServiceAccountSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Its tokens open again until their ends. Enabled already, nothing changes."""
        actor = live_actor_of(request)
        services.enable_account(services.account_for(actor, pk), actor=actor)
        return shown(ServiceAccountSerializer, services.account_for(actor, pk), request)


class Rotate(View):
    @says("tokens_rotate", takes=RotateSerializer, gives=FreshTokenSerializer, status=201, keyed=True)
    @idempotent(once_only=("token",))
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Another token in the place of one of the caller's or of a service account of hers, with the same limits, for as long
        as it was made for. Its plain text is in this answer and nowhere else.
        """
        actor, sent = live_actor_of(request), read(RotateSerializer, request)
        newer, plain = tokens.rotate_token(tokens.token_of(actor, pk), overlap=sent["overlap"], actor=actor)
        body = {**TokenSerializer(newer).data, "token": plain}
        return Response(body, status=201, headers={"Location": f"/api/tokens/{newer.pk}/"})
