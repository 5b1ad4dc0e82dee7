"""Groups of a scope, and one of them: who is in it, and which roles that gives her."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import holds, require, scope_ids
from portal.access.models import Group, ScopeState
from portal.access.queries import scope_for
from portal.core.errors import NotFound, PortalError
from portal.tenancy import groups as services
from portal.tenancy.forms import RenameForm
from portal.tenancy.role_forms import MemberForm
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def groups(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The groups that can be given roles at a scope, and the form that makes one there."""
    scope = scope_for(request.actor, pk)
    form, status = RenameForm(request.POST or None), 200
    if request.method == "POST":
        require(request.actor, services.MANAGES, scope)
        try:
            if form.is_valid():
                return redirect("group", services.create_group(scope, form.cleaned_data["name"], actor=request.actor).pk)
        except PortalError as error:
            refuse(form, error)
        status = 422
    page = Paginator(services.groups_at(scope), ROWS).get_page(page_number(request))
    may_make = scope.state == ScopeState.ACTIVE and holds(request.actor, services.MANAGES, scope)
    context = {
        "scope": scope,
        "page": page,
        "seen": scope_ids(request.actor, "view_scope"),
        "form": form if may_make or status == 422 else None,
    }
    return render(request, "access/groups.html", context, status=status)


@login_required
def group(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who is in it, and what that gives her."""
    return show(request, services.group_for(request.actor, pk))


@login_required
@require_POST
@privileged
def add(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let somebody in."""

    def let_in(found: Group, given: dict[str, Any]) -> None:
        services.add_member(found, given["username"], actor=request.actor)
        said = _("%(person)s is in %(group)s from her next click on.")
        messages.success(request, said % {"person": given["username"], "group": found})

    return act(request, pk, "member", MemberForm(request.POST), let_in)


@login_required
@require_POST
@privileged
def remove(request: HttpRequest, pk: uuid.UUID, user_pk: uuid.UUID) -> HttpResponse:
    """Take somebody out."""
    found = services.group_for(request.actor, pk)
    require(request.actor, services.MANAGES, found)
    try:
        member = services.member_of(found, user_pk)
    except NotFound:
        messages.info(request, _("She is no longer in it."))
        return redirect("group", pk)
    try:
        services.remove_member(found, member, actor=request.actor)
        said = _("%(person)s is no longer in it. To undo, let her in again.")
        messages.success(request, said % {"person": member})
    except PortalError as error:
        messages.warning(request, str(error))
    return redirect("group", pk)


@login_required
@require_POST
@privileged
def rename(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Another name."""

    def call(found: Group, given: dict[str, Any]) -> None:
        services.rename_group(found, given["name"], actor=request.actor)

    return act(request, pk, "rename", RenameForm(request.POST, auto_id="rename-%s"), call)


@login_required
@require_POST
@privileged
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End the group and each of its roles."""
    found = services.group_for(request.actor, pk)
    answer = act(
        request, pk, "delete", forms.Form(request.POST), lambda each, _g: services.delete_group(each, actor=request.actor)
    )
    if answer.status_code != 302:
        return answer
    messages.success(request, _("%(group)s is deleted, and its roles have ended.") % {"group": found})
    return redirect("scope-groups", found.scope_id)


def act(
    request: HttpRequest, pk: uuid.UUID, name: str, form: forms.Form, do: Callable[[Group, dict[str, Any]], None]
) -> HttpResponse:
    """Do what a form asks for; what is refused is said in that form. Back to the group."""
    found = services.group_for(request.actor, pk)
    require(request.actor, services.MANAGES, found)
    if form.is_valid():
        try:
            do(found, form.cleaned_data)
        except PortalError as error:
            refuse(form, error)
        else:
            return redirect("group", pk)
    return show(request, services.group_for(request.actor, pk), status=422, **{name: form})


def show(request: HttpRequest, found: Group, *, status: int = 200, **refused: forms.Form) -> HttpResponse:
    """The page; `refused` are forms that were sent, by name."""
    allowed: dict[str, forms.Form] = {}
    if holds(request.actor, services.MANAGES, found):
        named = RenameForm(auto_id="rename-%s", initial={"name": found.name})
        allowed = {"member": MemberForm(), "rename": named, "delete": forms.Form()}
    context = {
        "group": found,
        "page": Paginator(services.members_of(found), ROWS).get_page(page_number(request)),
        "roles": services.roles_of_group(found),
        "forms": {**allowed, **refused},
        "opened": list(refused),
    }
    return render(request, "access/group.html", context, status=status)
