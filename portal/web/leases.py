"""My cloud access: what a person can get where, what she holds, taking it, reading its secret once, and ending it."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import holds, permissions_of
from portal.approvals.cards import waits_for
from portal.approvals.queries import approval_of, approvals_visible_to
from portal.clouds.labels import translated
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, NotFound, PortalError, Refused
from portal.core.models import new_id
from portal.leases import services
from portal.leases.forms import AskForm, in_words
from portal.leases.models import OPEN, Lease, LeaseOffer, LeaseState
from portal.leases.queries import has_secret, lease_visible_to, leases_of, offer_for, offers_for, scopes_decided
from portal.leases.services import Given
from portal.users.actor import Actor
from portal.web.downloads import text_file
from portal.web.events import page_number
from portal.web.live import look_again, privileged
from portal.web.refusals import refuse

ROWS = 50
PAGE, LIVE = "leases/lease.html", "leases/lease.html#live"
ASKED = "fresh-lease"
# What to do about a lease that could not be made, by what went wrong
WAYS_OUT = {
    "permission": gettext_lazy("The cloud does not let you in. Ask an operator whether its trust in your sign-in names you."),
    "unreachable": gettext_lazy("The cloud did not answer. Ask again in a few minutes."),
    "credentials": gettext_lazy("The cloud does not take Concord's own credentials. Tell an operator."),
    "not_found": gettext_lazy("What was offered is not in the cloud any more. Tell an operator."),
}


@login_required
@never_cache
def leases(request: HttpRequest) -> HttpResponse:
    """What she holds and what she can get where; with `over` in the address, what she held before."""
    actor = request.actor
    hers = leases_of(actor)
    if "take_lease" not in permissions_of(actor) and not hers.exists():
        raise NotFound
    if "over" in request.GET:
        page = Paginator(hers.exclude(state__in=OPEN), ROWS).get_page(page_number(request))
        return render(request, "leases/over.html", {"page": page})
    offers = Paginator(offers_for(actor), ROWS).get_page(page_number(request))
    context = {
        "held": list(hers.filter(state__in=OPEN)),
        "page": offers,
        "rows": offered(list(offers)),
        "is_local": any(offer.connection.lender.audience for offer in offers) and not services.is_from_provider(actor),
    }
    return render(request, "leases/leases.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@privileged
def ask(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What one offer gives, and how long it is wanted; posted, it is asked for."""
    offer = offer_for(request.actor, pk)
    form = AskForm(offer, request.POST or None, initial={"key": new_id().hex})
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                lease = services.ask_lease(offer, actor=request.actor, **form.cleaned_data)
            except PortalError as error:
                refuse(form, error)
            else:
                return redirect("lease", lease.pk)
        status = 422
    (row,) = offered([offer])
    context = {**row, "options": options_of(offer), "form": form, "why_not": services.why_not(offer, request.actor)}
    return render(request, "leases/ask.html", context, status=status)


@login_required
@never_cache
def lease(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One lease; asked for by htmx while it moves, only the part that follows it."""
    found = lease_visible_to(request.actor, pk)
    if request.htmx:
        return render(request, LIVE, picture(request.actor, found))
    is_asked = request.session.pop(ASKED, "") == str(pk)
    if is_asked:
        look_again(request)
    given = secret_of(found, request.actor) if is_asked else None
    context = {**picture(request.actor, found), "given": given, "is_gone": is_asked and given is None}
    return render(request, PAGE, context)


@login_required
@require_POST
@privileged
def take(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Take what was approved."""
    return act(request, pk, lambda found, actor: services.take_lease(found, actor=actor))


@login_required
@require_POST
@privileged
def show_secret(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask for its secret; it is taken, and shown once, by the page that follows."""

    def note(found: Lease, actor: Actor) -> None:
        if not has_secret(found, actor):
            raise Conflict(gone())
        request.session[ASKED] = str(found.pk)

    return act(request, pk, note)


@login_required
@never_cache
@require_POST
@privileged
def take_file(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Its secret as the file that the cloud's own client reads; that was the one time it is given out."""
    found = lease_visible_to(request.actor, pk)
    given = secret_of(found, request.actor)
    if given is None:
        messages.warning(request, gone())
        return redirect("lease", pk)
    return text_file(given.file_name, given.profile)


@login_required
@require_POST
def end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End it now."""
    return act(request, pk, lambda found, actor: services.end_lease(found, actor=actor))


def act(request: HttpRequest, pk: uuid.UUID, do: Callable[[Lease, Actor], Any]) -> HttpResponse:
    """Do one thing and go back to the page; what no longer fits is said there, above how it stands now."""
    found = lease_visible_to(request.actor, pk)
    try:
        do(found, request.actor)
    except (Conflict, Refused) as error:
        messages.warning(request, str(error))
    return redirect("lease", pk)


def offered(offers: list[LeaseOffer]) -> list[dict[str, Any]]:
    """Each offer with how long it can be had, and whether somebody may have to decide first."""
    decided = scopes_decided(offers, clock.now())
    return [
        {
            "offer": offer,
            "longest": in_words(min(offer.longest_s, offer.connection.lender.longest_s) // 60),
            "is_decided": str(offer.scope.path) in decided,
        }
        for offer in offers
    ]


def options_of(offer: LeaseOffer) -> list[tuple[str, Any]]:
    """What was settled about an offer, in the words of its cloud."""
    parts = translated(offer.connection.lender.options).get("properties", {})
    return [(parts.get(name, {}).get("title") or name, value) for name, value in offer.options.items()]


def secret_of(found: Lease, actor: Actor) -> Given | None:
    """Its secret, this once; None where there is none for her any more."""
    try:
        return services.take_secret(found, actor=actor)
    except (Forbidden, NotFound):  # the lease she sees, what she might have read of it she lost meanwhile
        return None


def picture(actor: Actor, found: Lease) -> dict[str, Any]:
    """What changes while it moves."""
    is_hers = found.person_id == actor.user.pk
    approval = approval_of("lease", found.pk) if found.state == LeaseState.WAITING else None
    can_open = approval is not None and approvals_visible_to(actor).filter(pk=approval.pk).exists()
    return {
        "lease": found,
        "duration": in_words(found.duration_s // 60),
        "is_hers": is_hers,
        "approval": approval,
        "can_open": can_open,
        "deciders": waits_for(approval) if approval else [],
        "has_secret": has_secret(found, actor),
        "may_take": is_hers and found.state == LeaseState.READY and holds(actor, "take_lease", found.offer),
        "may_manage": holds(actor, "manage_connections", found),
        "way_out": WAYS_OUT.get(found.error_kind, "") if found.state == LeaseState.FAILED else "",
    }


def gone() -> str:
    return _("It was given out already, or waited for more than ten minutes. End this one and take another.")
