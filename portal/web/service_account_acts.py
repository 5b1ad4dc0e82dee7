"""What is changed on the page of a service account. A refusal stands in the form that was sent, or over the page."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.core.errors import NotFound, PortalError, Refused
from portal.identity import fresh, service_accounts, tokens
from portal.identity.account_forms import AccountTokenForm, GiveOverForm, OverlapForm
from portal.identity.models import ServiceAccount
from portal.web.live import privileged
from portal.web.refusals import do_and_say, refuse
from portal.web.service_accounts import WAITING, sees, show

Do = Callable[[ServiceAccount], Any]


@login_required
@require_POST
@privileged
def make_token(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A token for it, shown once on the page that follows."""
    account = service_accounts.account_for(request.actor, pk)
    form = AccountTokenForm(account, request.actor, request.POST)
    if form.is_valid():
        try:
            request.session[WAITING] = str(fresh.create(actor=request.actor, user=account.user, **form.given()))
        except NotFound:
            raise
        except PortalError as error:
            refuse(form, error)
        else:
            return redirect("serviceaccount", pk)
    return show(request, account, status=422, token=form)


@login_required
@require_POST
@privileged
def rotate(request: HttpRequest, pk: uuid.UUID, token_pk: uuid.UUID) -> HttpResponse:
    """Another in the place of one, shown once on the page that follows."""
    form = OverlapForm(request.POST)

    def act(account: ServiceAccount) -> None:
        token = tokens.token_at(account.user, token_pk)
        if not form.is_valid():
            raise Refused(_("Choose when the token of before ends."))
        overlap = form.cleaned_data["overlap"]
        request.session[WAITING] = str(fresh.rotate(token, overlap=overlap, actor=request.actor))

    return do(request, pk, act)


@login_required
@require_POST
def revoke(request: HttpRequest, pk: uuid.UUID, token_pk: uuid.UUID) -> HttpResponse:
    """End one of its tokens."""

    def act(account: ServiceAccount) -> None:
        tokens.revoke_token(tokens.token_at(account.user, token_pk), actor=request.actor)

    return do(request, pk, act, _("The token opens nothing any more."))


@login_required
@require_POST
@privileged
def give_over(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Another person answers for it; goes back to the list where it is none of hers any more."""
    account = service_accounts.account_for(request.actor, pk)
    form = GiveOverForm(request.POST, auto_id="give-%s")
    if form.is_valid():
        to, overlap = form.cleaned_data["owner"], form.cleaned_data["overlap"]
        try:
            given = service_accounts.give_over(account, to, overlap=overlap, actor=request.actor)
        except PortalError as error:
            refuse(form, error)
        else:
            messages.success(request, _("%(person)s answers for %(name)s now.") % {"person": to, "name": given})
            return redirect("serviceaccount", pk) if sees(request.actor, given) else redirect("service-accounts")
    return show(request, account, status=422, give=form)


@login_required
@require_POST
def disable(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let its tokens open nothing, until it is enabled again."""
    act = partial(service_accounts.disable_account, actor=request.actor)
    return do(request, pk, act, _("Disabled. Its tokens open nothing until you enable it again."))


@login_required
@require_POST
@privileged
def enable(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let its tokens open again."""
    act = partial(service_accounts.enable_account, actor=request.actor)
    return do(request, pk, act, _("Enabled. Its tokens open again until their ends."))


@login_required
@require_POST
def end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End it for good."""
    account = service_accounts.account_for(request.actor, pk)
    service_accounts.end_service_account(account, actor=request.actor)
    messages.success(request, _("%(name)s and every token of it open nothing any more.") % {"name": account})
    return redirect("service-accounts")


def do(request: HttpRequest, pk: uuid.UUID, act: Do, said: str = "") -> HttpResponse:
    """Do it and go back to the page, which says what was refused."""
    account = service_accounts.account_for(request.actor, pk)
    do_and_say(request, lambda: act(account), said)
    return redirect("serviceaccount", pk)
