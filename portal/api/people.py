"""The people of the organizations the caller manages people of: who they are, and letting one in no more."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.me import RoleSerializer
from portal.api.shapes import PersonSerializer, ReasonSerializer, Shape
from portal.identity import people
from portal.users.models import User


class PersonRowSerializer(Shape[Any]):
    """A person; `active` is false while the portal or her identity provider has disabled her."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    name = serializers.CharField(source="__str__")
    email = serializers.CharField()
    active = serializers.BooleanField(source="is_active")
    disabled_at = serializers.DateTimeField(allow_null=True)


class EndsSerializer(Shape[Any]):
    """What would end if she were disabled now."""

    sessions = serializers.IntegerField()
    tokens = serializers.IntegerField()
    service_accounts = PersonSerializer(source="accounts", many=True)
    service_account_tokens = serializers.IntegerField(source="account_tokens")


class UnconfirmedSerializer(Shape[Any]):
    """What her identity provider was told and has not confirmed; it is told until it does."""

    verb = serializers.CharField()
    since = serializers.DateTimeField(source="created_at")
    tries = serializers.IntegerField()
    error = serializers.CharField()


class PersonDetailSerializer(PersonRowSerializer):
    """The same, with her roles here, what disabling her would end, and what is not confirmed yet."""

    roles = serializers.SerializerMethodField()
    ends = serializers.SerializerMethodField()
    unconfirmed = serializers.SerializerMethodField()

    @extend_schema_field(RoleSerializer(many=True))
    def get_roles(self, person: User) -> Any:
        return RoleSerializer(people.roles_shown(person, actor_of(self.context["request"])), many=True).data

    @extend_schema_field(EndsSerializer())
    def get_ends(self, person: User) -> Any:
        return EndsSerializer(people.cost_of_disabling(person)).data

    @extend_schema_field(UnconfirmedSerializer(many=True))
    def get_unconfirmed(self, person: User) -> Any:
        return UnconfirmedSerializer(people.unconfirmed(person), many=True).data


class People(View):
    @says_list("people_list", PersonRowSerializer)
    def get(self, request: Request) -> Response:
        """The people of the organizations the caller manages people of, by name."""
        rows = people.people_managed_by(actor_of(request))
        return listed(request, rows, PersonRowSerializer, ordering=("name", "id"))


class Person(View):
    @says("people_read", gives=PersonDetailSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(PersonDetailSerializer, people.person_of(actor_of(request), pk), request)


class Disable(View):
    @says("people_disable", takes=ReasonSerializer, gives=PersonDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Shut her out at once: sessions, tokens and those of her service accounts. Takes a reason. Disabled already,
        nothing changes.
        """
        actor, sent = live_actor_of(request), read(ReasonSerializer, request)
        disabled = people.disable_person(people.person_of(actor, pk), actor=actor, reason=sent["reason"])
        return shown(PersonDetailSerializer, disabled, request)


class Enable(View):
    @says("people_enable", takes=ReasonSerializer, gives=PersonDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Let her sign in again. What ended stays ended."""
        actor, sent = live_actor_of(request), read(ReasonSerializer, request)
        enabled = people.enable_person(people.person_of(actor, pk), actor=actor, reason=sent["reason"])
        return shown(PersonDetailSerializer, enabled, request)
