"""Say something about an approval; ask for what is missing before deciding, and answer."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils.translation import gettext as _

from portal.approvals.checks import check_apart, check_may_decide, check_waiting, seat_for
from portal.approvals.eligibility import person_of
from portal.approvals.models import Approval, Comment, Question, Stage, StageState
from portal.approvals.parts import asking_people, deciding_people, heard_people, is_asking, require_part
from portal.approvals.revising import locked
from portal.approvals.settling import stages_of
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User

LONGEST_TEXT = 2000
MOST_COMMENTS = 200
MOST_OPEN = 10
LONGEST_PAUSE = timedelta(days=14)


@transaction.atomic
def comment(approval: Approval, text: str, *, actor: Actor) -> Comment:
    """Say something to everybody who sees it: who asked, for whom it is, or who may decide. The others are told."""
    approval = locked(approval.pk)
    require_part(approval, actor)
    text = checked(text, "text")
    if Comment.objects.filter(approval=approval).count() >= MOST_COMMENTS:
        raise Refused(_("%(most)s comments are enough. Decide, or ask in person.") % {"most": MOST_COMMENTS})
    said = Comment.objects.create(approval=approval, author=actor.user, text=text)
    event = record("approvals.comment", approval, actor=actor, comment=said.pk, text=text)
    told = [*asking_people(approval), *heard_people(approval)]
    if is_asking(approval, actor):
        told += deciding_people(approval)
    notify(told, "approval_comment", target=approval, actor=actor, event=event, person=actor.user, note=text)
    return said


@transaction.atomic
def ask_for(approval: Approval, text: str, *, of: User | None = None, actor: Actor) -> Question:
    """Ask who asked, or for whom it is, for what is missing: who could vote now. The clock of her stage stands meanwhile.

    It stands for at most fourteen days, so that nothing waits for ever. Others of the stage may still decide.
    """
    approval, at = locked(approval.pk), clock.now()
    check_may_decide(approval, actor)
    check_apart(approval, actor)
    check_waiting(approval)
    stage = seat_for(approval, stages_of(approval), actor).stage
    text = checked(text, "text")
    asked = of or approval.requester
    if asked.pk not in {person.pk for person in asking_people(approval)}:
        raise Invalid(fields={"of": [_("Only who asked for it, or for whom it is, is asked.")]})
    if open_questions(stage).count() >= MOST_OPEN:
        raise Refused(_("%(most)s questions wait for an answer already.") % {"most": MOST_OPEN})
    question = Question.objects.create(approval=approval, stage=stage, asked_by=actor.user, asked_of=asked, text=text)
    stop_clock(approval, stage, at)
    event = record("approvals.ask_for", approval, actor=actor, question=question.pk, of=asked, stage=stage.pk, text=text)
    notify([asked], "question_asked", target=approval, actor=actor, event=event, person=actor.user, note=text)
    return question


@transaction.atomic
def answer(question: Question, text: str, *, actor: Actor) -> Question:
    """Answer what was asked of her; with the last answer the clock of the stage goes on where it stood."""
    approval = locked(question.approval_id)
    question = _again(question, approval)
    check_answers(question, actor)
    text = checked(text, "text")
    if question.answer == text:
        return question
    if not question.is_open:
        raise Conflict(_("This needs no answer any more."))
    question.answer, question.answered_by, question.ended_at = text, actor.user, clock.now()
    question.save(update_fields=["answer", "answered_by", "ended_at"])
    start_clock(approval, question.stage, question.ended_at)
    event = record("approvals.answer", approval, actor=actor, question=question.pk, text=text)
    told = [question.asked_by, *deciding_people(approval)]
    notify(told, "question_answered", target=approval, actor=actor, event=event, person=actor.user, note=text)
    return question


def check_answers(question: Question, actor: Actor) -> None:
    """It was asked of her, and she acts by an account that may say so."""
    if actor.person_id == person_of(question.asked_of) and is_asking(question.approval, actor):
        return
    require_part(question.approval, actor)
    raise Forbidden(_("Only %(person)s answers this.") % {"person": question.asked_of})


@transaction.atomic
def take_back(question: Question, *, actor: Actor) -> Question:
    """She asked, and needs no answer any more: the clock goes on. Over already, nothing changes."""
    approval = locked(question.approval_id)
    question = _again(question, approval)
    check_may_decide(approval, actor)
    if question.asked_by.person_id != actor.person_id:
        raise Forbidden(_("Only who asked takes a question back."))
    if not question.is_open:
        return question
    question.ended_at = clock.now()
    question.save(update_fields=["ended_at"])
    start_clock(approval, question.stage, question.ended_at)
    record("approvals.take_back", approval, actor=actor, question=question.pk)
    return question


def open_questions(stage: Stage) -> QuerySet[Question]:
    """Those of a stage that wait for an answer."""
    return Question.objects.filter(stage=stage, ended_at=None)


def stop_clock(approval: Approval, stage: Stage, at: datetime) -> None:
    """Note how much time was left; the stage is due when the longest pause is over, and as much later. Stopped, it stays."""
    if stage.left is not None or stage.due is None:
        return
    stage.left = max(stage.due - at, timedelta())
    _move_due(stage, at + LONGEST_PAUSE + stage.left)
    _follow_due(approval)


def start_clock(approval: Approval, stage: Stage, at: datetime) -> None:
    """Once nothing waits for an answer there is as much time as there was; past the longest pause it ran by itself."""
    if stage.left is None or open_questions(stage).exists() or stage.due is None:
        return
    due, stage.left = min(stage.due, at + stage.left), None
    _move_due(stage, due)
    _follow_due(approval)


def checked(text: str, field: str) -> str:
    """The text without what surrounds it; Invalid where nothing is left, or too much."""
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT or "\x00" in text:
        raise Invalid(fields={field: [_("Write something, in at most %(most)s characters.") % {"most": LONGEST_TEXT}]})
    return text


def _move_due(stage: Stage, due: datetime) -> None:
    """The stage is due then, and its reminder, where one is still to come, moves with it."""
    if stage.remind_at and stage.due:
        stage.remind_at += due - stage.due
    stage.due = due
    stage.save(update_fields=["left", "due", "remind_at"])


def _follow_due(approval: Approval) -> None:
    open_ones = Stage.objects.filter(approval=approval, state=StageState.OPEN)
    approval.decision_due = open_ones.aggregate(first=Min("due"))["first"]
    approval.save(update_fields=["decision_due"])


def _again(question: Question, approval: Approval) -> Question:
    rows = Question.objects.select_related("stage", "asked_by", "asked_of")
    found: Question | None = rows.filter(pk=question.pk, approval=approval).first()
    if found is None:
        raise NotFound
    found.approval = approval
    return found
