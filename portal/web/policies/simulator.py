"""The simulator: for something that was asked, or for facts, who would decide by the policies in force, and why."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from portal.access.guard import permissions_of
from portal.approvals.policies import queries
from portal.approvals.policies.forms import FactsForm
from portal.approvals.policies.simulating import approval_to_try, simulate_facts, simulate_past
from portal.core.errors import NotFound
from portal.web.policies import shown
from portal.web.policies.editor import is_id


class AboutForm(forms.Form):
    """Which kind of act, at or below which scope."""

    kind = forms.ChoiceField(label=_("Kind"))
    scope = forms.TypedChoiceField(label=_("At or below"))

    def __init__(self, places: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds: Any = self.fields["kind"]
        kinds.choices = queries.kinds_offered()
        field: Any = self.fields["scope"]
        field.choices, field.coerce = [(pk, place.name) for pk, place in places.items()], places.__getitem__


@login_required
def simulator(request: HttpRequest) -> HttpResponse:
    """A form by GET, so that what was tried can be sent to somebody as a link; nothing is written."""
    found = {str(place.pk): place for place in queries.places_for_policies(request.actor)}
    if "manage_policies" not in permissions_of(request.actor) or not found:
        raise NotFound
    asked = {"kind": request.GET.get("kind", "order"), "scope": request.GET.get("scope", next(iter(found)))}
    about = AboutForm(found, asked)
    if not about.is_valid():
        return render(request, "approvals/policy_simulator.html", {"about": about}, status=422)
    kind, scope = about.cleaned_data["kind"], about.cleaned_data["scope"]
    past = request.GET.get("past", "")
    approval = approval_to_try(request.actor, kind, past) if is_id(past) else None
    is_filled = "f-place" in request.GET
    facts = FactsForm(kind, scope, request.GET if is_filled else None, prefix="f")
    simulation = None
    if approval is not None:
        simulation = simulate_past(approval, None)
    elif is_filled and facts.is_valid():
        simulation = simulate_facts(kind, facts.place, facts.facts(), None, actor=request.actor)
    context = {
        "about": about,
        "facts": facts,
        "past": queries.past_visible_to(request.actor, kind, scope),
        "chosen": past,
        "asked": approval,
        "tried": shown.tried(simulation, kind) if simulation else None,
    }
    return render(request, "approvals/policy_simulator.html", context, status=422 if facts.errors else 200)
