"""A person's own page: who she is here, her roles, her tokens, her sessions."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from portal.access.queries import roles_of
from portal.core.errors import Invalid
from portal.identity import factors, fresh, looking, reading, services, sessions, tokens
from portal.identity.forms import ReadingForm, TokenForm
from portal.identity.models import SessionEnd
from portal.web.devices import device_of
from portal.web.live import privileged
from portal.web.refusals import refuse

MOST_SESSIONS = 50
MOST_LOOKS = 10


@login_required
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    """Her name, her roles with their ends, her tokens, and the way to end every session."""
    waiting = request.session.pop("fresh-token", None)
    made = fresh.take(waiting, actor=request.actor) if waiting else None
    return page(request, TokenForm(request.actor), made=made)


@login_required
@require_POST
def choose_reading(request: HttpRequest) -> HttpResponse:
    """Another language or zone, from the page that follows on."""
    form = ReadingForm(request.actor.user, request.POST)
    if not form.is_valid():
        return page(request, TokenForm(request.actor), reading_form=form, status=422)
    reading.choose(actor=request.actor, **form.cleaned_data)
    return redirect("/profile/#reading")


@login_required
@require_POST
@privileged
def create_token(request: HttpRequest) -> HttpResponse:
    """Make a token and show its plain text once, on the page that follows."""
    form = TokenForm(request.actor, request.POST)
    if not form.is_valid():
        return page(request, form, status=422)
    try:
        request.session["fresh-token"] = str(fresh.create(actor=request.actor, **form.given()))
    except Invalid as error:
        refuse(form, error)
        return page(request, form, status=422)
    return redirect("/profile/#tokens")


@login_required
def token(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Where one of her tokens is shown: with its service account, or on her own page."""
    found = tokens.token_of(request.actor, pk)
    if found.user_id != request.actor.user.pk:
        return redirect("serviceaccount", found.user_id)
    return redirect("/profile/#tokens")


@login_required
@require_POST
def revoke_token(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End one token."""
    token = tokens.revoke_token(tokens.token_of(request.actor, pk), actor=request.actor)
    messages.success(request, _("The token %(name)s opens nothing any more.") % {"name": token.name})
    return redirect("/profile/#tokens")


@login_required
@require_POST
def end_session(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Sign her out in one browser; where it is this one, she is out here."""
    services.end_session(pk, actor=request.actor)
    if str(pk) == request.actor.auth.session:
        sessions.end(request)
        return redirect("signin")
    messages.success(request, _("That browser is signed out at its next click."))
    return redirect("/profile/#session")


@login_required
@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Sign her out everywhere, here too."""
    services.sign_out_everywhere(actor=request.actor)
    sessions.end(request, why=SessionEnd.EVERYWHERE)
    messages.success(request, _("Every session has ended. Sign in again."))
    return redirect("signin")


def page(
    request: HttpRequest,
    form: TokenForm,
    *,
    made: str | None = None,
    reading_form: ReadingForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page; `made` is the plain text of a token just made."""
    actor = request.actor
    living = [
        (row, device_of(row.agent), str(row.pk) == actor.auth.session)
        for row in sessions.living_of(actor.user)[:MOST_SESSIONS]
    ]
    context = {"roles": roles_of(actor), "tokens": tokens.tokens_of(actor), "sessions": living, "form": form, "made": made}
    context["reading"] = reading_form or ReadingForm(actor.user)
    context["looks"] = looking.looks_at(actor.user)[:MOST_LOOKS]
    context["ways"] = factors.ways_of(actor)
    return render(request, "identity/profile.html", context, status=status)
