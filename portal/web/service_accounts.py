"""Service accounts: those she answers for or manages, and one of them with its roles and tokens."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.access.guard import permissions_of
from portal.access.queries import history_of, scopes_where
from portal.core.errors import PortalError
from portal.identity import fresh
from portal.identity import service_accounts as services
from portal.identity.account_forms import AccountForm, AccountTokenForm, GiveOverForm, OverlapForm
from portal.identity.filters import AccountFilter
from portal.identity.models import AccountState, ServiceAccount
from portal.identity.tokens import is_open
from portal.users.actor import Actor
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse
from portal.web.states import Look

ROWS = 50
MOST_EVENTS = 20
WAITING = "fresh-account-token"


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def service_accounts(request: HttpRequest) -> HttpResponse:
    """Those she answers for and those she manages, and the form to make one."""
    places = scopes_where(request.actor, services.PERMISSION)
    if request.method == "GET":
        return show_list(request, AccountForm(places, initial={"scope": request.GET.get("scope", "")}))
    form = AccountForm(places, request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            made = services.create_service_account(given.pop("scope"), given.pop("name"), actor=request.actor, **given)
        except PortalError as error:
            refuse(form, error)
        else:
            messages.success(request, _("%(name)s is made. It may do nothing until it is given a role.") % {"name": made})
            return redirect("serviceaccount" if sees(request.actor, made) else "service-accounts", *ids(request.actor, made))
    return show_list(request, form, status=422)


@login_required
@never_cache
def service_account(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One of them: who answers for it, its roles with their ends, its tokens, what happened, and what she may change."""
    found = services.account_for(request.actor, pk)
    waiting = request.session.pop(WAITING, None)
    made = fresh.take(waiting, actor=request.actor) if waiting else None
    return show(request, found, made=made or "")


def show_list(request: HttpRequest, form: AccountForm, *, status: int = 200) -> HttpResponse:
    """The list, narrowed by what stands in the address."""
    filtered = AccountFilter(request.GET, services.accounts_visible_to(request.actor))
    page = Paginator(filtered.qs, ROWS).get_page(page_number(request))
    context = {
        "page": page,
        "rows": [(row, look_of(row)) for row in page.object_list],
        "filter": filtered,
        "form": form if services.PERMISSION in permissions_of(request.actor) else None,
    }
    return render(request, "access/service_accounts.html", context, status=status)


def show(request: HttpRequest, found: Any, *, status: int = 200, made: str = "", **refused: forms.Form) -> HttpResponse:
    """The page of one; `made` is the plain text of a token just made, `refused` are forms that were sent."""
    actor: Actor = request.actor
    is_hers = found.user.owner_id == actor.user.pk
    page = Paginator(services.tokens_here(found), ROWS).get_page(page_number(request))
    given: dict[str, Any] = {"give": GiveOverForm(auto_id="give-%s")}
    if is_hers and found.state == AccountState.ACTIVE:
        given["token"] = AccountTokenForm(found, actor)
    context = {
        "account": found,
        "look": look_of(found),
        "is_hers": is_hers,
        "roles": services.roles_here(found),
        "page": page,
        "tokens": [(token, is_open(token)) for token in page.object_list],
        "overlaps": OverlapForm().fields["overlap"],
        "forms": {**given, **refused},
        "opened": list(refused),
        "history": history_of(found).order_by("-at", "-id")[:MOST_EVENTS],
        "made": made,
    }
    return render(request, "access/service_account.html", context, status=status)


def look_of(account: Any) -> Look:
    """How it stands, in one word or two: what needs an admin first."""
    if account.state == AccountState.DISABLED:
        return Look("idle", "lock", _("Disabled"))
    if not account.user.owner.is_active:
        return Look("fail", "alert-circle", _("Owner is disabled"))
    if not account.belongs:
        return Look("fail", "alert-circle", _("Owner no longer belongs here"))
    if services.is_unused(account):
        return Look("wait", "clock", _("Unused for 90 days"))
    return Look("ok", "circle-check", _("Active"))


def sees(actor: Actor, account: ServiceAccount) -> bool:
    """Whether its page is hers to open: she answers for it, or manages it."""
    return account.user.owner_id == actor.user.pk or services.may_manage(account, actor)


def ids(actor: Actor, account: ServiceAccount) -> list[uuid.UUID]:
    return [account.pk] if sees(actor, account) else []
