"""Roles: the built-in ones with what each allows, and those that an organization makes for itself."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.models import Role
from portal.core.errors import NotFound, PortalError, Stale
from portal.tenancy import custom_roles as services
from portal.tenancy.role_forms import CustomRoleForm
from portal.web.effects import effect_of_permissions
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50


@login_required
def roles(request: HttpRequest) -> HttpResponse:
    """Every role that can be given in her scopes, and how many hold each."""
    page = Paginator(services.roles_visible_to(request.actor), ROWS).get_page(page_number(request))
    return render(request, "access/roles.html", {"page": page})


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def role_new(request: HttpRequest) -> HttpResponse:
    """A form for a role of one's own, empty or filled from another (`?from=`)."""
    model = copied(request)
    places = services.places_for_roles(request.actor)
    if request.method != "POST":
        filled = {"permissions": model.permissions, "name": _("%(role)s, our own") % {"role": model}} if model else {}
        return show_form(request, CustomRoleForm(places, initial=filled), copied_from=model)
    form = CustomRoleForm(places, request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            made = services.create_role(
                given["scope"], given["name"], given["permissions"], actor=request.actor, copied_from=model
            )
        except PortalError as error:
            refuse(form, error)
        else:
            said = _("%(role)s can be given now at %(scope)s and below. Nobody holds it yet.")
            messages.success(request, said % {"role": made, "scope": made.scope})
            return redirect("role", made.pk)
    return show_form(request, form, status=422, copied_from=model)


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def role(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What one role allows and who holds it; where it is her own, the form that changes it."""
    found = services.role_for(request.actor, pk)
    if request.method != "POST":
        return show(request, found, form_of(found))
    form = CustomRoleForm(None, request.POST)
    if form.is_valid():
        given = form.cleaned_data
        if "look" in request.POST:
            return show(request, found, form, effect=effect_of_permissions(found, given["permissions"], actor=request.actor))
        try:
            services.change_role(found, given["name"], given["permissions"], seen=given["seen"], actor=request.actor)
        except Stale as error:
            return show(request, found, form_of(found), status=error.status, stale=str(error))
        except PortalError as error:
            refuse(form, error)
        else:
            messages.success(request, _("The role is changed, for all who hold it, from their next click on."))
            return redirect("role", pk)
    return show(request, found, form, status=422)


@login_required
@require_POST
@privileged
def role_delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End a role that nobody holds."""
    found, form = services.role_for(request.actor, pk), forms.Form(request.POST)
    form.is_valid()
    try:
        services.delete_role(found, actor=request.actor)
    except PortalError as error:
        refuse(form, error)
        return show(request, found, form_of(found), status=422, ending=form)
    messages.success(request, _("%(role)s is deleted. What was done with it stays on record.") % {"role": found})
    return redirect("roles")


def copied(request: HttpRequest) -> Role | None:
    """The role that the new one begins from, or None; whoever manages no roles has nothing to see here."""
    if not services.manages_roles(request.actor):
        raise NotFound
    try:
        return services.role_for(request.actor, uuid.UUID(request.GET["from"])) if "from" in request.GET else None
    except ValueError as error:
        raise NotFound from error


def form_of(found: Role) -> CustomRoleForm:
    """The form as the role is now."""
    edition = services.edition_of(found)
    return CustomRoleForm(None, initial={"name": found.name, "permissions": found.permissions, "seen": edition})


def show_form(request: HttpRequest, form: CustomRoleForm, *, copied_from: Role | None, status: int = 200) -> HttpResponse:
    """The page of a role to be made."""
    return render(request, "access/role_new.html", {"form": form, "copied_from": copied_from}, status=status)


def show(request: HttpRequest, found: Role, form: CustomRoleForm, *, status: int = 200, **said: Any) -> HttpResponse:
    """The page of one role; `said` is what was refused of it, or what it would do."""
    holders = Paginator(services.holders_of(found, request.actor), ROWS).get_page(page_number(request))
    context = {
        "role": found,
        "form": form,
        "page": holders,
        "may_change": services.may_change(found, request.actor),
        "is_both_sides": services.is_both_sides(found.permissions),
        **said,
    }
    return render(request, "access/role.html", context, status=status)
