"""Shares of a scope and of a resource: one person, one thing, until a moment."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.guard import require
from portal.access.queries import scope_for
from portal.access.shares import share_of, shares_of
from portal.api.auth import actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import PersonSerializer, Shape
from portal.approvals.queries import approval_of
from portal.identity.people import person_named
from portal.provisioning.queries import resource_visible_to
from portal.tenancy import sharing
from portal.tenancy.governed_shares import SHARE
from portal.tenancy.models import ShareAsk
from portal.tenancy.share_asking import share_or_ask
from portal.users.actor import Actor


class ShareSerializer(Shape[Any]):
    """What one person may do with one thing until `expires`."""

    id = serializers.IntegerField()
    person = PersonSerializer(source="user")
    permission = serializers.CharField(source="permission.codename")
    expires = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    shared_by = PersonSerializer(source="granted_by", allow_null=True)


class NewShareSerializer(Shape[Any]):
    """With a person, by her sign-in name; at most for a year."""

    person = serializers.CharField(max_length=150)
    permission = serializers.CharField(max_length=40)
    expires = serializers.DateTimeField()


class Shares(View):
    """Of one thing, by the function that finds it for the caller."""

    find: Any = None

    def rows(self, request: Request, pk: uuid.UUID) -> Response:
        found = self.found(actor_of(request), pk)
        return listed(request, shares_of(found), ShareSerializer)

    def share(self, request: Request, pk: uuid.UUID) -> Response:
        actor = actor_of(request)
        found, sent = self.found(actor, pk), read(NewShareSerializer, request)
        made = share_or_ask(found, person_named(sent["person"]), sent["permission"], expires=sent["expires"], actor=actor)
        if isinstance(made, ShareAsk):
            approval = approval_of(SHARE, made.pk)
            return Response({"state": made.state, "approval": str(approval.pk) if approval else None}, status=202)
        return shown(ShareSerializer, made, request, status=201, at=f"{request.path}{made.pk}/")

    def end(self, request: Request, pk: uuid.UUID, share_pk: int) -> Response:
        actor = actor_of(request)
        sharing.end_share(share_of(self.found(actor, pk), share_pk), actor=actor)
        return Response(status=204)

    def found(self, actor: Actor, pk: uuid.UUID) -> Any:
        thing = self.find(actor, pk)
        require(actor, "share_resource", thing)
        return thing


class ScopeShares(Shares):
    find = staticmethod(scope_for)

    @says_list("scope_shares_list", ShareSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What is shared of the scope itself."""
        return self.rows(request, pk)

    @says("scope_shares_create", takes=NewShareSerializer, gives=ShareSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Let one person do one thing there and below. Shared again, the end is moved. 202 with the approval's id where a
        policy asks for a decision: it is shared once that is approved.
        """
        return self.share(request, pk)


class ScopeShare(Shares):
    find = staticmethod(scope_for)

    @says("scope_shares_end", status=204)
    def delete(self, request: Request, pk: uuid.UUID, share_pk: int) -> Response:
        """End it before its time; it opens nothing at the next request."""
        return self.end(request, pk, share_pk)


class ResourceShares(Shares):
    find = staticmethod(resource_visible_to)

    @says_list("resource_shares_list", ShareSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What is shared of the resource itself."""
        return self.rows(request, pk)

    @says("resource_shares_create", takes=NewShareSerializer, gives=ShareSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Let one person do one thing with it. Shared again, the end is moved. 202 with the approval's id where a policy asks
        for a decision: it is shared once that is approved.
        """
        return self.share(request, pk)


class ResourceShare(Shares):
    find = staticmethod(resource_visible_to)

    @says("resource_shares_end", status=204)
    def delete(self, request: Request, pk: uuid.UUID, share_pk: int) -> Response:
        """End it before its time."""
        return self.end(request, pk, share_pk)
