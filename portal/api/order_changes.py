"""Orders that wait: ask for something else, send again what came back, and how they were changed so far."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.auth import actor_of
from portal.api.base import View, read, says, shown
from portal.api.orders import NewItemSerializer, OrderDetailSerializer, draft_from
from portal.api.shapes import PersonSerializer, Shape
from portal.orders.amending import amend_order, resubmit_order
from portal.orders.queries import order_visible_to, revisions_of


class AmendSerializer(Shape[Any]):
    """All its items as they are to be: one that is asked for as it stands keeps its price. `said` is for who decides."""

    items = NewItemSerializer(many=True, allow_empty=False)
    note = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")
    said = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")


class SaidSerializer(Shape[Any]):
    """A word to who decides."""

    said = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")


class RevisionSerializer(Shape[Any]):
    """One change of an order: what was asked for before, and from then on."""

    number = serializers.IntegerField()
    made_by = PersonSerializer()
    created_at = serializers.DateTimeField()
    said = serializers.CharField(source="note")
    before = serializers.DictField()
    after = serializers.DictField()


class Amend(View):
    @says("orders_amend", takes=AmendSerializer, gives=OrderDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Ask for these items instead, while nobody decided; votes given are void. Returned, it is sent again by this."""
        actor = actor_of(request)
        found, sent = order_visible_to(actor, pk), read(AmendSerializer, request)
        drafts = [draft_from(item) for item in sent["items"]]
        order = amend_order(found, drafts, actor=actor, note=sent["note"], said=sent["said"])
        return shown(OrderDetailSerializer, order, request)


class Resubmit(View):
    @says("orders_resubmit", takes=SaidSerializer, gives=OrderDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Send what came back again as it is; it is decided anew."""
        actor, sent = actor_of(request), read(SaidSerializer, request)
        order = resubmit_order(order_visible_to(actor, pk), actor=actor, said=sent["said"])
        return shown(OrderDetailSerializer, order, request)


class Revisions(View):
    @says("orders_revisions", gives=RevisionSerializer(many=True))
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """How it was changed while it waited, first change first."""
        found = revisions_of(order_visible_to(actor_of(request), pk))
        return Response(RevisionSerializer(found, many=True).data)
