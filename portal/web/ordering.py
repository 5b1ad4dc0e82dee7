"""One service and its order form: drawn from its schema, with price, room and who decides beside it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.catalogue.models import Offering, OfferingVersion, Plan
from portal.catalogue.queries import current_version, offering_visible_to
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Refused
from portal.core.models import new_id
from portal.orders.forms import PREFIX
from portal.orders.models import Order, OrderDraft, OrderItem
from portal.orders.previews import OrderPreview, preview_order, room_but
from portal.orders.queries import item_visible_to, items_of
from portal.orders.saving import delete_draft, draft_for, save_draft
from portal.orders.services import place_order
from portal.pricing.quotes import NoPrice, Quote, quotes_from
from portal.users.actor import Actor
from portal.web.bars import Bar
from portal.web.catalogue import icon_of
from portal.web.ordersheet import Sheet, sheet_for
from portal.web.placing.again import answers_of, misfits_of
from portal.web.placing.errand import Errand, new_order
from portal.web.room import budget_bars, quota_bars, shortage, way_to_ask
from portal.web.shell import shell_of

HEAD = ("project", "beneficiary", "connection", "plan", "note")
PARTS = {"quote": "catalogue/offering.html#quote", "order-form": "catalogue/offering.html#form"}


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One plan to choose: what it costs at least, and why it does not fit where it does not."""

    plan: Plan
    least: Quote | None
    shortage: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Price:
    """What the answers so far come to, or why that cannot be said."""

    preview: OrderPreview | None = None
    problem: str = ""
    bars: list[Bar] = field(default_factory=list)


