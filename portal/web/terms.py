"""Terms of use: what a person accepts before she goes on, and what an organization publishes."""

import uuid

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import require
from portal.access.models import Scope
from portal.access.queries import scope_for
from portal.core.errors import Conflict, NotFound, PortalError
from portal.identity import consent
from portal.identity.imports_csv import write
from portal.tenancy import terms
from portal.tenancy.forms import TermsForm
from portal.tenancy.models import Terms
from portal.web.choices import back
from portal.web.downloads import csv_file
from portal.web.events import page_number
from portal.web.refusals import refuse

ROWS = 50


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def asked(request: HttpRequest) -> HttpResponse:
    """What waits for her to accept, with what changed since she last did, and what she accepted before."""
    actor = request.actor
    if request.method == "POST":
        try:
            terms.accept(chosen(request), actor=actor)
        except Conflict as error:
            messages.warning(request, str(error))
            return redirect(request.get_full_path())
        consent.note(request, actor)
        return back(request)
    waiting = [(each, terms.changes(each, actor)) for each in terms.waiting_for(actor)]
    context = {"waiting": waiting, "accepted": terms.accepted_by(actor)[:ROWS], "next": request.GET.get("next", "/")}
    return render(request, "tenancy/terms_asked.html", context)


@login_required
def version(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One version, to read; who publishes sees who accepted it."""
    found = terms.visible(request.actor, pk)
    people = terms.acceptances_of(found) if terms.may_publish(request.actor, found.scope) else None
    page = Paginator(people, ROWS).get_page(page_number(request)) if people is not None else None
    return render(request, "tenancy/terms.html", {"terms": found, "paragraphs": terms.paragraphs(found.text), "page": page})


@login_required
@require_http_methods(["GET", "POST"])
def of_organization(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Every version of an organization, and the form for the next."""
    organization = organization_of(request, pk)
    latest = terms.latest(organization)
    if request.method == "POST":
        form = TermsForm(request.POST)
        if form.is_valid():
            try:
                terms.publish(organization, form.cleaned_data["text"], after=form.cleaned_data["after"], actor=request.actor)
            except PortalError as error:
                refuse(form, error)
            else:
                messages.success(request, _("Everybody of the organization is asked for these terms at her next page."))
                return redirect("scope-terms", pk)
        return show(request, organization, latest, form, status=422)
    first = {"text": latest.text if latest else "", "after": latest.version if latest else 0}
    return show(request, organization, latest, TermsForm(initial=first))


@login_required
@require_POST
def withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask for no terms any more."""
    terms.withdraw(organization_of(request, pk), actor=request.actor)
    messages.success(request, _("Nobody is asked for terms of use any more. What was accepted stays on record."))
    return redirect("scope-terms", pk)


@login_required
def accepted(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who accepted which version and when, as CSV."""
    organization = organization_of(request, pk)
    text = write(("version", "name", "username", "accepted_at"), terms.report(organization))
    return csv_file(f"terms-{organization.slug[:60]}.csv", text)


def show(
    request: HttpRequest, organization: Scope, latest: Terms | None, form: forms.Form, *, status: int = 200
) -> HttpResponse:
    """The page of an organization's terms."""
    page = Paginator(terms.terms_of(organization), ROWS).get_page(page_number(request))
    is_in_force = latest is not None and latest.ended_at is None
    context = {"scope": organization, "page": page, "form": form, "is_in_force": is_in_force}
    return render(request, "tenancy/terms_list.html", context, status=status)


def organization_of(request: HttpRequest, pk: uuid.UUID) -> Scope:
    """The organization whose terms she publishes; NotFound for a scope in one."""
    organization = scope_for(request.actor, pk)
    require(request.actor, "manage_terms", organization)
    if organization.parent_id is not None:
        raise NotFound
    return organization


def chosen(request: HttpRequest) -> list[uuid.UUID]:
    """The ids of the versions that were shown."""
    try:
        return [uuid.UUID(each) for each in request.POST.getlist("terms")]
    except ValueError:
        raise NotFound from None
