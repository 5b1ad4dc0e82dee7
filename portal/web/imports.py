"""People, projects and roles from CSV: what the rows would do, doing it, and what former ones did."""

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

from portal.access.models import Scope
from portal.core.errors import NotFound, PortalError
from portal.identity import imports
from portal.identity.imports_csv import COLUMNS, TEMPLATES, write
from portal.identity.imports_forms import ImportForm
from portal.identity.imports_plan import OUTCOMES
from portal.identity.models import Import, ImportState
from portal.web.downloads import csv_file
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def import_list(request: HttpRequest) -> HttpResponse:
    """The form and the former imports; posted, the rows are looked at and nothing else is changed."""
    places = places_of(request)
    if request.method == "POST":
        return look(request, places)
    return show(request, ImportForm(places, initial={"text": text_again(request)}))


@login_required
@never_cache
def import_page(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One of them, row by row: all, or those of one outcome."""
    found = imports.import_of(request.actor, pk)
    steps = imports.steps_of(found)
    only = request.GET.get("only", "")
    shown = [step for step in steps if step.outcome == only] if only in OUTCOMES else steps
    context = {
        "import": found,
        "page": Paginator(shown, ROWS).get_page(page_number(request)),
        "only": only if only in OUTCOMES else "",
        "pills": [(outcome, found.counts[outcome]) for outcome in OUTCOMES if found.counts[outcome]],
        "all": len(steps),
        "moved": sum(bool(step.was) for step in steps),
    }
    return render(request, "identity/import.html", context)


@login_required
@require_POST
@privileged
def carry_out(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Do what was shown; where it is not what would be done any more, it is shown anew."""
    found = imports.import_of(request.actor, pk)
    try:
        done = imports.carry_out(found, request.POST.get("digest", ""), actor=request.actor)
    except PortalError as error:
        if isinstance(error, NotFound):
            raise
        messages.warning(request, _("Nothing was done. %(why)s") % {"why": error})
        return redirect("import", pk)
    if done.state != ImportState.DONE:
        messages.warning(request, _("Something changed since you looked, so nothing was done. This is what it would do now."))
        return redirect("import", pk)
    said = ngettext("%(count)s row is carried out.", "%(count)s rows are carried out.", done.changes)
    messages.success(request, said % {"count": done.changes})
    return redirect("import", pk)


@login_required
def result(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Its rows as CSV."""
    found = imports.import_of(request.actor, pk)
    columns = ("line", "outcome", "what", "why")
    rows = [(step.line, step.outcome, step.subject, step.said) for step in imports.steps_of(found)]
    return csv_file(f"import-{found.kind_of_rows}-{found.created_at:%Y-%m-%d}.csv", write(columns, rows))


@login_required
def template(request: HttpRequest, kind: str) -> HttpResponse:
    """A file with the header and one row to overwrite."""
    places_of(request)
    if kind not in COLUMNS:
        raise NotFound
    return csv_file(f"{kind}.csv", write(COLUMNS[kind], [TEMPLATES[kind]]))


def places_of(request: HttpRequest) -> list[Scope]:
    """Where she may import; whoever gives no roles anywhere has nothing to see here."""
    places = imports.places(request.actor)
    if not places:
        raise NotFound
    return places


def look(request: HttpRequest, places: list[Scope]) -> HttpResponse:
    """Look at what was sent; what cannot be read is said beside it, and it stays."""
    form = ImportForm(places, request.POST, request.FILES)
    if not form.is_valid():
        return show(request, form, status=422)
    try:
        found = imports.look(form.cleaned_data["text"], form.cleaned_data["place"], actor=request.actor)
    except PortalError as error:
        refuse(form, error)
        return show(request, form, status=422)
    return redirect("import", found.pk)


def text_again(request: HttpRequest) -> str:
    """The text of an import that was looked at, to mend it."""
    try:
        found: Import = imports.import_of(request.actor, uuid.UUID(request.GET.get("again", "")))
    except (ValueError, NotFound):
        return ""
    return found.text


def show(request: HttpRequest, form: ImportForm, *, status: int = 200) -> HttpResponse:
    """The page."""
    page = Paginator(imports.imports_visible_to(request.actor), ROWS).get_page(page_number(request))
    formats = [(kind, ", ".join(columns)) for kind, columns in COLUMNS.items()]
    return render(request, "identity/imports.html", {"page": page, "form": form, "formats": formats}, status=status)
