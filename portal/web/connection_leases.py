"""What a connection lends: what there is to lend, what is offered to whom, and who holds what now."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import require
from portal.clouds.models import Connection
from portal.clouds.queries import connection_visible_to
from portal.core.errors import Conflict, NotFound, PortalError
from portal.leases import offers as services
from portal.leases import services as leases
from portal.leases.forms import OfferForm, options_form
from portal.leases.queries import leases_on, lender_of, offers_on
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse_sheets

ROWS = 50


@login_required
@never_cache
def connection_leases(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who holds what of it now, or opens it still."""
    found = managed(request, pk)
    page = Paginator(leases_on(found, request.actor), ROWS).get_page(page_number(request))
    return render(request, "leases/held.html", {"connection": found, "page": page})


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@privileged
def offers(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What is offered of it, and what there is to offer; posted, one more offer."""
    found, data = managed(request, pk), request.POST or None
    lender = lender_of(found)
    lends = lender is not None and bool(lender.lends) and found.is_usable
    form = OfferForm(found, lender, request.actor, data) if lender and lends else None
    options = options_form(lender, data) if lender and lends else None
    status = 200
    if request.method == "POST":
        status = 422
        if form is not None and options is not None and form.is_valid() & options.is_valid():
            given = form.cleaned_data
            try:
                services.offer_lease(
                    found, given.pop("scope"), given.pop("name"), options=options.spec(), actor=request.actor, **given
                )
            except PortalError as error:
                refuse_sheets(form, {"options": options}, error)
            else:
                messages.success(request, _("It is offered."))
                return redirect("connection-leases-offers", pk)
    context = {
        "connection": found,
        "lender": lender,
        "lends": lends,
        "form": form,
        "options": options,
        "problems": [one for one in lender.targets if one["problem"]] if lender and lends else [],
        "page": Paginator(offers_on(found, request.actor), ROWS).get_page(page_number(request)),
    }
    return render(request, "leases/offers.html", context, status=status)


@login_required
@require_POST
def read(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Have what there is to lend read again."""
    found = managed(request, pk)
    try:
        services.read_lender(found, actor=request.actor)
    except Conflict as error:
        messages.warning(request, str(error))
    else:
        messages.info(request, _("A worker reads it now. Load this page again in a moment."))
    return redirect("connection-leases-offers", pk)


@login_required
@require_POST
@privileged
def end_all(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End everything that is held of it."""
    ended = leases.end_leases_of(managed(request, pk), actor=request.actor)
    said = ngettext("%(count)s lease ends now.", "%(count)s leases end now.", ended) % {"count": ended}
    messages.success(request, said)
    return redirect("connection-leases", pk)


@login_required
@require_POST
@privileged
def withdraw(request: HttpRequest, pk: uuid.UUID, offer_pk: uuid.UUID) -> HttpResponse:
    """Offer one no more; what is held of it ends."""
    offer = offers_on(managed(request, pk), request.actor).filter(pk=offer_pk).first()
    if offer is None:
        raise NotFound
    services.withdraw_offer(offer, actor=request.actor)
    messages.success(request, _("%(name)s is not offered any more; what was held of it ends.") % {"name": offer.name})
    return redirect("connection-leases-offers", pk)


def managed(request: HttpRequest, pk: uuid.UUID) -> Connection:
    """One connection that she manages."""
    found = connection_visible_to(request.actor, pk)
    require(request.actor, "manage_connections", found)
    return found
