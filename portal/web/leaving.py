"""Somebody leaves: what she has, who takes it over, and what became of it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import permissions_of
from portal.access.models import Scope
from portal.core.errors import Invalid, NotFound, PortalError
from portal.identity import leaving as services
from portal.identity import people
from portal.identity.forms import LeaveForm
from portal.identity.heirs import OWNER, Choice, Heirs
from portal.identity.plans import Holding, Move
from portal.users.models import User
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50
LISTED = 20
KIND, THING = "kind-", "thing-"


@dataclass(frozen=True, slots=True)
class Pick:
    """One thing that is listed, and who was chosen for it by itself."""

    move: Move
    field: str
    chosen: str


@dataclass(frozen=True, slots=True)
class Part:
    """What she has of one kind: its own choice, and the things listed: all of a few, else those that cannot go where they
    should.
    """

    holding: Holding
    field: str
    chosen: str
    picks: list[Pick]


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@privileged
def leave(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who takes over what: looked at as often as she likes, done when it is posted."""
    person = people.person_of(request.actor, pk)
    given = request.POST if request.method == "POST" else request.GET
    organization = people.organization_for(person, request.actor, organization_id(given))
    heirs = choice_of(given, services.planned_of(person, organization))
    if request.method == "GET":
        return show(request, person, organization, heirs, LeaveForm())
    form = LeaveForm(request.POST)
    if not form.is_valid():
        return show(request, person, organization, heirs, form, status=422)
    try:
        found = services.leave(person, organization, heirs, actor=request.actor, **form.cleaned_data)
    except PortalError as error:
        refuse(form, error)
        return show(request, person, organization, heirs, form, status=422)
    return redirect("leaving", found.pk)


@login_required
def leavings(request: HttpRequest) -> HttpResponse:
    """Who leaves, who left, and what is left without anybody; nothing is here for who manages no people."""
    if people.PERMISSION not in permissions_of(request.actor):
        raise NotFound
    page = Paginator(services.leavings_visible_to(request.actor), ROWS).get_page(page_number(request))
    context = {"page": page, "orphans": services.orphans(request.actor)[:ROWS]}
    return render(request, "identity/leavings.html", context)


@login_required
def leaving(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One leave: when, why, and each thing with who answers for it now."""
    found = services.leaving_of(request.actor, pk)
    page = Paginator(services.what_became_of(found), ROWS).get_page(page_number(request))
    return render(request, "identity/leaving.html", {"leaving": found, "page": page})


@login_required
@require_POST
@privileged
def call_off(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """She stays after all."""
    found = services.leaving_of(request.actor, pk)
    try:
        services.call_off(found, actor=request.actor)
    except PortalError as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, _("%(person)s stays.") % {"person": found.person})
    return redirect("leaving", pk)


def show(
    request: HttpRequest, person: User, organization: Scope, heirs: Choice, form: LeaveForm, *, status: int = 200
) -> HttpResponse:
    """The page with the plan as it would be carried out now."""
    plan = services.plan_leaving(person, organization, heirs, actor=request.actor)
    places = list({move.place.pk: move.place for move in plan.moves if move.place}.values()) or [organization]
    likely = {str(each.pk): each for each in Heirs(person, organization).likely(places)}
    for chosen in heirs.people() - set(likely):
        if somebody := people.people_managed_by(request.actor).filter(pk=chosen).first():
            likely[chosen] = somebody
    context = {
        "person": person,
        "organization": organization,
        "plan": plan,
        "parts": [part_of(holding, heirs) for holding in plan.holdings],
        "choices": [(OWNER, _("Who owns the place, else its admin")), *((key, str(each)) for key, each in likely.items())],
        "default": heirs.default,
        "form": form,
        "why_not": people.why_not(person, request.actor) if not plan.elsewhere else "",
        "planned": services.planned_of(person, organization),
    }
    return render(request, "identity/leave.html", context, status=status)


def part_of(holding: Holding, heirs: Choice) -> Part:
    listed = holding.moves if holding.count <= LISTED else [move for move in holding.moves if move.why][:ROWS]
    picks = [Pick(move, f"{THING}{move.key}", heirs.things.get(move.key, "")) for move in listed]
    return Part(holding, f"{KIND}{holding.name}", heirs.kinds.get(holding.name, ""), picks)


def choice_of(given: Any, planned: Any) -> Choice:
    """What was chosen: in the form, else in the leave that is planned, else nothing."""
    if "default" not in given:
        return Choice.read(planned.heirs) if planned else Choice()
    try:
        return Choice.read({"default": given["default"], "kinds": chosen_in(given, KIND), "things": chosen_in(given, THING)})
    except Invalid:
        return Choice()


def chosen_in(given: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """The choices whose fields begin so, by what follows."""
    return {name.removeprefix(prefix): str(given[name]) for name in given if name.startswith(prefix) and given[name]}


def organization_id(given: Any) -> str:
    """The organization that is named; what is no id names none."""
    try:
        return str(uuid.UUID(given.get("organization", "")))
    except ValueError:
        return ""
