"""Cloud access: what the caller can take where, what she holds, its secret once, its end; and what a connection lends."""

import uuid
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent, key_of
from portal.api.shapes import NamedSerializer, PersonSerializer, ReasonSerializer, Shape
from portal.clouds.queries import connection_visible_to
from portal.core.errors import Conflict, NotFound
from portal.core.models import new_id
from portal.leases import offers, services
from portal.leases.models import LeaseState
from portal.leases.queries import (
    has_secret,
    lease_visible_to,
    leases_of,
    leases_on,
    offer_for,
    offer_to_manage,
    offers_for,
    offers_on,
)

MOST_MINUTES = 100_000


class OfferSerializer(Shape[Any]):
    """What can be taken. `needs_provider` says that the cloud takes a token of the identity provider, so the caller has to be
    signed in there; `revocable` that an end before its time shuts it at once.
    """

    id = serializers.UUIDField()
    name = serializers.CharField()
    scope = NamedSerializer()
    connection = NamedSerializer()
    provider = serializers.CharField(source="connection.provider.key")
    target = serializers.CharField(source="target_label")
    options = serializers.DictField()
    shortest_minutes = serializers.SerializerMethodField()
    longest_minutes = serializers.SerializerMethodField()
    needs_purpose = serializers.BooleanField()
    needs_provider = serializers.SerializerMethodField()
    revocable = serializers.BooleanField(source="connection.lender.is_revocable")

    def get_shortest_minutes(self, offer: Any) -> int:
        return -(-int(offer.connection.lender.shortest_s) // 60)

    def get_longest_minutes(self, offer: Any) -> int:
        return min(int(offer.longest_s), int(offer.connection.lender.longest_s)) // 60

    def get_needs_provider(self, offer: Any) -> bool:
        return bool(offer.connection.lender.audience)


class LeaseSerializer(Shape[Any]):
    """One lease, without its secret. `ends` is when Concord ends it, `expires` the cloud's own word; `opens_until` is until when
    the cloud may let in who has the credentials although it was ended here.
    """

    id = serializers.UUIDField()
    offer = NamedSerializer()
    connection = NamedSerializer()
    person = PersonSerializer()
    purpose = serializers.CharField()
    minutes = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=LeaseState.values)
    created_at = serializers.DateTimeField()
    take_until = serializers.DateTimeField(allow_null=True)
    begins = serializers.DateTimeField(allow_null=True)
    ends = serializers.DateTimeField(allow_null=True)
    expires = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_why = serializers.CharField()
    opens_until = serializers.DateTimeField(allow_null=True)
    approval = serializers.CharField()
    error_kind = serializers.CharField()
    error = serializers.CharField()

    def get_minutes(self, lease: Any) -> int:
        return int(lease.duration_s) // 60


class AskSerializer(Shape[Any]):
    """What of, for how long, and what for."""

    offer = serializers.UUIDField()
    minutes = serializers.IntegerField(min_value=1, max_value=MOST_MINUTES)
    purpose = serializers.CharField(max_length=400, required=False, allow_blank=True, default="")


class GivenSerializer(Shape[Any]):
    """What opens the cloud, in this answer and nowhere else: `env` for a shell (`exports` as its lines), `profile` for the
    file that the cloud's own client reads at `profile_path`.
    """

    env = serializers.DictField(child=serializers.CharField())
    exports = serializers.CharField()
    profile = serializers.CharField()
    profile_path = serializers.CharField()
    note = serializers.CharField()


class NewOfferSerializer(Shape[Any]):
    """A target of the account for whoever may take leases at a scope; `options` are those that its cloud knows."""

    scope = serializers.UUIDField()
    name = serializers.CharField(max_length=80)
    target = serializers.CharField(max_length=400)
    longest_minutes = serializers.IntegerField(min_value=1, max_value=MOST_MINUTES)
    needs_purpose = serializers.BooleanField(default=True)
    options = serializers.DictField(required=False, default=dict)


class Offers(View):
    @says_list("lease_offers_list", OfferSerializer)
    def get(self, request: Request) -> Response:
        """What the caller can take, by name."""
        return listed(request, offers_for(actor_of(request)), OfferSerializer, ordering=("name", "id"))


