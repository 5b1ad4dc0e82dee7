"""What waits for her decision, and the card she decides on."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.access.guard import holds, permissions_of
from portal.approvals import services
from portal.approvals.cards import Card, card
from portal.approvals.forms import VoteForm
from portal.approvals.models import Approval
from portal.approvals.queries import approval_visible_to, inbox_of
from portal.core.errors import Conflict, Invalid, NotFound, Refused, Stale
from portal.metering.queries import budget_state
from portal.orders.queries import held_by, open_cost, order_visible_to
from portal.tenancy import asking
from portal.tenancy.quotas import room_in
from portal.users.actor import Actor
from portal.web import facts, nav, room
from portal.web.bars import Bar
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.policies.shown import card_parts
from portal.web.refusals import refuse

ROWS = 50


@dataclass(frozen=True, slots=True)
class Pick:
    """One line of the list."""

    approval: Approval
    cost: facts.Fact | None


@login_required
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits for her, what is due first on top. For who decides somewhere."""
    if "vote" not in permissions_of(request.actor):
        raise NotFound
    return render(request, "approvals/inbox.html", waiting(request))


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def approval(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One card; posted, her vote on it."""
    found = approval_visible_to(request.actor, pk)
    if request.method == "POST":
        return cast_vote(request, found)
    return show(request, found)


def cast_vote(request: HttpRequest, found: Approval) -> HttpResponse:
    """Her vote. Where the facts moved meanwhile she sees what differs, and the card that holds now."""
    form = VoteForm(request.POST)
    if not form.is_valid():
        if "note" in form.errors:
            return show(request, found, form=form, status=422)
        raise Invalid(_("This is no vote on this card."), fields=dict(form.errors))
    sent = form.cleaned_data
    try:
        services.vote(found, sent["choice"], sent["card_hash"], actor=request.actor, note=sent["note"])
    except Invalid as error:
        refuse(form, error)
        return show(request, found, form=form, status=422)
    except Stale as error:
        moved = [(each["name"], each["before"], each["after"]) for each in error.extra["changes"]]
        return show(request, found, form=form, moved=moved, title=str(error.title), detail=str(error), status=409)
    except (Conflict, Refused) as error:
        again = approval_visible_to(request.actor, found.pk)
        return show(request, again, form=form, title=str(error.title), detail=str(error), status=error.status)
    said = _("You approved: %(title)s") if sent["choice"] == "approve" else _("You denied: %(title)s")
    messages.info(request, said % {"title": found.title})
    return redirect("approval", found.pk)


def show(
    request: HttpRequest,
    found: Approval,
    *,
    form: VoteForm | None = None,
    moved: Iterable[tuple[str, Any, Any]] = (),
    title: str = "",
    detail: str = "",
    status: int = 200,
) -> HttpResponse:
    """The list with one card open; `moved` is what changed since the card she voted on."""
    drawn = card(found, actor=request.actor)
    is_hers = asking.is_asked_by(found, request.actor)
    changed = [(change.name, change.before, change.after) for change in drawn.changed]
    context = {
        **waiting(request),
        "approval": found,
        "card": drawn,
        "facts": facts.lines(drawn.facts),
        "cost": facts.cost_of(drawn.facts),
        "parts": card_parts(found),
        "bars": room_of(request.actor, found, drawn),
        "items": facts.items(drawn.facts),
        "changed": facts.shifts(changed, drawn.facts),
        "moved": facts.shifts(moved, drawn.facts),
        "subject_url": subject_url(request.actor, found),
        "is_hers": is_hers,
        "made": asking.projects_made([found]).get(found.subject_id) if is_hers else None,
        "form": form or VoteForm(),
        "title": title,
        "detail": detail,
    }
    return render(request, "approvals/inbox.html", context, status=status)


def waiting(request: HttpRequest) -> dict[str, Any]:
    """The page of her inbox and its lines."""
    page: Page[Approval] = Paginator(inbox_of(request.actor), ROWS).get_page(page_number(request))
    decides = "vote" in permissions_of(request.actor)
    return {"page": page, "decides": decides, "picks": [Pick(each, facts.cost_of(each.facts)) for each in page.object_list]}


def room_of(actor: Actor, found: Approval, drawn: Card) -> list[Bar]:
    """Budget and quota with what an order adds, while it waits; the budget where she may see cost.

    The bars are those of the order form: all that is open counts, and what this holds is its own share.
    """
    if found.subject_kind != "order" or not found.is_waiting:
        return []
    order = order_visible_to(actor, found.subject_id)
    cost, bars = facts.cost_of(drawn.facts), []
    if cost and cost.amount and holds(actor, "view_cost", found):
        others = partial(open_cost, but=order)
        bars = room.budget_bars(budget_state(found.scope, extra_per_month=cost.amount, open_below=others), cost.amount)
    taken = held_by(order)
    rooms = [(each, taken[each.dimension]) for each in room_in(found.scope) if each.dimension in taken]
    return bars + room.quota_bars([(replace(each, used=each.used - mine), mine) for each, mine in rooms])


def subject_url(actor: Actor, found: Approval) -> str:
    """The page of what is decided on, where there is one that she may open."""
    place = next((place for place in nav.NAV if found.subject_kind in place.covers), None)
    if place is None or (place.permission and not holds(actor, place.permission, found)):
        return ""
    try:
        return reverse(found.subject_kind, args=[found.subject_id])
    except NoReverseMatch:
        return ""
