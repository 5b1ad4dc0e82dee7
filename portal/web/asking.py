"""Asking for a project or to join one, what one asked for, and until when a project is wanted."""

import uuid
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.access.guard import holds, require
from portal.access.models import Scope, ScopeKind
from portal.access.queries import scope_for
from portal.approvals.queries import approval_of
from portal.approvals.services import withdraw as withdraw_approval
from portal.core.errors import Conflict, PortalError
from portal.tenancy import asking, asks, project_ends
from portal.tenancy.asking_forms import AskedFilter, EndForm, JoinForm, ProjectAskForm
from portal.tenancy.models import AskState, JoinAsk, ProjectAsk
from portal.web.events import page_number
from portal.web.refusals import refuse

ROWS = 50


@login_required
@require_http_methods(["GET", "POST"])
def ask_project(request: HttpRequest) -> HttpResponse:
    """The form for a project; sent, it waits for a decision or is made."""
    tenants = list(asking.tenants_to_ask_in(request.actor))
    form = ProjectAskForm(tenants, request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            ask = asking.ask_project(given.pop("tenant"), given.pop("name"), **given, actor=request.actor)
        except PortalError as error:
            refuse(form, error)
        else:
            return onward(request, asks.PROJECT, ask, ask.project)
    context = {"form": form, "tenants": tenants}
    return render(request, "access/ask_project.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The link that somebody in a project sent: ask to be let in."""
    project = asking.project_to_join(request.actor, pk)
    form = JoinForm(asking.joinable_roles(), request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            ask = asking.ask_to_join(project, given.pop("role"), **given, actor=request.actor)
        except PortalError as error:
            refuse(form, error)
        else:
            return onward(request, asks.MEMBERSHIP, ask, project if ask.state == AskState.DONE else None)
    is_in = holds(request.actor, "view_scope", project)
    context = {"form": form, "project": project, "is_in": is_in}
    return render(request, "access/join.html", context, status=422 if form.errors else 200)


@login_required
@require_safe
def asked(request: HttpRequest) -> HttpResponse:
    """What she asked for, and how it stands."""
    chosen = AskedFilter(request.GET, asking.decisions_asked_by(request.actor))
    page = Paginator(chosen.qs, ROWS).get_page(page_number(request))
    rows = list(page.object_list)
    made = asking.projects_made(rows)
    context = {
        "page": page,
        "filter": chosen,
        "rows": [(row, made.get(row.subject_id)) for row in rows],
        "is_empty": not page.paginator.count and not request.GET,
    }
    return render(request, "access/asked.html", context)


@login_required
@require_POST
def withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Take back what she asked for."""
    approval = asking.ask_of(asking.decisions_asked_by(request.actor), pk)
    try:
        withdraw_approval(approval, actor=request.actor)
        messages.info(request, _("You took back: %(title)s") % {"title": approval.title})
    except Conflict as error:
        messages.warning(request, str(error))
    return redirect("asks")


@login_required
@require_http_methods(["GET", "POST"])
def end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Until when a project is wanted, and moving that day."""
    project = scope_for(request.actor, pk)
    require(request.actor, "manage_projects", project)
    row = project_ends.end_of(project)
    form = EndForm(request.POST or None, initial={"ends": row.ends})
    if request.method == "POST" and form.is_valid():
        try:
            project_ends.set_project_end(project, form.cleaned_data["ends"], actor=request.actor)
            messages.success(request, _("The last day is set."))
            return redirect("scope", pk)
        except PortalError as error:
            refuse(form, error)
    context = {"scope": project, "form": form, "end": row}
    return render(request, "access/project_end.html", context, status=422 if form.errors else 200)


def facts_of_project(found: Scope) -> dict[str, Any]:
    """What the page of a scope says of it where it is a project: what for, until when, and the link by which people join."""
    if found.scope_kind != ScopeKind.PROJECT:
        return {}
    return {
        "end": project_ends.end_of(found),
        "join_link": urljoin(settings.PUBLIC_URL, reverse("project-join", args=[found.pk])),
    }


def onward(request: HttpRequest, kind: str, ask: ProjectAsk | JoinAsk, made: Scope | None) -> HttpResponse:
    """To what was made at once, else to the decision that it waits for."""
    if made is not None:
        messages.success(request, _("Nobody had to decide: %(name)s is there for you.") % {"name": made})
        return redirect("scope", made.pk)
    approval = approval_of(kind, ask.pk)
    messages.info(request, _("Asked. Below is who decides; you are told as soon as it is decided."))
    return redirect("approval", approval.pk) if approval else redirect("asks")
