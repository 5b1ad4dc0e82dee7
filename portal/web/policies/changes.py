"""One proposed change of a policy: what differs, who decides, and how it is taken back or put through."""

import uuid

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.access.guard import holds
from portal.approvals.cards import stage_lines
from portal.approvals.models import PolicyChange
from portal.approvals.policies import proposals, queries
from portal.core import clock
from portal.core.errors import PortalError
from portal.web.live import privileged
from portal.web.policies import shown
from portal.web.refusals import refuse


@login_required
def change(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What is proposed, and how it stands."""
    return show(request, queries.change_visible_to(request.actor, pk))


@login_required
@require_POST
@privileged
def withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Take it back."""
    found, form = queries.change_visible_to(request.actor, pk), forms.Form(request.POST)
    form.is_valid()
    try:
        proposals.withdraw_change(found, actor=request.actor)
    except PortalError as error:
        return refused(request, found, form, error)
    messages.success(request, _("Taken back. What was in force stays in force."))
    return redirect("policychange", pk)


@login_required
@require_POST
@privileged
def put_through(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Carry it out where nobody else could agree, once its day is over."""
    found, form = queries.change_visible_to(request.actor, pk), forms.Form(request.POST)
    form.is_valid()
    try:
        done = proposals.put_through(found, actor=request.actor)
    except PortalError as error:
        return refused(request, found, form, error)
    if done.is_waiting:
        messages.info(request, _("Somebody else can decide on it by now, so she is asked."))
    else:
        messages.success(request, _("It is carried out."))
    return redirect("policychange", pk)


def refused(request: HttpRequest, found: PolicyChange, form: forms.Form, error: PortalError) -> HttpResponse:
    """The page with what was refused; who may not even try gets no page."""
    if error.status in (403, 404):
        raise error
    refuse(form, error)
    return show(request, queries.change_visible_to(request.actor, found.pk), form, status=error.status)


def show(request: HttpRequest, found: PolicyChange, form: forms.Form | None = None, *, status: int = 200) -> HttpResponse:
    """The page of one change."""
    approval = queries.approval_of_change(found)
    manages = holds(request.actor, "manage_policies", found) and not request.actor.viewed_as_by
    is_hers = found.asked_by.person_id == request.actor.person_id
    context = {
        "change": found,
        "kind": shown.kind_label(found.subject_kind),
        "parts": shown.change_parts(found),
        "approval": approval,
        "stages": stage_lines(approval) if approval else [],
        "may_withdraw": found.is_waiting and manages and (is_hers or approval is None),
        "may_put_through": found.is_waiting and manages and found.alone_from is not None,
        "is_time": found.alone_from is not None and found.alone_from <= clock.now(),
        "form": form,
    }
    return render(request, "approvals/policy_change.html", context, status=status)
