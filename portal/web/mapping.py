"""Rules from groups and claims to roles: the list, a new one, and what they would mean for somebody."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import permissions_of
from portal.core.errors import NotFound, PortalError
from portal.identity import mapping
from portal.identity.mapping_forms import PreviewForm, RuleForm
from portal.web.events import page_number
from portal.web.refusals import refuse

ROWS = 50


@login_required
def rules(request: HttpRequest) -> HttpResponse:
    """The rules for scopes whose people she manages, and a form that asks what they mean for somebody."""
    check_may(request)
    return show(request, PreviewForm(request.actor))


@login_required
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """A form for one more rule; posted, it holds at once."""
    check_may(request)
    form = RuleForm(request.actor, request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            made = mapping.add_rule(given.pop("scope"), given.pop("role"), actor=request.actor, **given)
        except PortalError as error:
            refuse(form, error)
        else:
            said = _("Who is said to be in %(value)s is %(role)s at %(scope)s from now on.")
            messages.success(request, said % {"value": made.value, "role": made.role, "scope": made.scope})
            return redirect("mapping")
    return render(request, "identity/mapping_add.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@require_POST
def remove(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Remove a rule; what it alone gave is taken back."""
    rule = mapping.rule_for(request.actor, pk)
    mapping.remove_rule(rule, actor=request.actor)
    messages.success(request, _("The rule is removed. Who held %(role)s by it alone does so no more.") % {"role": rule.role})
    return redirect("mapping")


@login_required
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """What the rules would mean for a person or for pasted claims; nothing is changed."""
    check_may(request)
    form = PreviewForm(request.actor, request.POST)
    if not form.is_valid():
        return show(request, form, status=422)
    person = form.cleaned_data["username"]
    return show(request, form, effects=mapping.preview(form.said(), actor=request.actor, user=person), person=person)


def check_may(request: HttpRequest) -> None:
    """Whoever manages nobody's roles has nothing to see here."""
    if "manage_members" not in permissions_of(request.actor):
        raise NotFound


def show(request: HttpRequest, form: PreviewForm, *, status: int = 200, **asked: Any) -> HttpResponse:
    """The page; `asked` is what a preview found."""
    page = Paginator(mapping.rules_visible_to(request.actor), ROWS).get_page(page_number(request))
    return render(request, "identity/mapping.html", {"page": page, "form": form, **asked}, status=status)
