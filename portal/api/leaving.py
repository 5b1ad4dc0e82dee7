"""Somebody leaves: what she has, whom it would go to, and letting her go."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.shapes import NamedSerializer, PersonSerializer, Shape
from portal.identity import leaving, people
from portal.identity.heirs import Choice


class LeavingSerializer(Shape[Any]):
    """A leave. `state`: planned, done or cancelled; `error` is why it could not be carried out at its time."""

    id = serializers.UUIDField()
    person = PersonSerializer()
    organization = NamedSerializer()
    asked_by = PersonSerializer()
    state = serializers.CharField()
    reason = serializers.CharField()
    due_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()


class MoveSerializer(Shape[Any]):
    """One thing and whom it would go to; `why` says why it cannot. `key` is what `heirs.things` names."""

    key = serializers.CharField()
    name = serializers.CharField(source="title")
    to = PersonSerializer(allow_null=True)
    why = serializers.CharField()


class LeavePlanSerializer(Shape[Any]):
    """Everything of hers, and what ends; nothing is changed by reading it."""

    things = MoveSerializer(source="moves", many=True)
    roles = serializers.IntegerField()
    groups = serializers.IntegerField()
    stays_elsewhere = serializers.BooleanField(source="elsewhere")


class HeirsSerializer(Shape[Any]):
    """For all, for a kind or for one thing: a person's id, or `owner` for the owner or admin of its place."""

    default = serializers.CharField(max_length=40, required=False)
    kinds = serializers.DictField(child=serializers.CharField(max_length=40), required=False)
    things = serializers.DictField(child=serializers.CharField(max_length=40), required=False)


class LeaveSerializer(Shape[Any]):
    """Why, when (`on` is a day of the organization, left out: now), and who takes over what."""

    reason = serializers.CharField(max_length=people.LONGEST_REASON)
    on = serializers.DateField(required=False, allow_null=True, default=None)
    organization = serializers.UUIDField(required=False)
    heirs = HeirsSerializer(required=False)


class HandOverSerializer(Shape[Any]):
    """What became of one thing: `to` answers for it now; null where nobody took it, and `why` says why."""

    kind = serializers.CharField(source="belonging")
    thing = serializers.CharField(source="thing_id")
    name = serializers.CharField(source="thing_label")
    to = PersonSerializer(allow_null=True)
    why = serializers.CharField()


class LeavingDetailSerializer(LeavingSerializer):
    """The same, with what became of each thing."""

    handed_over = serializers.SerializerMethodField()

    @extend_schema_field(HandOverSerializer(many=True))
    def get_handed_over(self, row: Any) -> Any:
        return HandOverSerializer(leaving.what_became_of(row), many=True).data


class Leave(View):
    @says("people_leave_plan", gives=LeavePlanSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What she has, and whom it would go to if nothing is chosen."""
        actor = actor_of(request)
        person = people.person_of(actor, pk)
        organization = people.organization_for(person, actor)
        return shown(LeavePlanSerializer, leaving.plan_leaving(person, organization, Choice(), actor=actor), request)

    @says("people_leave", takes=LeaveSerializer, gives=LeavingDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Hand over everything of hers and end her access, now or on a day. Asked again the same, nothing changes."""
        actor = live_actor_of(request)
        person = people.person_of(actor, pk)
        sent = read(LeaveSerializer, request)
        organization = people.organization_for(person, actor, sent.get("organization", ""))
        heirs = Choice.read(sent.get("heirs", {}))
        done = leaving.leave(person, organization, heirs, actor=actor, reason=sent["reason"], on=sent["on"])
        return shown(LeavingDetailSerializer, leaving.leaving_of(actor, done.pk), request)


class Leavings(View):
    @says_list("leavings_list", LeavingSerializer)
    def get(self, request: Request) -> Response:
        """Who leaves and who left, newest first."""
        return listed(request, leaving.leavings_visible_to(actor_of(request)), LeavingSerializer)


class Leaving(View):
    @says("leavings_read", gives=LeavingDetailSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One leave, with what became of each thing."""
        return shown(LeavingDetailSerializer, leaving.leaving_of(actor_of(request), pk), request)


class CallOff(View):
    @says("leavings_call_off", gives=LeavingDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """She stays after all. Called off already, nothing changes; a Conflict where she has left."""
        actor = live_actor_of(request)
        leaving.call_off(leaving.leaving_of(actor, pk), actor=actor)
        return shown(LeavingDetailSerializer, leaving.leaving_of(actor, pk), request)
