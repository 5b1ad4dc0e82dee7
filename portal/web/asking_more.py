"""Asking for more than a quota or a budget allows: the forms behind every refusal, filled in with what is missing."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.access.guard import holds
from portal.access.models import Scope
from portal.approvals.queries import approval_of
from portal.core.errors import PortalError
from portal.metering import raising as budgets
from portal.metering.queries import budget_state
from portal.tenancy import asking_more
from portal.tenancy import raising as quotas
from portal.tenancy.more_forms import BudgetMoreForm, QuotaMoreForm
from portal.tenancy.quotas import room_in
from portal.web.bars import Bar, bar
from portal.web.refusals import refuse
from portal.web.room import dimension_word, quota_bars

PREFILLED = ("dimension", "amount")


@login_required
@require_http_methods(["GET", "POST"])
def quota_more(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """More of a quota that was set at a scope."""
    scope = asking_more.place_to_ask_for(request.actor, pk)
    known = [(quota.dimension, dimension_word(quota.dimension)) for quota in asking_more.quotas_at(scope)]
    form = QuotaMoreForm(known, asking_more.lenders_for(scope), request.POST or None, initial=prefilled(request))

    def ask(given: dict[str, Any]) -> Any:
        dimension, amount = given.pop("dimension"), given.pop("amount")
        return asking_more.ask_quota(scope, dimension, amount, **given, actor=request.actor)

    bars = quota_bars((room, 0) for room in room_in(scope) if room.scope.pk == scope.pk)
    return answer(request, scope, form, quotas.QUOTA, ask, bars=bars if known else [])


@login_required
@require_http_methods(["GET", "POST"])
def budget_more(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """More than the budget that was set at a scope."""
    scope = asking_more.place_to_ask_for(request.actor, pk)
    form = BudgetMoreForm(request.POST or None, initial=prefilled(request))

    def ask(given: dict[str, Any]) -> Any:
        return budgets.ask_budget(scope, given.pop("amount"), **given, actor=request.actor)

    return answer(request, scope, form, budgets.BUDGET, ask, bars=budget_bars(request, scope))


def answer(
    request: HttpRequest, scope: Scope, form: forms.Form, kind: str, ask: Callable[[dict[str, Any]], Any], *, bars: list[Bar]
) -> HttpResponse:
    """The form, with what was wrong; sent, the decision that it waits for, or word that it is done."""
    if request.method == "POST" and form.is_valid():
        try:
            asked = ask(dict(form.cleaned_data))
        except PortalError as error:
            refuse(form, error)
        else:
            return onward(request, kind, asked)
    context = {"scope": scope, "form": form, "what": kind, "bars": bars}
    return render(request, "tenancy/more.html", context, status=422 if form.errors else 200)


def onward(request: HttpRequest, kind: str, asked: Any) -> HttpResponse:
    """To the decision; where a policy allowed it at once, it says so there, too."""
    if asked.state == "done":
        messages.success(request, _("Nobody had to decide: the limit is raised."))
    else:
        messages.info(request, _("Asked. Below is who decides; you are told as soon as it is decided."))
    approval = approval_of(kind, asked.pk)
    return redirect("approval", approval.pk) if approval else redirect("asks")


def prefilled(request: HttpRequest) -> dict[str, str]:
    """What the refusal that led here said is missing."""
    return {name: request.GET[name][:40] for name in PREFILLED if name in request.GET}


def budget_bars(request: HttpRequest, scope: Scope) -> list[Bar]:
    """How the month of a scope with a budget stands: with its figures for who may see cost there, else without."""
    budget = budgets.budget_of(scope)
    if budget is None:
        return []
    label = _("Budget of %(scope)s, this month") % {"scope": scope}
    used = budget_state(scope).expected if holds(request.actor, "view_cost", scope) else Decimal()
    return [bar(label, used, Decimal(), budget.limit, budget.currency, digits=2)]
