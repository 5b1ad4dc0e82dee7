"""Subscriptions to events: made with a secret shown once, paused and resumed, their log, and what is sent once more."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, PersonSerializer, Shape
from portal.audit import models, queries, services
from portal.audit.filters import DeliveryFilter
from portal.core.errors import NotFound


class SubscriptionSerializer(Shape[Any]):
    """Events of `scope` and below, told to an address in the order of their positions, as far as `owner` may see them.

    `url` is whole for its owner; others see the host. `position` is the last one done with. `failures` counts those in a row.
    """

    id = serializers.UUIDField()
    name = serializers.CharField()
    owner = PersonSerializer()
    scope = NamedSerializer()
    url = serializers.SerializerMethodField()
    shape = serializers.CharField()
    account = PersonSerializer(allow_null=True)
    actions = serializers.ListField(child=serializers.CharField())
    kinds = serializers.ListField(child=serializers.CharField())
    state = serializers.CharField()
    paused_why = serializers.CharField()
    position = serializers.IntegerField()
    failures = serializers.IntegerField()
    taken_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_url(self, subscription: Any) -> str:
        actor = actor_of(self.context["request"])
        return str(subscription.url if queries.is_hers(subscription, actor) else subscription.host)


class FreshSubscriptionSerializer(SubscriptionSerializer):
    """The same with the secret that signs; null when the answer is given again."""

    secret = serializers.CharField(allow_null=True)


class SigningSecretSerializer(Shape[Any]):
    """The new secret; null when the answer is given again. The one before signs beside it for 24 hours."""

    secret = serializers.CharField(allow_null=True)


class NewSubscriptionSerializer(Shape[Any]):
    """What is told to which address. `actions` are beginnings, as `orders.`; empty is any. `from_start` begins with the oldest.

    `shape` is `cloudevents`, `teams`, `feishu` or `decisions`. `bot_secret` is the one that a bot of Feishu was given there,
    if any; `account` is the caller's service account that `decisions` votes as.
    """

    scope = serializers.UUIDField()
    name = serializers.CharField(max_length=80)
    url = serializers.CharField(max_length=500)
    actions = serializers.ListField(child=serializers.CharField(max_length=80), required=False, max_length=20)
    kinds = serializers.ListField(child=serializers.CharField(max_length=40), required=False, max_length=20)
    from_start = serializers.BooleanField(required=False, default=False)
    shape = serializers.ChoiceField(choices=models.Shape.choices, required=False, default=models.Shape.CLOUDEVENTS)
    bot_secret = serializers.CharField(required=False, default="", allow_blank=True, max_length=200, write_only=True)
    account = serializers.UUIDField(required=False, allow_null=True, default=None)


class AttemptSerializer(Shape[Any]):
    """One try; `status` is null where no answer came."""

    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.IntegerField()
    error = serializers.CharField()


class EventDeliverySerializer(Shape[Any]):
    """One event on its way. `message_id` is what `Webhook-Id` says each time; `position` is null for a test."""

    id = serializers.UUIDField()
    message_id = serializers.CharField()
    position = serializers.IntegerField(allow_null=True)
    action = serializers.CharField()
    target = serializers.CharField()
    state = serializers.CharField()
    tries = serializers.IntegerField()
    attempts = AttemptSerializer(many=True)
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)


class FromSerializer(Shape[Any]):
    """The first position to send once more."""

    position = serializers.IntegerField(min_value=1, max_value=2**62)


class Subscriptions(View):
    @says_list("subscriptions_list", SubscriptionSerializer)
    def get(self, request: Request) -> Response:
        """The caller's, and those of others in scopes whose members the caller manages; newest first."""
        return listed(request, queries.subscriptions_visible_to(actor_of(request)), SubscriptionSerializer)

    @says("subscriptions_create", takes=NewSubscriptionSerializer, gives=FreshSubscriptionSerializer, status=201, keyed=True)
    @idempotent(once_only=("secret",))
    def post(self, request: Request) -> Response:
        """Subscribe an address. Its secret is in this answer and nowhere else."""
        actor, sent = live_actor_of(request), read(NewSubscriptionSerializer, request)
        scope = scope_for(actor, sent.pop("scope"))
        made, secret = services.subscribe(scope, sent.pop("name"), sent.pop("url"), actor=actor, **sent)
        body = {**SubscriptionSerializer(made, context={"request": request}).data, "secret": secret}
        return Response(body, status=201, headers={"Location": f"{request.path}{made.pk}/"})


class Subscription(View):
    @says("subscriptions_read", gives=SubscriptionSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(SubscriptionSerializer, queries.subscription_for(actor_of(request), pk), request)

    @says("subscriptions_end", status=204)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """End it for good, with its secret and its log."""
        actor = live_actor_of(request)
        services.unsubscribe(queries.subscription_for(actor, pk), actor=actor)
        return Response(status=204)


class Pause(View):
    @says("subscriptions_pause", gives=SubscriptionSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Send nothing until it is resumed. Paused already, nothing changes."""
        actor = live_actor_of(request)
        return shown(SubscriptionSerializer, services.pause(queries.subscription_for(actor, pk), actor=actor), request)


class Resume(View):
    @says("subscriptions_resume", gives=SubscriptionSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Go on where it stopped. Active already, nothing changes."""
        actor = live_actor_of(request)
        return shown(SubscriptionSerializer, services.resume(own(actor, pk), actor=actor), request)


class Rotate(View):
    @says("subscriptions_rotate", gives=SigningSecretSerializer, keyed=True)
    @idempotent(once_only=("secret",))
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Another secret, in this answer and nowhere else."""
        actor = live_actor_of(request)
        return Response({"secret": services.rotate_secret(own(actor, pk), actor=actor)})


class Test(View):
    @says("subscriptions_test", gives=EventDeliverySerializer, status=202, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Send an event that tells nothing, also while it is paused."""
        actor = live_actor_of(request)
        return shown(EventDeliverySerializer, services.send_test(own(actor, pk), actor=actor), request, status=202)


class Replay(View):
    @says("subscriptions_replay", takes=FromSerializer, gives=SubscriptionSerializer, status=202)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Send every event from a position on once more, with the ids they had."""
        actor = live_actor_of(request)
        found, sent = own(actor, pk), read(FromSerializer, request)
        services.replay_from(found, sent["position"], actor=actor)
        found = own(actor, pk)
        return shown(SubscriptionSerializer, found, request, status=202)


class Deliveries(View):
    @says_list("subscriptions_deliveries", EventDeliverySerializer, narrow=DeliveryFilter)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What was sent to it within thirty days, newest first, with each try."""
        rows = queries.deliveries_of(own(actor_of(request), pk))
        return listed(request, rows, EventDeliverySerializer, narrow=DeliveryFilter)


class ReplayDelivery(View):
    @says("subscriptions_replay_delivery", gives=EventDeliverySerializer, status=202)
    def post(self, request: Request, pk: uuid.UUID, delivery_pk: uuid.UUID) -> Response:
        """Send one event once more, beside the others, with the id it had."""
        actor = live_actor_of(request)
        found = services.replay(queries.delivery_of(own(actor, pk), delivery_pk), actor=actor)
        return shown(EventDeliverySerializer, found, request, status=202)


def own(actor: Any, pk: uuid.UUID) -> models.Subscription:
    """One of the caller's; NotFound for those of others."""
    found = queries.subscription_for(actor, pk)
    if not queries.is_hers(found, actor):
        raise NotFound
    return found
