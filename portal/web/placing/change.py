"""Change an order that waits, or send again one that came back: the order form, filled with what it asks for now."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import require
from portal.catalogue.models import OfferingVersion
from portal.catalogue.queries import current_version
from portal.core.errors import Conflict, Invalid, NotFound, Refused
from portal.orders.amending import amend_order, draft_of, resubmit_order, why_not_amend
from portal.orders.forms import LONGEST_NOTE, AmendForm
from portal.orders.models import Action, Order, OrderItem
from portal.orders.queries import items_of, order_visible_to
from portal.orders.services import is_returned
from portal.users.actor import Actor
from portal.web.ordering import id_in, show
from portal.web.ordersheet import Sheet, sheet_for
from portal.web.placing.again import answers_of, misfits_of
from portal.web.placing.errand import Errand


@login_required
@require_http_methods(["GET", "POST"])
def amend(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The form of one item of it; sent, the change. Decided meanwhile, its page says so."""
    order = order_visible_to(request.actor, pk)
    require(request.actor, "place_order", order)
    try:
        item = item_in(order, request)
        version = version_for(order, item, request.actor)
    except Conflict as conflict:
        messages.warning(request, str(conflict))
        return redirect("order", pk)
    sent = request.method == "POST"
    again = sent or "plan" in request.GET
    data = (request.POST if sent else request.GET) if again else {**answers_of(item, version, named=True), "note": order.note}
    bound = sent and "redraw" not in request.POST
    sheet = sheet_for(request.actor, version, data, bound=bound, only=order.project)
    if sheet is None:
        raise NotFound
    errand = errand_of(item, sheet, data, bound=bound, first=not again)
    if bound:
        return send(request, item, sheet, errand)
    return show(request, version.offering, version, sheet, errand)


@login_required
@require_POST
def resubmit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send it again as it is, with a word to who decides."""
    said = request.POST.get("said", "").replace("\x00", "").strip()[:LONGEST_NOTE]
    try:
        resubmit_order(order_visible_to(request.actor, pk), actor=request.actor, said=said)
    except (Conflict, Refused) as refusal:
        messages.warning(request, str(refusal))
    return redirect("order", pk)


def send(request: HttpRequest, item: OrderItem, sheet: Sheet, errand: Errand) -> HttpResponse:
    """The order's page, or the form again with what is wrong."""
    offering, form = sheet.version.offering, errand.amend
    if form is None or not all([sheet.is_valid(), form.is_valid()]):
        return show(request, offering, sheet.version, sheet, errand, status=422)
    drafts = [sheet.draft() if each == item else draft_of(each) for each in items_of(item.order)]
    words = {"note": sheet.head.cleaned_data["note"], "said": form.cleaned_data["said"]}
    try:
        amend_order(item.order, drafts, actor=request.actor, **words)
    except Invalid as error:
        sheet.blame(error.extra.get("fields") or {"": [str(error)]})
        return show(request, offering, sheet.version, sheet, errand, status=422)
    except (Refused, Conflict) as refusal:
        return show(request, offering, sheet.version, sheet, errand, refusal=refusal, status=refusal.status)
    return redirect("order", item.order_id)


def item_in(order: Order, request: HttpRequest) -> OrderItem:
    """The line to change: the one that is asked for, else the first that makes something."""
    asked = request.GET.get("item", "")
    made = [each for each in items_of(order) if each.action == Action.CREATE]
    found = next((each for each in made if not asked or each.pk == id_in(asked)), None)
    if found is None and made:
        raise NotFound
    if found is None:
        raise Conflict(_("An end cannot be ordered otherwise. Withdraw it instead."))
    found.order = order
    return found


def version_for(order: Order, item: OrderItem, actor: Actor) -> OfferingVersion:
    """The version that the form is of; Conflict where there is no more to change."""
    if said := why_not_amend(order, actor):
        raise Conflict(said)
    offering = item.plan.version.offering
    version = current_version(offering)
    if version is None or not offering.is_orderable:
        raise Conflict(_("It is not offered now. Withdraw the order, or leave it as it is."))
    return version


def errand_of(item: OrderItem, sheet: Sheet, data: Mapping[str, Any], *, bound: bool, first: bool) -> Errand:
    """What the form is for; what does not fit is said as it is opened."""
    url = f"{reverse('order-amend', args=[item.order_id])}?item={item.pk}"
    form = AmendForm(data) if bound else AmendForm(initial={"said": data.get("said", "")})
    act = _("Change and send again") if is_returned(item.order) else _("Change this order")
    return Errand(url, url, act, misfits_of(item, sheet) if first else [], item=item, amend=form)
