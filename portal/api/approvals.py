"""What waits for a decision, the card it is decided on, and the vote."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.shapes import NamedSerializer, PersonSerializer, ReasonSerializer, Shape
from portal.approvals import services
from portal.approvals.cards import card
from portal.approvals.filters import ApprovalFilter
from portal.approvals.models import Approval as Row
from portal.approvals.models import Choice
from portal.approvals.queries import approval_visible_to, approvals_visible_to, inbox_of
from portal.core.errors import PortalError


class CardNeeded(PortalError):
    """A vote says which card it is on, by `card_hash` or If-Match."""

    status, code, title = 428, "card-needed", gettext_lazy("Say which card you decide on")


class ApprovalSerializer(Shape[Any]):
    """One thing that waits for a decision, or had one."""

    id = serializers.UUIDField()
    kind = serializers.CharField(source="subject_kind")
    subject = serializers.CharField(source="subject_id")
    title = serializers.CharField()
    scope = NamedSerializer()
    requester = PersonSerializer()
    beneficiary = PersonSerializer(allow_null=True)
    state = serializers.CharField()
    rule = serializers.CharField()
    decision_due = serializers.DateTimeField(allow_null=True)
    execution_due = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)


class VoteSerializer(Shape[Any]):
    """What one person said. A void vote counts for nothing: the facts changed after it."""

    person = PersonSerializer()
    choice = serializers.CharField()
    note = serializers.CharField()
    void = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class StageSerializer(Shape[Any]):
    """One step of the route: who decides it, how many are needed, whose vote would count now."""

    text = serializers.CharField()
    instead_of = serializers.CharField()
    mode = serializers.CharField()
    needed = serializers.IntegerField()
    state = serializers.CharField()
    due = serializers.DateTimeField(allow_null=True)
    people = PersonSerializer(many=True)
    votes = VoteSerializer(many=True)


class ChangeSerializer(Shape[Any]):
    """A fact that is not what it was."""

    name = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class CardSerializer(Shape[Any]):
    """All that is decided on. `hash` stands for `facts`; a vote carries it."""

    approval = ApprovalSerializer()
    hash = serializers.CharField()
    facts = serializers.DictField()
    changed = ChangeSerializer(many=True)
    policies = serializers.ListField(child=serializers.DictField())
    stages = StageSerializer(many=True)
    similar = ApprovalSerializer(many=True)
    can_vote = serializers.BooleanField()
    why_not = serializers.CharField()


class NewVoteSerializer(Shape[Any]):
    """Approve, or deny and say why. `card_hash` may as well come as If-Match."""

    choice = serializers.ChoiceField(choices=Choice.choices)
    note = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")
    card_hash = serializers.CharField(required=False, allow_blank=True, max_length=64, default="")


class Approvals(View):
    @says_list("approvals_list", ApprovalSerializer, narrow=ApprovalFilter)
    def get(self, request: Request) -> Response:
        """What waits or was decided where the caller sees or decides orders, newest first."""
        return listed(request, approvals_visible_to(actor_of(request)), ApprovalSerializer, narrow=ApprovalFilter)


class Inbox(View):
    @says_list("approvals_inbox", ApprovalSerializer)
    def get(self, request: Request) -> Response:
        """What waits for the caller's vote, what is due first on top."""
        rows = inbox_of(actor_of(request))
        return listed(request, rows, ApprovalSerializer, ordering=("decision_due", "id"))


class Approval(View):
    @says("approvals_read", gives=CardSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """The card as it stands; its ETag is the hash that a vote carries."""
        return card_of(request, approval_visible_to(actor_of(request), pk))


class Vote(View):
    @says("approvals_vote", takes=NewVoteSerializer, gives=CardSerializer, headers={"If-Match": str})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Decide on the card that was shown. Where its facts no longer hold: 409 with `changes`. The same vote again
        changes nothing.
        """
        actor, sent = live_actor_of(request), read(NewVoteSerializer, request)
        shown_card = sent["card_hash"] or str(request.headers.get("If-Match", "")).strip().strip('"')
        if not shown_card:
            raise CardNeeded(_("Send `card_hash`, or the card's ETag as If-Match."))
        found = approval_visible_to(actor, pk)
        return card_of(request, services.vote(found, sent["choice"], shown_card, actor=actor, note=sent["note"]))


class Withdraw(View):
    @says("approvals_withdraw", takes=ReasonSerializer, gives=CardSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take back what the caller asked for."""
        actor, sent = actor_of(request), read(ReasonSerializer, request)
        found = approval_visible_to(actor, pk)
        return card_of(request, services.withdraw(found, actor=actor, reason=sent["reason"]))


def card_of(request: Request, approval: Row) -> Response:
    """The card, with its hash as ETag."""
    drawn = card(approval, actor=actor_of(request))
    response = shown(CardSerializer, drawn, request)
    response.headers["ETag"] = f'"{drawn.hash}"'
    return response
