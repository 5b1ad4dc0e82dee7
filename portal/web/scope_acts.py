"""What is changed on the page of a scope. A refusal stands in the form that was sent, with what was typed."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.access.guard import require
from portal.access.models import Scope
from portal.access.queries import assignment_at, scope_for
from portal.core import clock
from portal.core.errors import Invalid, PortalError
from portal.tenancy import owning, role_asking, services
from portal.tenancy.forms import HandOverForm, QuotaForm, RenameForm, RoleForm, ScopeForm
from portal.tenancy.models import RoleAsk
from portal.tenancy.queries import count_of
from portal.users.actor import Actor
from portal.web.effects import effect_of_giving
from portal.web.live import privileged
from portal.web.refusals import refuse
from portal.web.scopes import show

Made = Scope | None
Do = Callable[[Scope, dict[str, Any], Actor], Made]
CREATES = {"tenant": ("manage_tenants", services.create_tenant), "project": ("manage_projects", services.create_project)}


@login_required
@require_POST
def create(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A tenant or a project in it; goes to what was made."""
    scope_for(request.actor, pk)  # before what was sent: somebody else's scope is not there, whatever comes with it
    kind = request.POST.get("kind", "")
    if kind not in CREATES:
        raise Invalid(_("A tenant or a project."), fields={"kind": [_("A tenant or a project.")]})
    permission, service = CREATES[kind]
    form = ScopeForm(request.POST, auto_id=f"{kind}-%s")
    return act(request, pk, kind, permission, form, lambda found, given, actor: service(found, actor=actor, **given))


@login_required
@require_POST
def rename(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Another name."""
    found = scope_for(request.actor, pk)
    form = RenameForm(request.POST, auto_id="rename-%s")
    return act(
        request,
        pk,
        "rename",
        services.manages(found),
        form,
        lambda found, given, actor: services.rename_scope(found, given["name"], actor=actor),
    )


@login_required
@require_POST
@privileged
def hand_over(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Another owner: who manages the place says so, or its owner herself."""

    def give(found: Scope, given: dict[str, Any], actor: Actor) -> None:
        owning.hand_over(found, given["to"], actor=actor)
        messages.success(request, _("%(person)s answers for it from now on.") % {"person": given["to"]})

    owning.check_may_hand_over(request.actor, scope_for(request.actor, pk))
    return act(request, pk, "owner", "view_scope", HandOverForm(request.POST, auto_id="owner-%s"), give)


@login_required
@require_POST
def close(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Close it, if nothing is in it any more."""
    found = scope_for(request.actor, pk)

    def do(found: Scope, _given: dict[str, Any], actor: Actor) -> Scope:
        return services.close_scope(found, actor=actor)

    return act(request, pk, "close", services.manages(found), forms.Form(request.POST), do)


@login_required
@require_POST
@privileged
def give_role(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Give a person or a group a role here, until a day or without an end."""

    def give(found: Scope, given: dict[str, Any], actor: Actor) -> None:
        times = {"starts": given["starts"], "expires": given["expires"]}
        made = role_asking.give_role(given["principal"], given["role"], found, **times, actor=actor)
        if isinstance(made, RoleAsk):
            messages.info(
                request, _("A policy asks for a decision on this role: it waits, and is given once it is approved.")
            )
            return
        said = _("%(person)s is %(role)s here from her next click on.")
        if given["starts"]:
            said = _("%(person)s is %(role)s here from %(day)s on.")
        day = date_format(timezone.localtime(given["starts"]), "DATE_FORMAT") if given["starts"] else ""
        messages.success(request, said % {"person": given["principal"], "role": given["role"], "day": day})

    form = RoleForm(scope_for(request.actor, pk), request.POST, auto_id="role-%s")
    if "look" in request.POST:
        return look(request, pk, form)
    return act(request, pk, "role", "manage_members", form, give)


def look(request: HttpRequest, pk: uuid.UUID, form: RoleForm) -> HttpResponse:
    """The page with what giving the role would do; nothing is done."""
    found = scope_for(request.actor, pk)
    require(request.actor, "manage_members", found)
    if not form.is_valid():
        return show(request, found, status=422, role=form)
    given = form.cleaned_data
    try:
        times = {"starts": given["starts"], "expires": given["expires"]}
        effect = effect_of_giving(given["principal"], given["role"], found, **times, actor=request.actor)
    except PortalError as error:
        refuse(form, error)
        return show(request, found, status=422, role=form)
    return show(request, found, role=form, effect=effect)


@login_required
@require_POST
@privileged
def end_role(request: HttpRequest, pk: uuid.UUID, assignment_pk: uuid.UUID) -> HttpResponse:
    """Take a role back; the page that follows offers to give it again."""
    found = scope_for(request.actor, pk)
    require(request.actor, "manage_members", found)
    assignment = assignment_at(found, assignment_pk)
    if assignment is None:
        messages.info(request, _("This role has ended already."))
        return redirect("scope", pk)
    try:
        services.end_assignment(assignment, actor=request.actor)
    except PortalError as error:
        messages.warning(request, str(error))
        return redirect("scope", pk)
    request.session["ended-role"] = {
        "username": assignment.user.username if assignment.user else "",
        "name": str(assignment.user or assignment.group),
        "role": str(assignment.role_id),
        "role_name": str(assignment.role),
        "starts": day_of(assignment.starts),
        "expires": day_of(assignment.expires),
        "has": count_of(assignment.user, found) if assignment.user else 0,
        "person": str(assignment.user_id or ""),
    }
    return redirect("scope", pk)


def day_of(at: datetime | None) -> str:
    """The day in the reader's zone, as a field of the form takes it; empty for a moment that is over, or for none."""
    return timezone.localdate(at).isoformat() if at and at > clock.now() else ""


@login_required
@require_POST
def set_quota(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """How much of one dimension fits here and below."""

    def limit(found: Scope, given: dict[str, Any], actor: Actor) -> None:
        services.set_quota(found, given["dimension"], given["limit"], actor=actor)
        messages.success(request, _("The quota of %(dimension)s is set.") % {"dimension": given["dimension"]})

    return act(request, pk, "quota", "manage_quotas", QuotaForm(request.POST, auto_id="quota-%s"), limit)


def act(request: HttpRequest, pk: uuid.UUID, name: str, permission: str, form: forms.Form, do: Do) -> HttpResponse:
    """Do what a form asks for; what is refused is said in that form. Goes to what was made, else back to the scope."""
    found = scope_for(request.actor, pk)
    require(request.actor, permission, found)
    if not form.is_valid():
        return show(request, found, status=422, **{name: form})
    try:
        made = do(found, form.cleaned_data, request.actor)
    except PortalError as error:
        refuse(form, error)
        return show(request, scope_for(request.actor, pk), status=422, **{name: form})
    return redirect("scope", made.pk if made else pk)
