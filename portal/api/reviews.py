"""Access reviews: begin one, read what it lists, keep or revoke."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, PersonSerializer, Shape
from portal.tenancy import reviews
from portal.tenancy.filters import ReviewItemFilter
from portal.tenancy.models import ReviewItem

MOST_DECIDED = 200


class ReviewSerializer(Shape[Any]):
    """An access review; `undecided` of `items` are left."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    scope = NamedSerializer()
    started_by = PersonSerializer()
    created_at = serializers.DateTimeField()
    due = serializers.DateTimeField()
    ends_undecided = serializers.BooleanField()
    closed_at = serializers.DateTimeField(allow_null=True)
    items = serializers.IntegerField(source="items_count")
    undecided = serializers.IntegerField(source="open_count")


class ReviewItemSerializer(Shape[Any]):
    """One role or share under review; `about` is what is shared, where that is not the scope.

    `origin`: manual, rule, scim or approval. `verdict`: empty, keep, revoke, or ended where it ended by itself.
    """

    id = serializers.UUIDField()
    holder = serializers.CharField()
    person = PersonSerializer(source="user", allow_null=True)
    gives = serializers.CharField()
    is_share = serializers.BooleanField()
    about = serializers.CharField()
    scope = NamedSerializer()
    origin = serializers.CharField(source="source")
    since = serializers.DateTimeField()
    expires = serializers.DateTimeField(allow_null=True)
    verdict = serializers.CharField()
    reason = serializers.CharField()
    decided_by = PersonSerializer(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class NewReviewSerializer(Shape[Any]):
    """Over at `due`; what nobody decided by then ends where `ends_undecided`."""

    scope = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    due = serializers.DateTimeField()
    ends_undecided = serializers.BooleanField(default=False)


class VerdictSerializer(Shape[Any]):
    """Keep or revoke these items; revoking takes a reason."""

    items = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_DECIDED)
    verdict = serializers.ChoiceField(choices=["keep", "revoke"])
    reason = serializers.CharField(max_length=reviews.LONGEST_REASON, required=False, default="", allow_blank=True)


class RefusalSerializer(Shape[Any]):
    """An item left as it was, and why."""

    item = serializers.UUIDField(source="item.pk")
    why = serializers.CharField()


class DecidedSerializer(Shape[Any]):
    """What was asked for, as it stands now, and what could not be done."""

    items = serializers.SerializerMethodField()
    refused = RefusalSerializer(many=True)

    @extend_schema_field(ReviewItemSerializer(many=True))
    def get_items(self, decided: dict[str, Any]) -> Any:
        return ReviewItemSerializer(decided["items"], many=True).data


class Reviews(View):
    @says_list("reviews_list", ReviewSerializer)
    def get(self, request: Request) -> Response:
        """The access reviews of scopes whose people the caller manages, newest first."""
        return listed(request, reviews.reviews_visible_to(actor_of(request)), ReviewSerializer)

    @says("reviews_start", takes=NewReviewSerializer, gives=ReviewSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Begin one: it lists every role and share at the scope and below as they stand now."""
        actor, sent = live_actor_of(request), read(NewReviewSerializer, request)
        begun = reviews.start_review(scope_for(actor, sent.pop("scope")), sent.pop("name"), actor=actor, **sent)
        found = reviews.review_of(actor, begun.pk)
        return shown(ReviewSerializer, found, request, status=201, at=f"{request.path}{found.pk}/")


class Review(View):
    @says("reviews_read", gives=ReviewSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(ReviewSerializer, reviews.review_of(actor_of(request), pk), request)


class Items(View):
    @says_list("reviews_items", ReviewItemSerializer, narrow=ReviewItemFilter)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What it lists."""
        actor = actor_of(request)
        rows = reviews.items_of(reviews.review_of(actor, pk), actor)
        return listed(request, rows, ReviewItemSerializer, narrow=ReviewItemFilter)

    @says("reviews_decide", takes=VerdictSerializer, gives=DecidedSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Keep or revoke. What may not be done is left as it was and named in `refused`; ids that are not of this review are
        passed over.
        """
        actor = live_actor_of(request)
        review = reviews.review_of(actor, pk)
        sent = read(VerdictSerializer, request)
        chosen = reviews.items_of(review, actor).filter(pk__in=sent["items"])
        rows: list[ReviewItem] = list(chosen)
        refused = reviews.decide(rows, sent["verdict"], actor=actor, reason=sent["reason"])
        return shown(DecidedSerializer, {"items": chosen.all(), "refused": refused}, request)


class Close(View):
    @says("reviews_close", gives=ReviewSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """End it, when everything is decided. Closed already, nothing changes."""
        actor = actor_of(request)
        reviews.close_review(reviews.review_of(actor, pk), actor=actor)
        return shown(ReviewSerializer, reviews.review_of(actor, pk), request)