class Offer(View):
    @says("lease_offers_read", gives=OfferSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(OfferSerializer, offer_for(actor_of(request), pk), request)

    @says("lease_offers_withdraw", status=204)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """Offer it no more, where the caller manages its connection; what is held of it ends. Withdrawn already, nothing
        changes.
        """
        actor = live_actor_of(request)
        offers.withdraw_offer(offer_to_manage(actor, pk), actor=actor)
        return Response(status=204)


class Leases(View):
    @says_list("leases_list", LeaseSerializer)
    def get(self, request: Request) -> Response:
        """The caller's own, newest first."""
        return listed(request, leases_of(actor_of(request)), LeaseSerializer)

    @says("leases_ask", takes=AskSerializer, gives=LeaseSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Ask for cloud access. `minting`: a worker has the cloud make it now, read it again in a second; `waiting`: for a
        decision. Only a person who is there asks: with a session, or with her token of the identity provider.
        """
        actor, sent = live_actor_of(request), read(AskSerializer, request)
        offer, key = offer_for(actor, sent["offer"]), key_of(request) or str(new_id())
        duration = timedelta(minutes=sent["minutes"])
        made = services.ask_lease(offer, duration=duration, purpose=sent["purpose"], key=key, actor=actor)
        found = lease_visible_to(actor, made.pk)
        return shown(LeaseSerializer, found, request, status=201, at=f"{request.path}{found.pk}/")


class Lease(View):
    @says("leases_read", gives=LeaseSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of the caller's, or of a connection she manages."""
        return shown(LeaseSerializer, lease_visible_to(actor_of(request), pk), request)


class Take(View):
    @says("leases_take", gives=LeaseSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take what was approved, now that the caller is there. Taken already, nothing changes."""
        actor = live_actor_of(request)
        services.take_lease(lease_visible_to(actor, pk), actor=actor)
        return shown(LeaseSerializer, lease_visible_to(actor, pk), request)


class Secret(View):
    @says("leases_secret", gives=GivenSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """What opens the cloud, once. 409 while the cloud still makes it; 404 when it was given out, or waited for more than
        ten minutes: end it and take another.
        """
        actor = live_actor_of(request)
        lease = lease_visible_to(actor, pk)
        if lease.state == LeaseState.MINTING and lease.person_id == actor.user.pk:
            raise Conflict(_("The cloud is asked now. Ask again in a second."), retry_after=1)
        given = services.take_secret(lease, actor=actor) if has_secret(lease, actor) else None
        if given is None:
            raise NotFound(_("No secret waits for you. End this one and take another."))
        return shown(GivenSerializer, given, request)


class End(View):
    @says("leases_end", takes=ReasonSerializer, gives=LeaseSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """End one of the caller's, or of a connection she manages. `ending` until the cloud confirms. Ended already, nothing
        changes.
        """
        actor, reason = actor_of(request), read(ReasonSerializer, request)["reason"]
        services.end_lease(lease_visible_to(actor, pk), actor=actor, reason=reason)
        return shown(LeaseSerializer, lease_visible_to(actor, pk), request)


class ConnectionLeases(View):
    @says_list("connections_leases", LeaseSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What is held of a connection that the caller manages, or opens it still."""
        actor = actor_of(request)
        return listed(request, leases_on(connection_visible_to(actor, pk), actor), LeaseSerializer)


class EndAll(View):
    @says("connections_end_leases", takes=ReasonSerializer, status=204)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """End every open lease of a connection that the caller manages."""
        actor = live_actor_of(request)
        found, reason = connection_visible_to(actor, pk), read(ReasonSerializer, request)["reason"]
        services.end_leases_of(found, actor=actor, reason=reason)
        return Response(status=204)


class ConnectionOffers(View):
    @says_list("connections_lease_offers", OfferSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What is offered of a connection that the caller manages."""
        actor = actor_of(request)
        return listed(request, offers_on(connection_visible_to(actor, pk), actor), OfferSerializer)

    @says("lease_offers_create", takes=NewOfferSerializer, gives=OfferSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Offer a target of it."""
        actor = live_actor_of(request)
        found, sent = connection_visible_to(actor, pk), read(NewOfferSerializer, request)
        scope, longest = scope_for(actor, sent.pop("scope")), timedelta(minutes=sent.pop("longest_minutes"))
        made = offers.offer_lease(found, scope, sent.pop("name"), longest=longest, actor=actor, **sent)
        offer = offer_to_manage(actor, made.pk)
        return shown(OfferSerializer, offer, request, status=201, at=f"/api/lease-offers/{made.pk}/")
