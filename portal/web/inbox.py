"""What waits for her decision, and the card she decides on."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from portal.access.guard import holds, permissions_of
from portal.approvals import parts, services
from portal.approvals.cards import Card, StageLine, card
from portal.approvals.filters import InboxFilter
from portal.approvals.forms import VoteForm
from portal.approvals.kinds import kinds
from portal.approvals.models import Approval, Risk, State
from portal.approvals.passing_on import seats_to_pass_on
from portal.approvals.queries import (
    approval_visible_to,
    comments_of,
    delegated_inbox_of,
    files_of,
    inbox_counts,
    overdue_for,
    own_inbox_of,
    questions_of,
    with_waits,
)
from portal.approvals.standing_in import speaks_of, windows_of
from portal.core import clock
from portal.core.errors import Conflict, Invalid, NotFound, Refused, Stale
from portal.metering.queries import budget_state
from portal.orders.queries import held_by, open_cost, order_visible_to
from portal.tenancy import asking
from portal.tenancy.quotas import room_in
from portal.users.actor import Actor
from portal.web import facts, nav, room
from portal.web.bars import Bar
from portal.web.deciding.forms import AgainForm, AnswerForm, AskForm, FileForm, PassForm, SayForm, SeveralForm
from portal.web.deciding.moments import story_of
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.policies.shown import card_parts
from portal.web.refusals import refuse

ROWS = 50
SAID = {
    "approve": gettext_lazy("You approved: %(title)s"),
    "deny": gettext_lazy("You denied: %(title)s"),
    "return": gettext_lazy("You returned: %(title)s"),
}
TAB_WORDS = {"mine": gettext_lazy("Mine"), "delegated": gettext_lazy("Delegated"), "overdue": gettext_lazy("Overdue")}

TABS: dict[str, Callable[[Actor], Any]] = {
    "mine": own_inbox_of,
    "delegated": delegated_inbox_of,
    "overdue": overdue_for,
}


@dataclass(frozen=True, slots=True)
class Pick:
    """One line of the list. `mark` stands for its card where several are decided; empty where it is decided alone."""

    approval: Approval
    cost: facts.Fact | None
    mark: str
    why_alone: str
    in_place_of: str
    is_late: bool


@login_required
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits for her, what is due first on top. For who decides somewhere, or stands in for who does."""
    require_inbox(request.actor)
    return render(request, "approvals/inbox.html", waiting(request))


def require_inbox(actor: Actor) -> None:
    """She decides somewhere, gives roles somewhere, or stands in; nobody else has an inbox."""
    if not has_inbox(actor):
        raise NotFound


def has_inbox(actor: Actor) -> bool:
    """Whether she has one."""
    return "vote" in permissions_of(actor) or bool(windows_of(actor))


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
    messages.info(request, SAID[sent["choice"]] % {"title": found.title})
    return redirect("approval", found.pk)


def show(
    request: HttpRequest,
    found: Approval,
    *,
    form: VoteForm | None = None,
    around: Mapping[str, forms.Form] = MappingProxyType({}),
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
        "can_prove": not found.is_open and holds(request.actor, "view_event", found) and not request.actor.viewed_as_by,
        "made": asking.projects_made([found]).get(found.subject_id) if is_hers else None,
        "form": form or VoteForm(),
        "title": title,
        "detail": detail,
        **around_of(request.actor, found, drawn, around),
    }
    return render(request, "approvals/inbox.html", context, status=status)


def around_of(actor: Actor, found: Approval, drawn: Card, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
    """What stands around a card: files, what was said and asked, what happened, and the forms that she may send."""
    has_part, is_hers = parts.has_part(found, actor), parts.is_asking(found, actor)
    questions = questions_of(found)
    mine = [each for each in questions if each.is_open and actor.person_id == each.asked_of.person_id]
    blank: dict[str, forms.Form] = {}
    if has_part:
        blank["say"] = SayForm()
        if found.is_open:
            blank["file"] = FileForm()
    if drawn.can_vote:
        blank["ask"] = AskForm(parts.asking_people(found))
    if mine and is_hers:
        blank["answer"] = AnswerForm()
    if found.state == State.RETURNED and actor.person_id == found.requester.person_id and is_hers:
        blank["again"] = AgainForm()
    seats = seat_choices(actor, found, drawn.stages)
    if seats:
        blank["pass_on"] = PassForm(seats)
    return {
        "files": list(files_of(found)),
        "comments": list(comments_of(found)),
        "questions": questions,
        "asked_of_her": mine,
        "open_questions": [each for each in questions if each.is_open],
        "story": story_of(found),
        "forms": {**blank, **sent},
        "sent": set(sent),
        "is_party": is_hers,
        "open_stages": [line for line in drawn.stages if line.people],
        "now": clock.now(),
    }


def seat_choices(actor: Actor, found: Approval, lines: Iterable[StageLine]) -> list[tuple[str, str]]:
    """The seats that she may pass on, each with its words."""
    seats = seats_to_pass_on(found, lines, actor)
    return [(f"{line.id}:{person.pk}", f"{person} ({line.text})") for line, person in seats]


def waiting(request: HttpRequest) -> dict[str, Any]:
    """The page of one part of her inbox, its lines, and how many are in each part."""
    actor = request.actor
    if not has_inbox(actor):
        return {"page": Paginator([], ROWS).get_page(1), "decides": False, "picks": []}
    tab = request.GET.get("tab", "mine")
    tab = tab if tab in TABS else "mine"
    chosen = InboxFilter(request.GET, with_waits(TABS[tab](actor)))
    page: Page[Approval] = Paginator(chosen.qs, ROWS).get_page(page_number(request))
    counts = inbox_counts(actor)
    kept = {name: value for name, value in request.GET.items() if name in chosen.filters and value}
    if tab != "mine":
        kept["tab"] = tab
    return {
        "page": page,
        "decides": True,
        "filter": chosen,
        "tab": tab,
        "tabs": [
            (name, label, counts[name]) for name, label in TAB_WORDS.items() if name == "mine" or counts[name] or name == tab
        ],
        "is_filtered": bool(set(kept) - {"tab"}),
        "kept": urlencode(kept),
        "picks": [pick_of(each, actor, tab) for each in page.object_list],
        "several": SeveralForm(auto_id="several-%s"),
        "marked": set(),
    }


def pick_of(each: Approval, actor: Actor, tab: str) -> Pick:
    """One line; in somebody's place only where it is clear in whose."""
    windows = [window for window in windows_of(actor) if speaks_of(window, each)] if tab == "delegated" else []
    alone = _("Of high risk: decided on its own page") if each.risk == Risk.HIGH else ""
    return Pick(
        approval=each,
        cost=facts.cost_of(each.facts),
        mark="" if alone or tab == "overdue" else f"{each.pk}:{each.card_hash}",
        why_alone=alone,
        in_place_of=str(windows[0].delegator) if len(windows) == 1 else "",
        is_late=bool(each.decision_due and each.decision_due <= clock.now()),
    )


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
    known = kinds().get(found.subject_kind)
    name, pk = known.about(found.subject_id) if known else (found.subject_kind, found.subject_id)
    place = next((place for place in nav.NAV if name in place.covers), None)
    if place is None or not pk or (place.permission and not holds(actor, place.permission, found)):
        return ""
    try:
        return reverse(name, args=[pk])
    except NoReverseMatch:
        return ""
