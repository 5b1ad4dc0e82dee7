"""Drafts: order forms that somebody put aside. They are the caller's alone, and nothing of them is checked."""

import uuid
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.auth import actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, Shape
from portal.catalogue.queries import offering_visible_to
from portal.orders.forms import PREFIX
from portal.orders.models import OrderDraft
from portal.orders.saving import delete_draft, draft_for, drafts_of, save_draft

HEAD = ("project", "plan", "connection", "beneficiary", "note")


class DraftSerializer(Shape[Any]):
    """A form as it was saved, right or not."""

    id = serializers.UUIDField()
    offering = NamedSerializer()
    saved_at = serializers.DateTimeField()
    project = serializers.SerializerMethodField()
    plan = serializers.SerializerMethodField()
    connection = serializers.SerializerMethodField()
    beneficiary = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField()
    answers = serializers.SerializerMethodField()

    def get_project(self, draft: OrderDraft) -> str:
        return said(draft, "project")

    def get_plan(self, draft: OrderDraft) -> str:
        return said(draft, "plan")

    def get_connection(self, draft: OrderDraft) -> str:
        return said(draft, "connection")

    def get_beneficiary(self, draft: OrderDraft) -> str:
        return said(draft, "beneficiary")

    def get_note(self, draft: OrderDraft) -> str:
        return said(draft, "note")

    def get_answers(self, draft: OrderDraft) -> dict[str, str]:
        own = f"{PREFIX}-"
        return {name.removeprefix(own): text for name, text in draft.answers.items() if name.startswith(own)}


class ChangedDraftSerializer(Shape[Any]):
    """The answers so far, as texts; none is needed."""

    project = serializers.CharField(required=False, allow_blank=True, max_length=40, default="")
    plan = serializers.CharField(required=False, allow_blank=True, max_length=40, default="")
    connection = serializers.CharField(required=False, allow_blank=True, max_length=40, default="")
    beneficiary = serializers.CharField(required=False, allow_blank=True, max_length=40, default="")
    note = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")
    answers = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=10_000), required=False, default=dict
    )


class NewDraftSerializer(ChangedDraftSerializer):
    """The same, of one offering."""

    offering = serializers.UUIDField()


class Drafts(View):
    @says_list("order_drafts_list", DraftSerializer)
    def get(self, request: Request) -> Response:
        """The caller's drafts, what was saved last first."""
        return listed(request, drafts_of(actor_of(request)), DraftSerializer, ordering=("-saved_at", "-id"))

    @says("order_drafts_create", takes=NewDraftSerializer, gives=DraftSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Put a form aside; nothing is ordered, held or checked."""
        actor, sent = actor_of(request), read(NewDraftSerializer, request)
        made = save_draft(offering_visible_to(actor, sent["offering"]), typed(sent), actor=actor)
        return shown(DraftSerializer, made, request, status=201, at=f"{request.path}{made.pk}/")


class Draft(View):
    @says("order_drafts_read", gives=DraftSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of the caller's drafts."""
        return shown(DraftSerializer, draft_for(actor_of(request), pk), request)

    @says("order_drafts_change", takes=ChangedDraftSerializer, gives=DraftSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Save it anew, with these answers in place of those before."""
        actor, sent = actor_of(request), read(ChangedDraftSerializer, request)
        draft = draft_for(actor, pk)
        return shown(DraftSerializer, save_draft(draft.offering, typed(sent), actor=actor, draft=draft), request)

    @says("order_drafts_delete", status=204)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """Throw it away."""
        actor = actor_of(request)
        delete_draft(draft_for(actor, pk), actor=actor)
        return Response(status=204)


def typed(sent: Mapping[str, Any]) -> dict[str, str]:
    """The answers by their names on the form."""
    return {name: sent[name] for name in HEAD} | {f"{PREFIX}-{name}": text for name, text in sent["answers"].items()}


def said(draft: OrderDraft, name: str) -> str:
    """What stands there under a name of the form."""
    return str(draft.answers.get(name, ""))
