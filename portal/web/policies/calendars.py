"""Calendars: the working hours in which decisions are due, and which place works by which."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import holds, permissions_of
from portal.access.models import Scope
from portal.approvals.calendars import (
    MOST_HOLIDAYS,
    USUAL,
    calendar_visible_to,
    calendars_visible_to,
    choose_calendar,
    set_calendar,
)
from portal.approvals.hours import Hours
from portal.approvals.models import Calendar
from portal.approvals.policies.queries import MOST_PLACES, places_for_policies
from portal.core.errors import NotFound, PortalError
from portal.users.actor import Actor
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50
TIME = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


@dataclass(slots=True)
class Line:
    """One calendar as she reads it: its days in words, and which of the places whose policies she manages chose it."""

    calendar: Calendar
    days: str
    chosen_by: list[Scope] = field(default_factory=list)


class CalendarForm(forms.Form):
    """A working week. Of a new one it is asked whose it is, where there are several, and whether it is the usual one."""

    organization = forms.ChoiceField(label=gettext_lazy("Organization"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    days = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Working days"), coerce=int, choices=list(WEEKDAYS.items()), widget=forms.CheckboxSelectMultiple
    )
    begins = forms.TimeField(label=gettext_lazy("Begins"), widget=TIME)
    ends = forms.TimeField(
        label=gettext_lazy("Ends"), widget=TIME, help_text=gettext_lazy("In the time zone of each place that works by it.")
    )
    holidays = forms.CharField(
        label=gettext_lazy("Days off"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off"}),
    )
    usual = forms.BooleanField(
        label=gettext_lazy("It is the usual one"),
        required=False,
        help_text=gettext_lazy("It holds wherever no other was chosen, in place of Monday to Friday, 9 to 17."),
    )

    def __init__(self, organizations: Iterable[Scope], *args: Any, is_new: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organizations = {str(each.pk): each for each in organizations}
        fields: Any = self.fields
        fields["holidays"].help_text = _("One date a line, as 2026-12-25. At most %(most)s.") % {"most": MOST_HOLIDAYS}
        if len(self.organizations) == 1:
            del fields["organization"]
        else:
            fields["organization"].choices = [(key, each.name) for key, each in self.organizations.items()]
        if not is_new:
            del fields["usual"]

    def clean_holidays(self) -> list[date]:
        found = []
        for number, line in enumerate(self.cleaned_data["holidays"].splitlines(), 1):
            if line.strip():
                try:
                    found.append(date.fromisoformat(line.strip()))
                except ValueError as error:
                    said = _("Line %(number)s is no date: %(text)s. Write it as 2026-12-25.")
                    raise forms.ValidationError(said % {"number": number, "text": line.strip()[:40]}) from error
        return found

    def set(self, *, actor: Actor, key: str = "") -> Calendar:
        """Make it, or change the one of that key."""
        given = dict(self.cleaned_data)
        chosen = given.pop("organization", "") or next(iter(self.organizations))
        return set_calendar(self.organizations[chosen], given.pop("name"), key=key, actor=actor, **given)


class ChooseForm(forms.Form):
    """Which place works by which calendar."""

    scope = forms.ChoiceField(label=gettext_lazy("Place"), help_text=gettext_lazy("And all below it that chose no other."))
    calendar = forms.ChoiceField(label=gettext_lazy("Works by"))

    use_required_attribute = False

    def __init__(self, places: Iterable[Scope], calendars: Iterable[Calendar], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ordered = sorted(places, key=lambda one: str(one.path))
        self.places = {str(each.pk): each for each in ordered}
        names: dict[str, str] = {USUAL: _("what is chosen above, else the usual one")}
        for each in calendars:
            names.setdefault(each.key, each.name)
        fields: Any = self.fields
        fields["scope"].choices = [(key, f"{'· ' * str(one.path).count('.')}{one.name}") for key, one in self.places.items()]
        fields["calendar"].choices = list(names.items())


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def calendars(request: HttpRequest) -> HttpResponse:
    """The calendars, the form of a new one, and what each place works by; posted, a new calendar."""
    places = places_of(request.actor)
    organizations = [each for each in places if each.parent_id is None]
    if request.method == "GET" or not organizations:
        return show(request, places, new=new_form(organizations))
    form = CalendarForm(organizations, request.POST)
    if form.is_valid():
        try:
            made = form.set(actor=request.actor)
        except PortalError as error:
            if error.status in (403, 404):
                raise
            refuse(form, error)
        else:
            said = _("%(name)s holds wherever no other is chosen.") if made.key == USUAL else _("%(name)s can be chosen now.")
            messages.success(request, said % {"name": made.name})
            return redirect("calendars")
    return show(request, places, new=form, status=422)


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def calendar(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One calendar; posted, changed."""
    found = calendar_visible_to(request.actor, pk)
    may_change = holds(request.actor, "manage_policies", found) and not request.actor.viewed_as_by
    if request.method == "GET":
        return show_one(request, found, form_of(found) if may_change else None)
    form = CalendarForm([found.scope], request.POST, is_new=False)
    if form.is_valid():
        try:
            form.set(actor=request.actor, key=found.key)
        except PortalError as error:
            if error.status in (403, 404):
                raise
            refuse(form, error)
        else:
            messages.success(request, _("Changed. What is due already stays due when it was."))
            return redirect("calendars")
    return show_one(request, found, form, status=422)


