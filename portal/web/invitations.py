"""The invitations into a scope: who was asked in by mail, how each stands, one more, send it again, revoke it."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.models import Scope, ScopeState
from portal.access.queries import scope_for
from portal.core.errors import PortalError
from portal.tenancy import invitations as services
from portal.tenancy.invitation_forms import InvitationFilter, InviteForm
from portal.tenancy.models import Invitation
from portal.users.actor import Actor
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50
Act = Callable[..., Invitation]


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def invitations(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What was sent from here, and a form for more."""
    found = scope_for(request.actor, pk)
    sent = services.invitations_in(found, request.actor)
    if request.method == "GET":
        return show(request, found, sent, InviteForm(found))
    form = InviteForm(found, request.POST)
    if form.is_valid() and (made := invite(form, found, request.actor)):
        messages.success(request, words_of(made))
        return redirect("invitations", pk)
    return show(request, found, sent, form, status=422)


@login_required
@require_POST
@privileged
def resend(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A new link by mail; the old one is dead."""
    said = _("A new link is on its way to %(address)s. The one before opens nothing any more.")
    return acted(request, pk, services.resend_invitation, said)


@login_required
@require_POST
@privileged
def revoke(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Its link opens nothing any more."""
    return acted(request, pk, services.revoke_invitation, _("The link sent to %(address)s opens nothing any more."))


def acted(request: HttpRequest, pk: uuid.UUID, act: Act, said: str) -> HttpResponse:
    """The list after an act on one of them; what was refused is said over it."""
    found = services.invitation_visible_to(request.actor, pk)
    try:
        act(found, actor=request.actor)
        messages.success(request, said % {"address": found.address})
    except PortalError as error:
        messages.warning(request, str(error))
    return redirect("invitations", found.scope_id)


def invite(form: InviteForm, found: Scope, actor: Actor) -> list[Invitation]:
    """Send what the form asks for; nothing is sent where it is refused, and the form says why."""
    given = form.cleaned_data
    try:
        return services.invite(found, given["addresses"].splitlines(), given["role"], expires=given["expires"], actor=actor)
    except PortalError as error:
        refuse(form, error)
        return []


def words_of(made: list[Invitation]) -> str:
    """How many were invited, and that the mails leave at their own pace."""
    said = ngettext("%(count)s person is invited.", "%(count)s people are invited.", len(made)) % {"count": len(made)}
    paced = _("At most %(most)s mails an hour leave from you; the rest follow by themselves.")
    return f"{said} {paced % {'most': services.MOST_AN_HOUR}}" if len(made) > services.MOST_AN_HOUR else said


def show(request: HttpRequest, found: Scope, sent: Any, form: InviteForm, *, status: int = 200) -> HttpResponse:
    """The page."""
    chosen = InvitationFilter(request.GET, sent)
    page = Paginator(chosen.qs, ROWS).get_page(page_number(request))
    context = {
        "scope": found,
        "page": page,
        "filter": chosen,
        "form": form,
        "is_open": found.state == ScopeState.ACTIVE,
        "is_empty": not page.paginator.count and not request.GET,
        "days": services.OPEN_FOR.days,
    }
    return render(request, "access/invitations.html", context, status=status)
