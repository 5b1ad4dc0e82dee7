"""Terms of use of an organization: its versions, and publishing the next. Accepting is a person's, on the page."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.shapes import PersonSerializer, Shape
from portal.tenancy import terms


class TermsSerializer(Shape[Any]):
    """One version; `ended_at` is null for the one in force."""

    id = serializers.UUIDField()
    version = serializers.IntegerField()
    text = serializers.CharField()
    published_by = PersonSerializer()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    accepted = serializers.IntegerField()


class NewTermsSerializer(Shape[Any]):
    """`after` is the version it was written upon, 0 for none."""

    text = serializers.CharField(max_length=terms.LONGEST)
    after = serializers.IntegerField(min_value=0)


class Terms(View):
    @says_list("terms_list", TermsSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Every version, newest first, with how many people accepted it."""
        return listed(request, terms.terms_of(scope_for(actor_of(request), pk)), TermsSerializer)

    @says("terms_publish", takes=NewTermsSerializer, gives=TermsSerializer, status=201)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Publish the next version: everybody of the organization is asked for it before her next page."""
        actor = actor_of(request)
        organization = scope_for(actor, pk)
        sent = read(NewTermsSerializer, request)
        published = terms.publish(organization, sent["text"], after=sent["after"], actor=actor)
        return shown(TermsSerializer, terms.terms_of(organization).get(pk=published.pk), request, status=201)
