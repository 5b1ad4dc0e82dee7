"""Roles taken in an emergency."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, PersonSerializer, Shape
from portal.core.errors import Invalid
from portal.tenancy import glass
from portal.tenancy.asking import ask_of


class BreakGlassSerializer(Shape[Any]):
    """A role that was taken: until when, and what the review found (waiting, confirmed, wrong, unreviewed)."""

    id = serializers.UUIDField()
    scope = NamedSerializer()
    role = serializers.CharField(source="role.key")
    user = PersonSerializer()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    finding = serializers.CharField()


class NewBreakGlassSerializer(Shape[Any]):
    """A built-in role, by its key, at a scope of the caller's organization, for at most four hours."""

    scope = serializers.UUIDField()
    role = serializers.CharField(max_length=60)
    hours = serializers.IntegerField(min_value=1, max_value=glass.MOST_HOURS)
    reason = serializers.CharField(max_length=2000)


class BreakGlasses(View):
    @says_list("break_glass_list", BreakGlassSerializer)
    def get(self, request: Request) -> Response:
        """What the caller took, and what was taken where the caller decides or manages members, newest first."""
        return listed(request, glass.taken_visible_to(actor_of(request)), BreakGlassSerializer)

    @says("break_glass_create", takes=NewBreakGlassSerializer, gives=BreakGlassSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Take a role at once. Every admin and approver there is told, and two people review it. Taken again, it is the same."""
        actor, sent = live_actor_of(request), read(NewBreakGlassSerializer, request)
        scope = glass.place_to_take(actor, sent["scope"])
        roles = {role.key: role for role in glass.roles_to_take()}
        if sent["role"] not in roles:
            raise Invalid(fields={"role": [f"One of {', '.join(sorted(roles))}."]})
        taken = glass.break_glass(scope, roles[sent["role"]], hours=sent["hours"], reason=sent["reason"], actor=actor)
        return shown(BreakGlassSerializer, taken, request, status=201, at=f"{request.path}{taken.pk}/")


class BreakGlass(View):
    @says("break_glass_read", gives=BreakGlassSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(BreakGlassSerializer, ask_of(glass.taken_visible_to(actor_of(request)), pk), request)


class EndBreakGlass(View):
    @says("break_glass_end", gives=BreakGlassSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Give a role back that the caller took, before its time; the review goes on. Over already, nothing changes."""
        actor = actor_of(request)
        taken = ask_of(glass.taken_visible_to(actor), pk)
        return shown(BreakGlassSerializer, glass.end_break_glass(taken, actor=actor), request)
