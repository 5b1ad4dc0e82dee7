"""Around a decision: delegations, files, what is said and asked, passing on, sending again, several at once."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.approvals import CardSerializer, card_of
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.parsing import StrictJson
from portal.api.shapes import Exact, NamedSerializer, PersonSerializer, Shape
from portal.approvals import bulk, delegations, files, talk
from portal.approvals.checks import check_may_decide
from portal.approvals.filetypes import MOST_BYTES
from portal.approvals.kinds import kinds
from portal.approvals.models import Choice
from portal.approvals.parts import require_part
from portal.approvals.passing_on import pass_on
from portal.approvals.queries import (
    approval_visible_to,
    comments_of,
    delegation_of,
    delegations_of,
    files_of,
    organization_to_delegate_in,
    question_of,
    questions_of,
    stage_of,
)
from portal.approvals.returning import resubmit
from portal.core.errors import Invalid
from portal.identity.people import person_named

OLDEST = ("created_at", "id")


class DelegationSerializer(Shape[Any]):
    """A window in which one person decides in another's place. No kinds: all; no amount: any."""

    id = serializers.UUIDField()
    organization = NamedSerializer()
    delegator = PersonSerializer()
    delegate = PersonSerializer()
    kinds = serializers.ListField(child=serializers.CharField())
    most_per_month = Exact(allow_null=True)
    starts = serializers.DateTimeField()
    ends = serializers.DateTimeField()
    reason = serializers.CharField()
    ended_at = serializers.DateTimeField(allow_null=True)


class NewDelegationSerializer(Shape[Any]):
    """Who decides in the caller's place, by sign-in name, until when and why; at most 90 days."""

    organization = serializers.UUIDField()
    delegate = serializers.CharField(max_length=150)
    starts = serializers.DateTimeField(required=False, allow_null=True, default=None)
    ends = serializers.DateTimeField()
    kinds = serializers.ListField(child=serializers.CharField(max_length=40), required=False, default=list, max_length=100)
    most_per_month = serializers.DecimalField(max_digits=19, decimal_places=4, required=False, allow_null=True, default=None)
    reason = serializers.CharField(max_length=500)

    def validate_kinds(self, value: list[str]) -> list[str]:
        unknown = sorted(set(value) - set(kinds()))
        if unknown:
            raise serializers.ValidationError(_("There is no kind %(name)s.") % {"name": unknown[0]})
        return value


class FileSerializer(Shape[Any]):
    """A file of an approval; its bytes stand for themselves by their sha256."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    size = serializers.IntegerField()
    content_type = serializers.CharField()
    sha256 = serializers.CharField()
    put_by = PersonSerializer()
    created_at = serializers.DateTimeField()


class NewFileSerializer(Shape[Any]):
    """One file, as multipart."""

    file = serializers.FileField()


class CommentSerializer(Shape[Any]):
    """Something said."""

    id = serializers.UUIDField()
    author = PersonSerializer()
    text = serializers.CharField()
    created_at = serializers.DateTimeField()


class TextSerializer(Shape[Any]):
    """What is said or answered."""

    text = serializers.CharField(max_length=talk.LONGEST_TEXT)


class QuestionSerializer(Shape[Any]):
    """What was asked before deciding; `is_open` while it waits for its answer and the clock of its stage stands."""

    id = serializers.UUIDField()
    stage = serializers.UUIDField(source="stage_id")
    asked_by = PersonSerializer()
    asked_of = PersonSerializer()
    text = serializers.CharField()
    answer = serializers.CharField()
    is_open = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class NewQuestionSerializer(TextSerializer):
    """A question; `of` is for whom it is, by id, where who asked is not the one to answer."""

    of = serializers.UUIDField(required=False, allow_null=True, default=None)


class PassOnSerializer(Shape[Any]):
    """Whose seat in which stage goes to whom, by sign-in name, and why. Without `instead_of` the caller's own."""

    stage = serializers.UUIDField()
    to = serializers.CharField(max_length=150)
    instead_of = serializers.CharField(max_length=150, required=False, allow_blank=True, default="")
    reason = serializers.CharField(max_length=500)


