"""Invitations into the scopes whose people the caller manages: sent by mail, sent again, revoked. Links are in mails alone."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.models import Role
from portal.access.queries import roles_for, scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, PersonSerializer, Shape
from portal.core.errors import Invalid
from portal.tenancy import invitations
from portal.tenancy.addresses import MOST
from portal.tenancy.invitation_forms import InvitationFilter


class InvitationSerializer(Shape[Any]):
    """An invitation; `state` is pending, accepted, revoked or lapsed, `sent` how many mails left."""

    id = serializers.UUIDField()
    scope = NamedSerializer()
    address = serializers.CharField()
    role = NamedSerializer()
    role_expires = serializers.DateTimeField(allow_null=True)
    state = serializers.CharField()
    expires = serializers.DateTimeField()
    invited_by = PersonSerializer()
    created_at = serializers.DateTimeField()
    sent = serializers.IntegerField()
    accepted_by = PersonSerializer(allow_null=True)
    accepted_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class NewInvitationsSerializer(Shape[Any]):
    """Whom to invite where, to which role, until when the role holds; null is no end."""

    scope = serializers.UUIDField()
    addresses = serializers.ListField(child=serializers.CharField(max_length=320), allow_empty=False, max_length=MOST)
    role = serializers.UUIDField()
    expires = serializers.DateTimeField(required=False, allow_null=True, default=None)


class InvitedSerializer(Shape[Any]):
    """What was made."""

    invitations = InvitationSerializer(many=True)


class Invitations(View):
    @says_list("invitations_list", InvitationSerializer, narrow=InvitationFilter)
    def get(self, request: Request) -> Response:
        """The invitations into the scopes whose people the caller manages, newest first."""
        rows = invitations.invitations_visible_to(actor_of(request))
        return listed(request, rows, InvitationSerializer, narrow=InvitationFilter)

    @says("invitations_create", takes=NewInvitationsSerializer, gives=InvitedSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Invite up to fifty addresses: all of them or none. At most 20 mails an hour leave from one person; the rest follow."""
        actor, sent = live_actor_of(request), read(NewInvitationsSerializer, request)
        scope = scope_for(actor, sent["scope"])
        role: Role | None = roles_for(scope).filter(pk=sent["role"]).first()
        if role is None:
            raise Invalid(fields={"role": [_("This role is not known here.")]})
        made = invitations.invite(scope, sent["addresses"], role, expires=sent["expires"], actor=actor)
        rows = invitations.invitations_visible_to(actor).filter(pk__in=[each.pk for each in made])
        return shown(InvitedSerializer, {"invitations": rows}, request, status=201)


class Invitation(View):
    @says("invitations_read", gives=InvitationSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(InvitationSerializer, invitations.invitation_visible_to(actor_of(request), pk), request)


class Resend(View):
    @says("invitations_resend", gives=InvitationSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Send a new link, good for another fortnight; the one before opens nothing any more."""
        actor = live_actor_of(request)
        invitations.resend_invitation(invitations.invitation_visible_to(actor, pk), actor=actor)
        return shown(InvitationSerializer, invitations.invitation_visible_to(actor, pk), request)


class Revoke(View):
    @says("invitations_revoke", gives=InvitationSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """From here on its link opens nothing. Revoked already, nothing changes."""
        actor = live_actor_of(request)
        invitations.revoke_invitation(invitations.invitation_visible_to(actor, pk), actor=actor)
        return shown(InvitationSerializer, invitations.invitation_visible_to(actor, pk), request)
