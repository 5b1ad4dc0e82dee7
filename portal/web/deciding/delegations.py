"""Who decides in whose place: what she gave, what she was given, and a new window."""

import uuid
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.access.models import Scope
from portal.approvals import delegations as services
from portal.approvals.kinds import kinds
from portal.approvals.models import Delegation
from portal.approvals.queries import delegation_of, delegations_of, organizations_to_delegate_in
from portal.core import clock
from portal.core.errors import PortalError
from portal.tenancy.forms import FromField, PersonField, UntilField
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50


class DelegationForm(forms.Form):
    """A new window; `organization` is asked for where there are several."""

    organization = forms.ChoiceField(label=gettext_lazy("In"))
    delegate = PersonField(label=gettext_lazy("Who decides in your place"))
    starts = FromField(required=False, help_text=gettext_lazy("Empty: at once."))
    ends = UntilField(label=gettext_lazy("Until and with"), help_text=gettext_lazy("At most 90 days."))
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Only these"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None marked: whatever waits for you."),
    )
    most_per_month = forms.DecimalField(
        label=gettext_lazy("Up to, a month"), required=False, min_value=0, max_digits=19, decimal_places=4
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, organizations: list[Scope], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organizations = {str(each.pk): each for each in organizations}
        fields: Any = self.fields
        fields["kinds"].choices = sorted(((name, kind.label) for name, kind in kinds().items()), key=lambda one: str(one[1]))
        if len(organizations) == 1:
            del fields["organization"]
            fields["most_per_month"].help_text = _(
                "In %(currency)s. What has no cost that can be compared is left out then."
            ) % {"currency": organizations[0].currency}
        else:
            fields["organization"].choices = [(key, each.name) for key, each in self.organizations.items()]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        key = given.get("organization") or next(iter(self.organizations), "")
        given["organization"] = self.organizations.get(key)
        return given


@dataclass(frozen=True, slots=True)
class Line:
    """One window as she reads it: who is at its other end, and what it is about in words."""

    window: Delegation
    other: Any
    about: str


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def delegations(request: HttpRequest) -> HttpResponse:
    """What is delegated now, what was, and the form; posted, a new window."""
    organizations = organizations_to_delegate_in(request.actor)
    if request.method == "GET" or not organizations:
        return show(request, DelegationForm(organizations) if organizations else None)
    form = DelegationForm(organizations, request.POST)
    if form.is_valid():
        given = dict(form.cleaned_data)
        try:
            made = services.delegate(given.pop("organization"), given.pop("delegate"), actor=request.actor, **given)
        except PortalError as error:
            refuse(form, error)
        else:
            messages.success(request, _("%(person)s decides in your place until then.") % {"person": made.delegate})
            return redirect("delegations")
    return show(request, form, status=422)


@login_required
@require_safe
def delegation(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One window, on top of the others."""
    found = delegation_of(request.actor, pk)
    organizations = organizations_to_delegate_in(request.actor)
    return show(request, DelegationForm(organizations) if organizations else None, chosen=found)


@login_required
@require_POST
@privileged
def end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End it now, or give it back."""
    found = delegation_of(request.actor, pk)
    services.end_delegation(found, actor=request.actor)
    is_hers = found.delegator_id == request.actor.user.pk
    said = _("You decide yourself again. What was decided meanwhile stays.") if is_hers else _("You gave it back.")
    messages.success(request, said)
    return redirect("delegations")


def show(
    request: HttpRequest, form: DelegationForm | None, *, chosen: Delegation | None = None, status: int = 200
) -> HttpResponse:
    """The page: windows that are open or to come by whose they are, those that are over below."""
    rows, at = delegations_of(request.actor), clock.now()
    living = list(rows.filter(ended_at=None, ends__gt=at)[:ROWS])
    page = Paginator(rows.exclude(ended_at=None, ends__gt=at), ROWS).get_page(page_number(request))
    me = request.actor.user.pk
    context = {
        "form": form,
        "chosen": chosen,
        "on_top": line_of(chosen, me) if chosen else None,
        "given": [line_of(row, me) for row in living if row.delegator_id == me],
        "received": [line_of(row, me) for row in living if row.delegate_id == me],
        "page": page,
        "over": [line_of(row, me) for row in page],
        "at": at,
    }
    return render(request, "approvals/delegations.html", context, status=status)


def line_of(window: Delegation, me: Any) -> Line:
    """The window with what it is about in words."""
    words = {name: str(kind.label) for name, kind in kinds().items()}
    about = ", ".join(words.get(name, name) for name in window.kinds) or _("whatever waits")
    return Line(window, window.delegate if window.delegator_id == me else window.delegator, about)