@login_required
@require_safe
def offering(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One service with its form; to htmx the form, or the price beside it, at the answers in the query."""
    found = offering_visible_to(request.actor, pk)
    version = current_version(found)
    if version and (again := request.GET.get("again")):
        return order_again(request, found, version, item_visible_to(request.actor, id_in(again)))
    draft = draft_in(request)
    data = draft.answers if draft and "plan" not in request.GET else request.GET
    return show(request, found, version, sheet_at(request, found, version, data), new_order(found, draft=draft))


def draft_in(request: HttpRequest) -> OrderDraft | None:
    """The draft of hers that the form goes on with; NotFound where it is another's, or deleted."""
    sent = request.POST if request.method == "POST" else request.GET
    return draft_for(request.actor, id_in(sent["draft"])) if sent.get("draft") else None


def save(request: HttpRequest, found: Offering, version: OfferingVersion | None) -> HttpResponse:
    """The form again, as a draft that was saved; where it cannot be, that is said, and what was typed stays."""
    draft = draft_in(request)
    try:
        draft = save_draft(found, typed_in(request.POST), actor=request.actor, draft=draft)
    except (Invalid, Refused) as refusal:
        sheet = sheet_at(request, found, version, request.POST)
        return show(request, found, version, sheet, new_order(found, draft=draft), refusal=refusal, status=refusal.status)
    messages.success(request, _("Saved as a draft. Nothing is ordered or held."))
    return redirect(f"{reverse('offering', args=[found.pk])}?draft={draft.pk}")


def typed_in(data: QueryDict) -> dict[str, str]:
    """The answers on a form, without its token, its key and its buttons."""
    return {name: str(value) for name, value in data.items() if name in HEAD or name.startswith(f"{PREFIX}-")}


def order_again(request: HttpRequest, found: Offering, version: OfferingVersion, item: OrderItem) -> HttpResponse:
    """The form filled with what was ordered before; what of it no longer fits is said above."""
    sheet = sheet_at(request, found, version, answers_of(item, version))
    errand = new_order(found, misfits=misfits_of(item, sheet) if sheet else [])
    return show(request, found, version, sheet, errand)


@login_required
@require_http_methods(["GET", "POST"])
def order_new(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Place the order; what is refused is said at its field or beside the bars, and what was typed stays."""
    if request.method == "GET":
        return redirect("offering", pk)
    found = offering_visible_to(request.actor, pk)
    version = current_version(found)
    if "save" in request.POST:
        return save(request, found, version)
    errand = new_order(found, draft=draft_in(request))
    if "redraw" in request.POST:
        return show(request, found, version, sheet_at(request, found, version, request.POST), errand)
    sheet = sheet_at(request, found, version, request.POST, bound=True)
    if sheet is None:
        raise (
            Forbidden(_("You may order this in no project.")) if found.is_orderable else Conflict(_("It is not offered now."))
        )
    return place(request, found, sheet, errand)


def place(request: HttpRequest, found: Offering, sheet: Sheet, errand: Errand) -> HttpResponse:
    """The order's page, and its draft is done; or the form again with what is wrong."""
    if not sheet.is_valid():
        return show(request, found, sheet.version, sheet, errand, status=422)
    given = sheet.head.cleaned_data
    words = {"key": given["key"], "note": given["note"], "beneficiary": sheet.beneficiary}
    try:
        order = place_order(sheet.project, [sheet.draft()], actor=request.actor, **words)
    except Invalid as error:
        sheet.blame(error.extra.get("fields") or {"": [str(error)]})
        return show(request, found, sheet.version, sheet, errand, status=422)
    except (Refused, Conflict) as refusal:
        return show(request, found, sheet.version, sheet, errand, refusal=refusal, status=refusal.status)
    if is_of(order, sheet):
        if errand.draft:
            delete_draft(errand.draft, actor=request.actor)
        return redirect("order", order.pk)
    data = request.POST.copy()
    data["key"] = new_id().hex
    fresh = sheet_at(request, found, sheet.version, data, bound=True)
    said = Conflict(_("This form placed order %(number)s before. Place it again for one more.") % {"number": order.number})
    return show(request, found, sheet.version, fresh, errand, refusal=said, earlier=order, status=409)


def is_of(order: Order, sheet: Sheet) -> bool:
    """Whether the order that came back is the one on this form, and not an earlier one that the form placed."""
    item, draft = items_of(order)[0], sheet.draft()
    answers = (draft.answers or {}).items()
    whose = (sheet.beneficiary.pk if sheet.beneficiary else None, sheet.project.pk)
    same = (order.beneficiary_id, order.project_id) == whose and item.plan_id == draft.plan_id
    return same and item.connection_id == draft.connection_id and all(item.spec.get(name) == each for name, each in answers)


def sheet_at(
    request: HttpRequest, found: Offering, version: OfferingVersion | None, data: Mapping[str, Any], *, bound: bool = False
) -> Sheet | None:
    """The form at these answers; None where it is not offered, or she may order it nowhere."""
    if version is None or not found.is_orderable:
        return None
    here = shell_of(request).scope
    return sheet_for(request.actor, version, data, here=here.path if here else "", bound=bound)


def show(
    request: HttpRequest,
    found: Offering,
    version: OfferingVersion | None,
    sheet: Sheet | None,
    errand: Errand | None = None,
    *,
    refusal: PortalError | None = None,
    earlier: Order | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page, or the part of it that htmx swaps."""
    errand = errand or new_order(found)
    context = {
        "offering": found,
        "version": version,
        "icon_name": icon_of(found),
        "sheet": sheet,
        "errand": errand,
        "plans": plan_rows(version, sheet, errand.item),
        "price": price_of(sheet, request.actor, errand.item) if sheet else Price(),
        "refusal": refusal,
        "more": way_to_ask(refusal),
        "earlier": earlier,
    }
    part = PARTS.get(request.htmx.target or "", "") if sheet and status == 200 else ""
    return render(request, part or "catalogue/offering.html", context, status=status)


def plan_rows(version: OfferingVersion | None, sheet: Sheet | None, instead_of: OrderItem | None = None) -> list[PlanRow]:
    """Every plan with its price, and whether the quota of the project has room for it."""
    if version is None:
        return []
    costs = quotes_from([version], organization_id=version.offering.scope_id, at=clock.now())
    rooms = room_but(sheet.project, instead_of) if sheet else []
    now = sheet.plan.pk if sheet else None
    return [PlanRow(plan, costs[plan.pk], shortage(plan, rooms), plan.pk == now) for plan in version.plans.all()]


def price_of(sheet: Sheet, actor: Actor, instead_of: OrderItem | None = None) -> Price:
    """The quote of the answers so far with the room around it, `instead_of` an item of an order that waits."""
    if sheet.connection is None:
        return Price(problem=_("No cloud for this is connected for %(project)s.") % {"project": sheet.project})
    if sheet.against:
        return Price(problem=sheet.against)
    if sheet.wrong:
        return Price(problem=_("Another value is needed for: %(fields)s.") % {"fields": ", ".join(sheet.wrong)})
    try:
        seen = preview_order(
            sheet.project,
            sheet.plan,
            sheet.spec,
            sheet.connection,
            sheet.region,
            actor=actor,
            beneficiary=sheet.beneficiary,
            instead_of=instead_of,
        )
    except NoPrice as refusal:
        return Price(problem=str(refusal))
    except Invalid:
        return Price(problem=_("The price stands here once the sizes are filled in."))
    return Price(preview=seen, bars=[*budget_bars(seen.budget, seen.cost), *quota_bars(seen.rooms)])


def id_in(text: str) -> uuid.UUID:
    """The id that an address carries; what is none is not there."""
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NotFound from error