class NoteSerializer(Shape[Any]):
    """What was put right."""

    note = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")


class SeveralSerializer(Shape[Any]):
    """Cards by the id of their approval, each with the hash that was shown: at most fifty, one choice and one reason for all."""

    cards = serializers.DictField(child=serializers.CharField(max_length=64), allow_empty=False)
    choice = serializers.ChoiceField(choices=[(each.value, each.label) for each in bulk.CHOICES])
    note = serializers.CharField(max_length=2000)

    def validate_cards(self, value: dict[str, str]) -> dict[uuid.UUID, str]:
        try:
            return {uuid.UUID(key): card for key, card in value.items()}
        except ValueError:
            raise serializers.ValidationError(_("Each card is named by the id of its approval.")) from None


class AnswerSerializer(Shape[Any]):
    """What became of one card: done, changed, not_yours, alone (of high risk: vote on it by itself) or refused."""

    approval = serializers.UUIDField(source="pk")
    title = serializers.CharField()
    outcome = serializers.CharField()
    said = serializers.CharField()


class Delegations(View):
    @says_list("delegations_list", DelegationSerializer)
    def get(self, request: Request) -> Response:
        """What the caller delegated and what was delegated to the caller, newest first."""
        return listed(request, delegations_of(actor_of(request)), DelegationSerializer)

    @says("delegations_create", takes=NewDelegationSerializer, gives=DelegationSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Let somebody decide in the caller's place for a time."""
        actor, sent = live_actor_of(request), read(NewDelegationSerializer, request)
        organization = organization_to_delegate_in(actor, sent.pop("organization"))
        to = person_named(sent.pop("delegate"))
        made = delegations.delegate(organization, to, actor=actor, **sent)
        return shown(DelegationSerializer, made, request, status=201, at=f"/api/delegations/{made.pk}/")


class Delegation(View):
    @says("delegations_read", gives=DelegationSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(DelegationSerializer, delegation_of(actor_of(request), pk), request)


class EndDelegation(View):
    @says("delegations_end", gives=DelegationSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """End it now: who gave it, or give it back: who has it. Over already, nothing changes."""
        actor = live_actor_of(request)
        ended = delegations.end_delegation(delegation_of(actor, pk), actor=actor)
        return shown(DelegationSerializer, ended, request)


class Files(View):
    parser_classes = (StrictJson, MultiPartParser)

    @says("approvals_files", gives=FileSerializer(many=True))
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """The files that belong to it."""
        rows = files_of(approval_visible_to(actor_of(request), pk))
        return Response(FileSerializer(rows, many=True).data)

    @says("approvals_add_file", takes={"multipart/form-data": NewFileSerializer}, gives=FileSerializer, status=201)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Put a file with it: at most 10 MB, of a type on the list. For who asked, for whom it is, and who decides."""
        actor = actor_of(request)
        found = approval_visible_to(actor, pk)
        require_part(found, actor)
        sent = read(NewFileSerializer, request)["file"]
        made = files.attach(found, sent.name, sent.read(MOST_BYTES + 1), actor=actor)
        return shown(FileSerializer, made, request, status=201, at=f"/api/approvals/{pk}/files/{made.pk}/")


class File(View):
    @says("approvals_file", gives={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: uuid.UUID, file_pk: uuid.UUID) -> Any:
        """Its bytes, to save and not to show. Every time is an event."""
        actor = actor_of(request)
        found = files.file_visible_to(actor, pk, file_pk)
        content = files.open_file(found, actor=actor).read_bytes()
        answer = HttpResponse(content, content_type="application/octet-stream")
        answer.headers["Content-Disposition"] = str(content_disposition_header(True, found.name))
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    @says("approvals_remove_file", status=204)
    def delete(self, request: Request, pk: uuid.UUID, file_pk: uuid.UUID) -> Response:
        """Take it out before a decision: who put it there. The record keeps that it was there."""
        actor = actor_of(request)
        files.detach(files.file_visible_to(actor, pk, file_pk), actor=actor)
        return Response(status=204)


class Comments(View):
    @says_list("approvals_comments", CommentSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What was said about it, oldest first."""
        rows = comments_of(approval_visible_to(actor_of(request), pk))
        return listed(request, rows, CommentSerializer, ordering=OLDEST)

    @says("approvals_comment", takes=TextSerializer, gives=CommentSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Say something to everybody who sees it."""
        actor = actor_of(request)
        found = approval_visible_to(actor, pk)
        require_part(found, actor)
        made = talk.comment(found, read(TextSerializer, request)["text"], actor=actor)
        return shown(CommentSerializer, made, request, status=201)


class Questions(View):
    @says("approvals_questions", gives=QuestionSerializer(many=True))
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What was asked before deciding, oldest first."""
        return Response(QuestionSerializer(questions_of(approval_visible_to(actor_of(request), pk)), many=True).data)

    @says("approvals_ask", takes=NewQuestionSerializer, gives=QuestionSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Ask who asked, or for whom it is, for what is missing. The clock of the caller's stage stands meanwhile."""
        actor = live_actor_of(request)
        found = approval_visible_to(actor, pk)
        check_may_decide(found, actor)
        sent = read(NewQuestionSerializer, request)
        people = {user.pk: user for user in (found.requester, found.beneficiary) if user}
        if sent["of"] and sent["of"] not in people:
            raise Invalid(fields={"of": [_("Only who asked for it, or for whom it is, is asked.")]})
        made = talk.ask_for(found, sent["text"], of=people.get(sent["of"]), actor=actor)
        return shown(QuestionSerializer, made, request, status=201)


class Question(View):
    @says("approvals_answer", takes=TextSerializer, gives=QuestionSerializer)
    def post(self, request: Request, pk: uuid.UUID, question_pk: uuid.UUID) -> Response:
        """Answer what was asked of the caller. The same answer again changes nothing."""
        actor = actor_of(request)
        question = question_of(approval_visible_to(actor, pk), question_pk)
        talk.check_answers(question, actor)
        return shown(QuestionSerializer, talk.answer(question, read(TextSerializer, request)["text"], actor=actor), request)

    @says("approvals_take_back", gives=QuestionSerializer)
    def delete(self, request: Request, pk: uuid.UUID, question_pk: uuid.UUID) -> Response:
        """The caller asked, and needs no answer any more."""
        actor = actor_of(request)
        question = question_of(approval_visible_to(actor, pk), question_pk)
        return shown(QuestionSerializer, talk.take_back(question, actor=actor), request)


class PassOn(View):
    @says("approvals_pass_on", takes=PassOnSerializer, gives=CardSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Let somebody else decide: the caller's own seat, or as an admin of the place anybody's."""
        actor = live_actor_of(request)
        found = approval_visible_to(actor, pk)
        sent = read(PassOnSerializer, request)
        holder = person_named(sent["instead_of"]) if sent["instead_of"] else actor.user
        pass_on(
            stage_of(found, sent["stage"]), person_named(sent["to"]), instead_of=holder, reason=sent["reason"], actor=actor
        )
        return card_of(request, approval_visible_to(actor, pk))


class Resubmit(View):
    @says("approvals_resubmit", takes=NoteSerializer, gives=CardSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Send what was returned again, decided anew. Only who asked may."""
        actor = actor_of(request)
        found = approval_visible_to(actor, pk)
        return card_of(request, resubmit(found, actor=actor, note=read(NoteSerializer, request)["note"]))


class Several(View):
    @says("approvals_vote_many", takes=SeveralSerializer, gives=AnswerSerializer(many=True))
    def post(self, request: Request) -> Response:
        """Decide on at most fifty cards with one reason. Each is a vote of its own; rows of high risk are left."""
        actor, sent = live_actor_of(request), read(SeveralSerializer, request)
        answers = bulk.vote_on_many(sent["cards"], Choice(sent["choice"]), note=sent["note"], actor=actor)
        return Response(AnswerSerializer(answers, many=True).data)
