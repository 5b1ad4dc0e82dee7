"""Who is told of events: the subscriptions she may see, and one with its log."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from portal.access.guard import permissions_of
from portal.access.queries import scopes_where
from portal.audit import queries, services
from portal.audit.asking import answer_address
from portal.audit.filters import DeliveryFilter
from portal.audit.forms import ReplayForm, SubscriptionForm
from portal.audit.models import Subscription
from portal.core import clock
from portal.core.errors import PortalError
from portal.identity.service_accounts import service_accounts_of
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50
WAITING = "fresh-subscription-secret"
BEGUN = ("scope", "shape", "actions", "kinds")
"""What an address may fill into the form of a new one."""


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def subscriptions(request: HttpRequest) -> HttpResponse:
    """Hers and those in scopes whose members she manages, with the form of one more."""
    offered = scopes_where(request.actor, queries.PERMISSION), service_accounts_of(request.actor)
    if request.method == "GET":
        begun = {name: request.GET[name] for name in BEGUN if name in request.GET}
        return show_list(request, SubscriptionForm(*offered, initial=begun))
    form = SubscriptionForm(*offered, request.POST)
    if form.is_valid():
        given = form.given()
        try:
            made, secret = services.subscribe(
                given.pop("scope"), given.pop("name"), given.pop("url"), actor=request.actor, **given
            )
        except PortalError as error:
            refuse(form, error)
        else:
            show_once(request, made, secret)
            return redirect("subscription", made.pk)
    return show_list(request, form, status=422)


@login_required
@require_safe
@never_cache
def subscription(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One of them: how it stands, what it is told, and what was sent."""
    found = queries.subscription_for(request.actor, pk)
    waiting = request.session.pop(WAITING, None)
    secret = services.take_secret(waiting, actor=request.actor) if waiting else ""
    return show(request, found, secret=secret)


def show_list(request: HttpRequest, form: SubscriptionForm, *, status: int = 200) -> HttpResponse:
    """The list with the form beside it."""
    page = Paginator(queries.subscriptions_visible_to(request.actor), ROWS).get_page(page_number(request))
    may_subscribe = queries.PERMISSION in permissions_of(request.actor)
    context = {"page": page, "form": form if may_subscribe else None, "me": request.actor.user}
    return render(request, "audit/subscriptions.html", context, status=status)


def show(
    request: HttpRequest, found: Subscription, *, secret: str = "", replay: Any = None, status: int = 200
) -> HttpResponse:
    """The page of one. The log and the whole address are its owner's alone: who manages members sees that it is there."""
    is_hers = queries.is_hers(found, request.actor)
    context: dict[str, Any] = {"subscription": found, "is_hers": is_hers, "secret": secret, "now": clock.now()}
    context["answer_to"] = answer_address(found) if found.account_id else ""
    if is_hers:
        chosen = DeliveryFilter(request.GET, queries.deliveries_of(found))
        page = Paginator(chosen.qs, ROWS).get_page(page_number(request))
        behind = max(0, (found.sealed_to or 0) - found.position)
        context |= {"filter": chosen, "page": page, "behind": behind, "replay": replay or ReplayForm(auto_id="replay-%s")}
    return render(request, "audit/subscription.html", context, status=status)


def show_once(request: HttpRequest, found: Subscription, secret: str) -> None:
    """Let the page that follows show a secret, once."""
    request.session[WAITING] = str(services.keep_secret(found, secret, actor=request.actor))
