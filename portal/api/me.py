"""Who the caller is, what she may do, and her tokens."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.guard import permissions_of
from portal.access.models import Token as Row
from portal.access.queries import roles_of, scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, PersonSerializer, Shape
from portal.identity import tokens
from portal.identity.service_accounts import service_account_of, token_for
from portal.users.actor import Actor


class RoleSerializer(Shape[Any]):
    """A role in force, and where."""

    role = serializers.CharField(source="role.key")
    name = serializers.CharField(source="role.name")
    scope = NamedSerializer()
    group = NamedSerializer(allow_null=True)
    expires = serializers.DateTimeField(allow_null=True)


class NarrowedSerializer(Shape[Any]):
    """What the token is limited to; null is no limit."""

    permissions = serializers.ListField(child=serializers.CharField(), allow_null=True)
    scope = serializers.CharField(source="scope_path", allow_null=True)


class MeSerializer(Shape[Any]):
    """Who acts, how she signed in, and what she may do somewhere."""

    id = serializers.UUIDField(source="user.pk")
    username = serializers.CharField(source="user.username")
    name = serializers.CharField(source="user.__str__")
    kind = serializers.CharField(source="user.kind_of_user")
    owner = PersonSerializer(source="user.owner", allow_null=True)
    method = serializers.CharField(source="auth.method")
    narrowed_to = NarrowedSerializer(allow_null=True)
    permissions = serializers.SerializerMethodField()
    roles = serializers.SerializerMethodField()

    def get_permissions(self, actor: Actor) -> list[str]:
        return sorted(permissions_of(actor))

    def get_roles(self, actor: Actor) -> list[dict[str, Any]]:
        return list(RoleSerializer(roles_of(actor), many=True).data)


class TokenSerializer(Shape[Any]):
    """A key to the API, without the key."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    acts_as = PersonSerializer(source="user")
    permissions = serializers.ListField(child=serializers.CharField(), allow_null=True)
    scope = NamedSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    expires = serializers.DateTimeField()
    used_at = serializers.DateTimeField(allow_null=True)
    used_from = serializers.CharField()


class FreshTokenSerializer(TokenSerializer):
    """The same with its plain text: in this answer and nowhere else, so null when the answer is replayed."""

    token = serializers.CharField(allow_null=True)


class NewTokenSerializer(Shape[Any]):
    """A token for the caller, or for `service_account`; `permissions` and `scope` narrow it."""

    name = serializers.CharField(max_length=80)
    expires = serializers.DateTimeField()
    permissions = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, allow_null=True, default=None, max_length=100
    )
    scope = serializers.UUIDField(required=False)
    service_account = serializers.UUIDField(required=False)


class Me(View):
    @says("me_read", gives=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who the caller is, what she may do somewhere, and her roles."""
        return shown(MeSerializer, actor_of(request), request)


class Tokens(View):
    @says_list("tokens_list", TokenSerializer)
    def get(self, request: Request) -> Response:
        """The tokens that open the API for the caller or a service account of hers, newest first."""
        return listed(request, tokens.tokens_of(actor_of(request)), TokenSerializer)

    @says("tokens_create", takes=NewTokenSerializer, gives=FreshTokenSerializer, status=201, keyed=True)
    @idempotent(once_only=("token",))
    def post(self, request: Request) -> Response:
        """Make a token. Its plain text is in this answer and nowhere else."""
        actor, sent = live_actor_of(request), read(NewTokenSerializer, request)
        scope = scope_for(actor, sent.pop("scope")) if "scope" in sent else None
        account = service_account_of(actor, sent.pop("service_account")) if "service_account" in sent else None
        token, plain = tokens.create_token(actor=actor, user=account, scope=scope, **sent)
        body = {**TokenSerializer(token).data, "token": plain}
        return Response(body, status=201, headers={"Location": f"{request.path}{token.pk}/"})


class Token(View):
    @says("tokens_read", gives=TokenSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One token."""
        return shown(TokenSerializer, tokens.token_of(actor_of(request), pk), request)

    @says("tokens_revoke", status=204)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """End it, at its next request: one of the caller's, or of a service account that she manages."""
        actor = actor_of(request)
        found: Row = token_for(actor, pk)
        tokens.revoke_token(found, actor=actor)
        return Response(status=204)
