"""What is done around a card: files, what is said and asked, passing on, sending again. Each act leads back to its card."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.access.why import person_for
from portal.approvals import files, talk
from portal.approvals.cards import stage_lines
from portal.approvals.checks import check_may_decide
from portal.approvals.filetypes import MOST_BYTES
from portal.approvals.models import Approval
from portal.approvals.parts import asking_people, require_part
from portal.approvals.passing_on import pass_on as pass_on_stage
from portal.approvals.queries import approval_visible_to, question_of, stage_of
from portal.approvals.returning import resubmit
from portal.core.errors import Forbidden, NotFound, PortalError
from portal.web.deciding.forms import AgainForm, AnswerForm, AskForm, FileForm, PassForm, SayForm
from portal.web.inbox import seat_choices, show
from portal.web.live import privileged
from portal.web.refusals import refuse


@login_required
@require_POST
def add_file(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Put a file with what is decided on."""
    found = approval_visible_to(request.actor, pk)
    require_part(found, request.actor)
    form = FileForm(request.POST, request.FILES)

    def act() -> None:
        sent = form.cleaned_data["file"]
        files.attach(found, sent.name, sent.read(MOST_BYTES + 1), actor=request.actor)

    return done_or_shown(request, found, "file", form, act)


@login_required
@never_cache
@require_safe
def open_file(request: HttpRequest, pk: uuid.UUID, file_pk: uuid.UUID) -> HttpResponse:
    """The file itself, to save and not to show; every time is an event."""
    found = files.file_visible_to(request.actor, pk, file_pk)
    content = files.open_file(found, actor=request.actor).read_bytes()
    answer = HttpResponse(content, content_type="application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(True, found.name)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@login_required
@require_POST
def remove_file(request: HttpRequest, pk: uuid.UUID, file_pk: uuid.UUID) -> HttpResponse:
    """Take it out again; out already, nothing changes."""
    found = approval_visible_to(request.actor, pk)
    try:
        kept = files.file_visible_to(request.actor, pk, file_pk)
    except NotFound:
        return redirect("approval", pk)
    return done_or_shown(request, found, "file", FileForm(), lambda: files.detach(kept, actor=request.actor))


@login_required
@require_POST
def say(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Say something to everybody who sees it."""
    found, form = approval_visible_to(request.actor, pk), SayForm(request.POST)
    require_part(found, request.actor)
    return done_or_shown(
        request, found, "say", form, lambda: talk.comment(found, form.cleaned_data["text"], actor=request.actor)
    )


@login_required
@require_POST
@privileged
def ask(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask for what is missing before deciding."""
    found = approval_visible_to(request.actor, pk)
    check_may_decide(found, request.actor)
    form = AskForm(asking_people(found), request.POST)

    def act() -> None:
        talk.ask_for(found, form.cleaned_data["text"], of=form.asked(), actor=request.actor)

    return done_or_shown(request, found, "ask", form, act)


@login_required
@require_POST
def answer(request: HttpRequest, pk: uuid.UUID, question_pk: uuid.UUID) -> HttpResponse:
    """Answer what was asked of her."""
    found = approval_visible_to(request.actor, pk)
    question, form = question_of(found, question_pk), AnswerForm(request.POST)
    return done_or_shown(
        request, found, "answer", form, lambda: talk.answer(question, form.cleaned_data["text"], actor=request.actor)
    )


@login_required
@require_POST
def take_back(request: HttpRequest, pk: uuid.UUID, question_pk: uuid.UUID) -> HttpResponse:
    """She needs no answer any more."""
    found = approval_visible_to(request.actor, pk)
    talk.take_back(question_of(found, question_pk), actor=request.actor)
    return redirect("approval", pk)


@login_required
@require_POST
@privileged
def pass_on(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let somebody else decide in the place of who has a seat."""
    found = approval_visible_to(request.actor, pk)
    seats = seat_choices(request.actor, found, stage_lines(found))
    if not seats:
        raise Forbidden(_("You have nothing to pass on here."))
    form = PassForm(seats, request.POST)

    def act() -> None:
        given = form.cleaned_data
        stage_pk, person_pk = given["seat"]
        holder = request.actor.user if person_pk == request.actor.user.pk else person_for(request.actor, person_pk)
        stage = stage_of(found, stage_pk)
        pass_on_stage(stage, given["to"], instead_of=holder, reason=given["reason"], actor=request.actor)
        messages.success(request, _("%(person)s decides it now, and was told.") % {"person": given["to"]})

    return done_or_shown(request, found, "pass_on", form, act)


@login_required
@require_POST
def again(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send what was returned again."""
    found, form = approval_visible_to(request.actor, pk), AgainForm(request.POST)

    def act() -> None:
        resubmit(found, actor=request.actor, note=form.cleaned_data["text"])
        messages.success(request, _("Sent again. It is decided anew."))

    return done_or_shown(request, found, "again", form, act)


def done_or_shown(request: HttpRequest, found: Approval, name: str, form: Form, act: Callable[[], Any]) -> HttpResponse:
    """Do it and go back to the card; refused, the card comes back with the words beside what she sent."""
    if not form.is_bound or form.is_valid():
        try:
            act()
        except NotFound:
            raise
        except PortalError as error:
            if not form.is_bound:
                messages.warning(request, str(error))
                return redirect("approval", found.pk)
            if error.status == 403:
                raise
            refuse(form, error)
        else:
            return redirect("approval", found.pk)
    return show(request, approval_visible_to(request.actor, found.pk), around={name: form}, status=422)
