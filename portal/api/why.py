"""Why somebody may or may not do something with a thing."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.permissions import PERMISSIONS
from portal.access.why import person_for, thing_for, why
from portal.api.auth import actor_of
from portal.api.base import View, asked_of, says, shown
from portal.api.shapes import NamedSerializer, PersonSerializer, Shape


class QuestionSerializer(Shape[Any]):
    """What is asked: about the caller unless a person is named."""

    person = serializers.UUIDField(required=False)
    permission = serializers.ChoiceField(choices=sorted(PERMISSIONS))
    kind = serializers.CharField(max_length=40)
    id = serializers.UUIDField()


class GrantSerializer(Shape[Any]):
    """A role or a share of hers, whether or not it holds now. `place` is where it was given."""

    way = serializers.CharField()
    role = NamedSerializer(allow_null=True)
    place_id = serializers.UUIDField(source="place.pk")
    place_name = serializers.CharField(source="place.__str__")
    group = serializers.SerializerMethodField()
    origin = serializers.SerializerMethodField()
    granted_by = PersonSerializer(source="row.granted_by", allow_null=True)
    starts = serializers.DateTimeField(allow_null=True)
    expires = serializers.DateTimeField(allow_null=True)

    def get_group(self, grant: Any) -> str:
        return str(getattr(grant.row, "group", None) or "")

    def get_origin(self, grant: Any) -> str:
        return str(getattr(grant.row, "source", ""))


class MissSerializer(Shape[Any]):
    """A grant that nearly carries it: what it lacks, what cures that (null: nothing of its own), and what holds it back."""

    lack = serializers.CharField()
    cure = serializers.CharField(allow_null=True)
    barriers = serializers.ListField(child=serializers.CharField())
    grant = GrantSerializer()


class WhySerializer(Shape[Any]):
    """The verdict (allowed, refused, unseen) and why. `can` is false, too, where she is disabled."""

    person = PersonSerializer(source="actor.user")
    permission = serializers.CharField()
    verdict = serializers.CharField()
    can = serializers.BooleanField()
    disabled = serializers.BooleanField(source="is_shut_out")
    until = serializers.DateTimeField(allow_null=True)
    reasons = GrantSerializer(many=True)
    misses = MissSerializer(many=True)
    barriers = serializers.ListField(child=serializers.CharField())
    roles = NamedSerializer(many=True)
    managers = PersonSerializer(many=True)


ASKS = {"person": str, "permission": str, "kind": str, "id": str}


class Why(View):
    @says("access_why", gives=WhySerializer, asks=ASKS)
    def get(self, request: Request) -> Response:
        """Why the caller, or a person where the caller gives roles, may or may not do something with a thing the caller sees.

        Of a yes `reasons` are all that carries it; of a no `misses` are what is nearest, `roles` those that would do, given
        where the thing lives by one of `managers`.
        """
        actor, asked = actor_of(request), asked_of(QuestionSerializer, request)
        thing = thing_for(actor, asked["kind"], asked["id"])
        person = person_for(actor, asked["person"]) if "person" in asked else None
        return shown(WhySerializer, why(asked["permission"], thing, asker=actor, person=person), request)
