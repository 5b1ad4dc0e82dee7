"""Months as files: ask for one, follow it, see what it adds up to, take it home."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from portal.access.guard import permissions_of, scope_ids
from portal.access.queries import scope_for
from portal.core.errors import Invalid, NotFound
from portal.metering import queries, services
from portal.metering.forms import ExportForm
from portal.metering.queries import Organization
from portal.web.events import page_number
from portal.web.months import month_asked, months_until
from portal.web.refusals import refuse

ROWS = 50


@login_required
@require_http_methods(["GET", "POST"])
def exports(request: HttpRequest) -> HttpResponse:
    """The files of the organizations whose cost she may export; posted, one more is asked for."""
    if "export_cost" not in permissions_of(request.actor):
        raise NotFound
    if request.method == "POST":
        return ask(request)
    return show(request, form_for(request, organizations_of(request)))


@login_required
def export(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One file with its manifest. To htmx: its row of the list (`?row=1`), or its state."""
    found = queries.export_visible_to(request.actor, pk)
    template = "metering/export.html"
    if request.htmx:
        template = "metering/export_row.html" if "row" in request.GET else "metering/export.html#status"
    return render(request, template, {"export": found})


@login_required
def download(request: HttpRequest, pk: uuid.UUID) -> FileResponse:
    """The file itself, its bytes checked; every download is an event."""
    found = queries.export_visible_to(request.actor, pk)
    path = services.open_export(found, actor=request.actor)
    kind = "text/csv; charset=utf-8" if found.format == "csv" else "application/vnd.apache.parquet"
    return FileResponse(path.open("rb"), as_attachment=True, filename=found.file_name, content_type=kind)


def ask(request: HttpRequest) -> HttpResponse:
    """Ask for one more; what cannot be read is said beside its field."""
    form = form_for(request, organizations_of(request), request.POST)
    if not form.is_valid():
        return show(request, form, status=422)
    sent = form.cleaned_data
    organization = scope_for(request.actor, sent["organization"])
    try:
        made = services.request_export(organization, sent["period"], format=sent["format"], actor=request.actor)
    except Invalid as error:
        refuse(form, error)
        return show(request, form, status=422)
    return redirect("export", made.pk)


def show(request: HttpRequest, form: ExportForm, *, status: int = 200) -> HttpResponse:
    """The list with the form beside it."""
    page = Paginator(queries.exports_visible_to(request.actor), ROWS).get_page(page_number(request))
    return render(request, "metering/exports.html", {"page": page, "form": form}, status=status)


def organizations_of(request: HttpRequest) -> list[Organization]:
    """The organizations of which she may export everything."""
    whole = scope_ids(request.actor, "export_cost")
    return [each for each in queries.organizations_with(request.actor, "export_cost") if each.pk in whole]


def form_for(request: HttpRequest, organizations: list[Organization], data: Any = None) -> ExportForm:
    """The form with the months that have begun; the month of the address is chosen."""
    current = max((each.period for each in organizations), default="")
    months = months_until(current) if current else []
    chosen = month_asked(request, current) if current else ""
    return ExportForm([(str(each.pk), each.name) for each in organizations], months, data, initial={"period": chosen})
