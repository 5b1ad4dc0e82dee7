"""The policies in force, one policy with its history, and how one is retired."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from portal.access.guard import holds, permissions_of
from portal.approvals.policies import proposals, queries
from portal.approvals.policies.forms import REASON, PolicyFilter
from portal.core.errors import NotFound, PortalError
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.policies import shown
from portal.web.refusals import refuse

ROWS = 50


class RetireForm(forms.Form):
    """Why a policy ends."""

    reason = forms.CharField(label=gettext_lazy("Why"), max_length=2000, required=False, widget=REASON)


@login_required
def policies(request: HttpRequest) -> HttpResponse:
    """The policies in force that she may see, and what is proposed. For who manages policies somewhere."""
    if "manage_policies" not in permissions_of(request.actor):
        raise NotFound
    actor, retired = request.actor, "retired" in request.GET
    rows = queries.retired_visible_to(actor) if retired else queries.policies_visible_to(actor)
    chosen = PolicyFilter(request.GET, rows)
    page = Paginator(chosen.qs, ROWS).get_page(page_number(request))
    context = {
        "filter": chosen,
        "page": page,
        "lines": shown.lines(page.object_list),
        "waiting": queries.changes_waiting(actor),
        "retired": retired,
        "is_filtered": any(request.GET.get(name) for name in ("place", "kind", "name")),
    }
    return render(request, "approvals/policies.html", context)


@login_required
def policy(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One policy: what this version says, and every version there was."""
    return show(request, pk, RetireForm())


@login_required
@require_POST
@privileged
def retire(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Propose that it ends."""
    found, form = queries.policy_visible_to(request.actor, pk), RetireForm(request.POST)
    if form.is_valid():
        try:
            change = proposals.propose_retirement(found, actor=request.actor, reason=form.cleaned_data["reason"])
        except PortalError as error:
            if error.status in (403, 404):
                raise
            refuse(form, error)
        else:
            messages.success(request, _("Proposed. %(policy)s stays in force until it is agreed.") % {"policy": found.name})
            return redirect("policychange", change.pk)
    return show(request, pk, form, status=422)


def show(request: HttpRequest, pk: uuid.UUID, form: RetireForm, *, status: int = 200) -> HttpResponse:
    """The page of one policy."""
    found = queries.policy_visible_to(request.actor, pk)
    page = Paginator(queries.versions_of(found), ROWS).get_page(page_number(request))
    history, changes = list(page.object_list), list(queries.changes_of(found)[: 4 * ROWS])
    versions = shown.versions(history, changes)
    context: dict[str, Any] = {
        "policy": found,
        "kind": shown.kind_label(found.subject_kind),
        "this": next((version for version in versions if version.policy == found), None),
        "versions": versions,
        "current": next((each for each in history if each.state == "active"), None),
        "page": page,
        "waiting": next((change for change in changes if change.is_waiting), None),
        "may_change": holds(request.actor, "manage_policies", found) and not request.actor.viewed_as_by,
        "form": form,
    }
    return render(request, "approvals/policy.html", context, status=status)
