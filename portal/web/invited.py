"""The link of an invitation: opening it shows what it is, sending the form accepts, once."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError
from portal.identity import invited as accounts
from portal.identity.local_forms import NewAccountForm
from portal.tenancy import invitations
from portal.tenancy.invitation_mail import organization_of
from portal.tenancy.models import Invitation, InvitationState
from portal.web.live import look_again
from portal.web.refusals import refuse


@never_cache
@sensitive_post_parameters("new_password", "again")
@sensitive_variables("secret")
@require_http_methods(["GET", "POST"])
def invited(request: HttpRequest, secret: str) -> HttpResponse:
    """The invitation, for whoever holds its link; posted, it is accepted by who is signed in, or by a new account."""
    try:
        found = invitations.invitation_of(secret)
    except NotFound as error:
        return shown(request, {"title": _("This link opens nothing any more"), "detail": str(error)}, status=404)
    if request.actor and not invitations.is_for(found, request.actor.user):
        return shown(request, {"is_other": True, "here": request.path}, status=403)
    if said := invitations.why_not(found):
        return over(request, found, said)
    if request.method == "GET":
        return show(request, found, NewAccountForm())
    return accept(request, found, secret) if request.actor else join(request, found, secret)


def accept(request: HttpRequest, found: Invitation, secret: str) -> HttpResponse:
    """Whoever is signed in takes it."""
    look_again(request)
    try:
        invitations.accept_invitation(secret, actor=request.actor)
    except (Conflict, Forbidden, NotFound) as error:
        return over(request, found, str(error))
    except PortalError as error:
        return show(request, found, None, refused=str(error), status=error.status)
    return welcome(request, found)


def join(request: HttpRequest, found: Invitation, secret: str) -> HttpResponse:
    """Who has no account makes one and takes it."""
    form = NewAccountForm(request.POST)
    if not form.is_valid():
        return show(request, found, form, status=422)
    try:
        accounts.accept_as_new(request, secret, **form.given())
    except Invalid as error:
        fields = {"new_password" if name == "password" else name: said for name, said in error.extra["fields"].items()}
        refuse(form, Invalid(error.detail, fields=fields))
        return show(request, found, form, status=422)
    except (Conflict, Forbidden, NotFound) as error:
        return over(request, found, str(error))
    except PortalError as error:
        return show(request, found, form, refused=str(error), status=error.status)
    return welcome(request, found)


def welcome(request: HttpRequest, found: Invitation) -> HttpResponse:
    """Into the scope that she is in now."""
    messages.success(request, _("You are %(role)s in %(scope)s now.") % {"role": found.role, "scope": found.scope})
    return redirect("scope", found.scope_id)


def over(request: HttpRequest, found: Invitation, said: str) -> HttpResponse:
    """Nobody can accept it any more, and why; a person who did goes on from here."""
    hers = found.state == InvitationState.ACCEPTED and request.actor and found.accepted_by_id == request.actor.user.pk
    title = _("You have accepted this invitation") if hers else _("This invitation cannot be accepted")
    detail = "" if hers else said
    return shown(request, {"title": title, "detail": detail, "scope": found.scope if hers else None}, status=409)


def show(
    request: HttpRequest, found: Invitation, form: NewAccountForm | None, *, refused: str = "", status: int = 200
) -> HttpResponse:
    """What she is invited to, and her way in."""
    query = urlencode({"next": request.path})
    context = {
        "invitation": found,
        "organization": organization_of(found),
        "refused": refused,
        "form": form if not request.actor and accounts.may_make_account(found) else None,
        "signin": "" if request.actor else f"{reverse('signin')}?{query}",
    }
    return shown(request, context, status=status)


def shown(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """The page; the browser tells nobody the address that holds the secret."""
    answer = render(request, "tenancy/invited.html", context, status=status)
    answer.headers["Referrer-Policy"] = "strict-origin"  # with "no-referrer" the form would come without an origin
    return answer
