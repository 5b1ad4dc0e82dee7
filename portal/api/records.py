"""What happened, and what the caller was told of it."""

import uuid
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import events_visible_to
from portal.api.auth import actor_of
from portal.api.base import View, check_known, listed, read, says, says_list, shown
from portal.api.shapes import PersonSerializer, Shape
from portal.audit.exporting import export_events
from portal.core.errors import Invalid
from portal.events.filters import EventFilter
from portal.notices import services
from portal.notices.queries import notices_of

NDJSON = "application/x-ndjson"


class EventSerializer(Shape[Any]):
    """One thing that happened."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    actor = PersonSerializer()
    viewed_as_by = PersonSerializer(allow_null=True, help_text="Who looked as the actor and did this meanwhile.")
    action = serializers.CharField()
    target_kind = serializers.CharField()
    target_id = serializers.CharField()
    target_label = serializers.CharField()
    outcome = serializers.CharField()
    reason = serializers.CharField()
    cause = serializers.CharField()
    correlation_id = serializers.CharField()
    detail = serializers.DictField()


class NoticeSerializer(Shape[Any]):
    """One thing the caller was told."""

    id = serializers.UUIDField()
    topic = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField()
    kind = serializers.CharField(source="link_kind")
    about = serializers.CharField(source="link_id")
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class UntilSerializer(Shape[Any]):
    """Up to when."""

    until = serializers.DateTimeField(required=False)


class CountSerializer(Shape[Any]):
    """How many changed."""

    changed = serializers.IntegerField()


class Events(View):
    @says_list("events_list", EventSerializer, narrow=EventFilter)
    def get(self, request: Request) -> Response:
        """The log, as far as the caller may read it, newest first."""
        rows = events_visible_to(actor_of(request))
        return listed(request, rows, EventSerializer, ordering=("-at", "-id"), narrow=EventFilter)


class ExportEvents(View):
    @says(
        "events_export",
        gives={(200, NDJSON): OpenApiTypes.BINARY},
        asks={"shape": str, **dict.fromkeys(EventFilter.base_filters, str)},
    )
    def get(self, request: Request) -> Any:
        """Everything the caller may read that fits the filter, oldest first, one event a line; `shape` is `ndjson` or `ocsf`
        (1.8, Entity Management). Every export is an event.
        """
        actor = actor_of(request)
        chosen = EventFilter(request.query_params, events_visible_to(actor))
        check_known(request, {*chosen.filters, "shape"})
        if not chosen.is_valid():
            raise Invalid(fields={name: list(texts) for name, texts in chosen.errors.items()})
        asked = {name: request.query_params[name][:200] for name in chosen.filters if request.query_params.get(name)}
        lines = export_events(chosen.qs, request.query_params.get("shape", "ndjson"), asked=asked, actor=actor)
        return StreamingHttpResponse(lines, content_type=NDJSON)


class Notices(View):
    @says_list("notices_list", NoticeSerializer)
    def get(self, request: Request) -> Response:
        """What the caller was told, newest first."""
        return listed(request, notices_of(actor_of(request)), NoticeSerializer)


class ReadNotice(View):
    @says("notices_read", gives=NoticeSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Mark one as read; again, nothing changes."""
        return shown(NoticeSerializer, services.mark_read(pk, actor=actor_of(request)), request)


class ReadNotices(View):
    @says("notices_read_all", takes=UntilSerializer, gives=CountSerializer)
    def post(self, request: Request) -> Response:
        """Mark as read what the caller was told up to `until`, or up to now."""
        until = read(UntilSerializer, request).get("until")
        return Response({"changed": services.mark_all_read(actor=actor_of(request), until=until)})