@login_required
@require_POST
@privileged
def choose(request: HttpRequest) -> HttpResponse:
    """Let a place and what lies below it work by a calendar."""
    places = places_of(request.actor)
    form = ChooseForm(places, calendars_visible_to(request.actor)[:MOST_PLACES], request.POST)
    if form.is_valid():
        place = form.places[form.cleaned_data["scope"]]
        try:
            choose_calendar(place, form.cleaned_data["calendar"], actor=request.actor)
        except PortalError as error:
            if error.status in (403, 404):
                raise
            refuse(form, error)
        else:
            messages.success(request, _("What is asked in %(place)s from now on is due by it.") % {"place": place.name})
            return redirect("calendars")
    organizations = [each for each in places if each.parent_id is None]
    return show(request, places, new=new_form(organizations), chosen=form, status=422)


def places_of(actor: Actor) -> list[Scope]:
    """The places whose policies she manages, as many as can be chosen from; NotFound where she manages none."""
    if "manage_policies" not in permissions_of(actor):
        raise NotFound
    return list(places_for_policies(actor)[:MOST_PLACES])


def show(
    request: HttpRequest,
    places: list[Scope],
    *,
    new: CalendarForm | None,
    chosen: ChooseForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of all of them."""
    rows = list(calendars_visible_to(request.actor)[:MOST_PLACES])
    page = Paginator(rows, ROWS).get_page(page_number(request))
    without = {str(each.path).split(".")[0] for each in places} - {str(each.scope.path) for each in rows if each.key == USUAL}
    context = {
        "page": page,
        "lines": lines_of(page.object_list, places),
        "has_usual": page.number > 1 or not without,
        "new": new,
        "choose": chosen or (ChooseForm(places, rows) if places else None),
    }
    return render(request, "approvals/calendars.html", context, status=status)


def show_one(request: HttpRequest, found: Calendar, form: CalendarForm | None, *, status: int = 200) -> HttpResponse:
    """The page of one; without a form where it is only hers to choose."""
    context = {"calendar": found, "days": days_in_words(found.days), "form": form, "is_usual": found.key == USUAL}
    return render(request, "approvals/calendar.html", context, status=status)


def new_form(organizations: list[Scope]) -> CalendarForm | None:
    """A form that begins with the usual week; None for who manages the policies of no organization."""
    week = Hours()
    given = {"days": sorted(week.days), "begins": week.begins, "ends": week.ends}
    return CalendarForm(organizations, initial=given) if organizations else None


def form_of(found: Calendar) -> CalendarForm:
    """The form of a calendar as it is."""
    given = {name: getattr(found, name) for name in ("name", "days", "begins", "ends")}
    return CalendarForm([found.scope], initial={**given, "holidays": "\n".join(map(str, found.holidays))}, is_new=False)


def lines_of(rows: Iterable[Calendar], places: Iterable[Scope]) -> list[Line]:
    """Each with the places that chose it themselves."""
    lines = [Line(each, days_in_words(each.days)) for each in rows]
    for line in lines:
        root = str(line.calendar.scope.path)
        if line.calendar.key != USUAL:
            line.chosen_by = [
                each for each in places if each.calendar == line.calendar.key and f"{each.path}.".startswith(f"{root}.")
            ]
    return lines


def days_in_words(days: Iterable[int]) -> str:
    """`Monday to Friday`, or each day by name where they do not follow each other."""
    ordered = sorted(days)
    names = [str(WEEKDAYS[day]) for day in ordered]
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return _("%(first)s to %(last)s") % {"first": names[0], "last": names[-1]}
    return ", ".join(names)
