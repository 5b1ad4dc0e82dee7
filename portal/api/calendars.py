"""Calendars: the working hours in which decisions are due, and which place works by which."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, Shape
from portal.approvals.calendars import (
    MOST_HOLIDAYS,
    calendar_visible_to,
    calendars_visible_to,
    choose_calendar,
    set_calendar,
)

DAY = serializers.IntegerField(min_value=0, max_value=6)


class CalendarSerializer(Shape[Any]):
    """A working week, Monday is 0; hours are those of each place's own zone. `default` holds wherever no other is chosen."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    name = serializers.CharField()
    organization = NamedSerializer(source="scope")
    days = serializers.ListField(child=serializers.IntegerField())
    begins = serializers.TimeField()
    ends = serializers.TimeField()
    holidays = serializers.ListField(child=serializers.DateField())


class WeekSerializer(Shape[Any]):
    """The week that it is from now on."""

    name = serializers.CharField(max_length=120)
    days = serializers.ListField(child=DAY, min_length=1, max_length=7)
    begins = serializers.TimeField()
    ends = serializers.TimeField()
    holidays = serializers.ListField(child=serializers.DateField(), required=False, default=list, max_length=MOST_HOLIDAYS)


class NewCalendarSerializer(WeekSerializer):
    """A new one of an organization; with `usual` it holds wherever no other is chosen."""

    organization = serializers.UUIDField()
    usual = serializers.BooleanField(required=False, default=False)


class ChosenSerializer(Shape[Any]):
    """The key of a calendar; `default` takes what is chosen above."""

    calendar = serializers.CharField(max_length=40)


class WorksBySerializer(Shape[Any]):
    """A place and the key of the calendar chosen there."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    calendar = serializers.CharField()


class Calendars(View):
    @says_list("calendars_list", CalendarSerializer)
    def get(self, request: Request) -> Response:
        """The calendars that hold, or could be chosen, where the caller manages policies; the newest first."""
        return listed(request, calendars_visible_to(actor_of(request)), CalendarSerializer)

    @says("calendars_create", takes=NewCalendarSerializer, gives=CalendarSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Make one. What is due already stays due when it was."""
        actor, sent = live_actor_of(request), read(NewCalendarSerializer, request)
        made = set_calendar(scope_for(actor, sent.pop("organization")), sent.pop("name"), actor=actor, **sent)
        return shown(CalendarSerializer, made, request, status=201, at=f"/api/calendars/{made.pk}/")


class Calendar(View):
    @says("calendars_read", gives=CalendarSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(CalendarSerializer, calendar_visible_to(actor_of(request), pk), request)

    @says("calendars_change", takes=WeekSerializer, gives=CalendarSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Change it. What is due already stays due when it was."""
        actor = live_actor_of(request)
        found, sent = calendar_visible_to(actor, pk), read(WeekSerializer, request)
        changed = set_calendar(found.scope, sent.pop("name"), key=found.key, actor=actor, **sent)
        return shown(CalendarSerializer, changed, request)


class Chosen(View):
    @says("scopes_choose_calendar", takes=ChosenSerializer, gives=WorksBySerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Let a scope and what lies below it work by a calendar of its organization."""
        actor = live_actor_of(request)
        found, sent = scope_for(actor, pk), read(ChosenSerializer, request)
        return shown(WorksBySerializer, choose_calendar(found, sent["calendar"], actor=actor), request)
