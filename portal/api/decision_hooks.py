"""The answer of a decision hook: signed with the secret of the hook, it votes as its account. No token, no session."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.auth import actor_of, http_of, refuse
from portal.api.base import View, read, says, shown
from portal.api.shapes import Shape
from portal.audit import decision_hooks
from portal.identity.sessions import address_of
from portal.users.actor import Actor
from portal.users.models import User


class HookSignature(BaseAuthentication):
    """`Webhook-Id`, `Webhook-Timestamp` and `Webhook-Signature` as Standard Webhooks has them, by the secret of the hook."""

    def authenticate(self, request: Request) -> tuple[User, Actor]:
        http = http_of(request)
        pk = (request.parser_context or {})["kwargs"]["pk"]
        came = {"address": address_of(http), "correlation_id": getattr(http, "correlation_id", "")}
        actor = decision_hooks.actor_by_signature(pk, http.headers, http.body, **came)
        if actor is None:
            refuse(http, _("No hook signed this: its secret, its time or its address is another."))
        http.actor = actor  # type: ignore[attr-defined]
        return actor.user, actor

    def authenticate_header(self, request: Request) -> str:
        return 'Webhook-Signature realm="concord"'


class HookAnswerSerializer(Shape[Any]):
    """What the account of the hook says to an approval: approve, deny or return; who does not approve says why in `note`.

    `card_hash` is that of the question.
    """

    approval = serializers.UUIDField()
    choice = serializers.CharField(max_length=10)
    card_hash = serializers.CharField(max_length=64)
    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=4000)


class TakenAnswerSerializer(Shape[Any]):
    """The vote that was counted, and the state of the approval after it."""

    approval = serializers.UUIDField(source="approval_id")
    choice = serializers.CharField()
    state = serializers.CharField()


class DecisionHook(View):
    authentication_classes = (HookSignature,)

    @says(
        "decision_hooks_answer",
        takes=HookAnswerSerializer,
        gives=TakenAnswerSerializer,
        headers={"Webhook-Id": str, "Webhook-Timestamp": int, "Webhook-Signature": str},
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Answer what a decision hook was asked. The same `Webhook-Id` with the same answer is given the same, and counts once."""
        sent, message_id = read(HookAnswerSerializer, request), request.headers["Webhook-Id"]
        given = sent["approval"], sent["choice"], sent["card_hash"]
        taken = decision_hooks.answer(pk, message_id, *given, actor=actor_of(request), note=sent["note"])
        return shown(TakenAnswerSerializer, taken, request)
