"""The page of what a directory needs to push people here: the address, and tokens made, rotated and revoked."""

import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.core.errors import PortalError
from portal.identity import scim_tokens
from portal.identity.scim_forms import ScimTokenForm
from portal.web.events import page_number
from portal.web.identity_providers import check_may_look
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50
WAITING = "fresh-scim-token"
HERE = "identityprovider-scim"


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@privileged
def tokens(request: HttpRequest) -> HttpResponse:
    """The address, the tokens, and a form for one more; made, its plain text is on the page that follows, once."""
    check_may_look(request.actor)
    form = ScimTokenForm(request.actor, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            return shown_next(
                request,
                lambda: scim_tokens.make_token(given["organization"], given["name"], days=given["days"], actor=request.actor),
            )
        except PortalError as error:
            refuse(form, error)
    return page(request, form)


@login_required
@require_POST
@privileged
def rotate(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Another in its place, shown once on the page that follows."""
    token = scim_tokens.token_visible_to(request.actor, pk)
    return shown_next(request, lambda: scim_tokens.rotate_token(token, actor=request.actor))


@login_required
@require_POST
def revoke(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End one at its next request."""
    token = scim_tokens.revoke_token(scim_tokens.token_visible_to(request.actor, pk), actor=request.actor)
    messages.success(request, _("The token %(name)s opens nothing any more.") % {"name": token.name})
    return redirect(HERE)


def shown_next(request: HttpRequest, act: Callable[[], uuid.UUID]) -> HttpResponse:
    """Make a token, and go to the page that shows it."""
    request.session[WAITING] = str(act())
    return redirect(HERE)


def page(request: HttpRequest, form: ScimTokenForm) -> HttpResponse:
    """The whole page."""
    waiting = request.session.pop(WAITING, None) if request.method == "GET" else None
    context: dict[str, Any] = {
        "page": Paginator(scim_tokens.tokens_visible_to(request.actor), ROWS).get_page(page_number(request)),
        "form": form,
        "made": scim_tokens.take(waiting, actor=request.actor) if waiting else "",
        "address": f"{settings.PUBLIC_URL}/scim/v2",
    }
    return render(request, "identity/scim.html", context, status=422 if form.errors else 200)
