"""How decisions go: what became of what was asked, how long it took, who decided, what waits longest."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of
from portal.api.base import View, asked_of, says, shown
from portal.api.shapes import NamedSerializer, Shape
from portal.approvals.kinds import kinds
from portal.approvals.statistics import DAYS, statistics_for


class SpanSerializer(Shape[Any]):
    """Hours: the median, and what nine of ten did not exceed; null where nothing was decided."""

    median = serializers.FloatField(allow_null=True)
    nine_of_ten = serializers.FloatField(source="high", allow_null=True)


class FiguresSerializer(Shape[Any]):
    """Of one kind, or of all where `kind` is empty. `allowed_share` is from 0 to 1; `waiting` and `overdue` are of now."""

    kind = serializers.CharField()
    asked = serializers.IntegerField()
    allowed = serializers.IntegerField()
    allowed_share = serializers.FloatField(allow_null=True)
    approved = serializers.IntegerField()
    denied = serializers.IntegerField()
    returned = serializers.IntegerField()
    withdrawn = serializers.IntegerField()
    expired = serializers.IntegerField()
    waiting = serializers.IntegerField()
    overdue = serializers.IntegerField()
    hours = SpanSerializer(source="took")
    working_hours = SpanSerializer(source="worked")
    stage_hours = SpanSerializer(source="stage")


class DeciderSerializer(Shape[Any]):
    """How often one person decided, and how many hours after the stage had opened."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    votes = serializers.IntegerField()
    approved = serializers.IntegerField()
    denied = serializers.IntegerField()
    returned = serializers.IntegerField()
    hours = SpanSerializer(source="took")


class SlowSerializer(Shape[Any]):
    """Something that waits, and since when in the stage that is open."""

    id = serializers.UUIDField()
    kind = serializers.CharField(source="subject_kind")
    title = serializers.CharField()
    scope = NamedSerializer()
    opened_at = serializers.DateTimeField(allow_null=True)
    decision_due = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class StatisticsSerializer(Shape[Any]):
    """The figures of the last so many days."""

    days = serializers.IntegerField()
    since = serializers.DateTimeField()
    all = FiguresSerializer(source="whole")
    kinds = FiguresSerializer(many=True)
    deciders = DeciderSerializer(many=True)
    slowest = SlowSerializer(many=True)


class AboutSerializer(Shape[Any]):
    """Over 30 days or 90, of one kind, at or below one scope."""

    days = serializers.ChoiceField(DAYS, required=False, default=DAYS[0])
    kind = serializers.CharField(required=False, default="", max_length=40)
    scope = serializers.UUIDField(required=False, allow_null=True, default=None)

    def validate_kind(self, kind: str) -> str:
        if kind and kind not in kinds():
            raise serializers.ValidationError(_("There is no such kind."))
        return kind


class Statistics(View):
    @says("approvals_statistics", gives=StatisticsSerializer, asks={"days": int, "kind": str, "scope": uuid.UUID})
    def get(self, request: Request) -> Response:
        """What was asked and what became of it, how long decisions took, who decided, and what waits longest now: of what
        the caller may see.
        """
        actor, asked = actor_of(request), asked_of(AboutSerializer, request)
        place = str(scope_for(actor, asked["scope"]).path) if asked["scope"] else ""
        found = statistics_for(actor, days=asked["days"], kind=asked["kind"], within=place)
        return shown(StatisticsSerializer, found, request)
