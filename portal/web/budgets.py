"""A budget: how it stands, what it was before, and the form that sets it."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import holds, permissions_of
from portal.access.models import Scope
from portal.access.queries import events_visible_to
from portal.core.errors import Invalid, NotFound
from portal.events.models import Event
from portal.metering import queries, services
from portal.metering.forms import BudgetForm
from portal.metering.models import Budget
from portal.metering.raising import running_at
from portal.web.cost import bar_of
from portal.web.months import name_of
from portal.web.refusals import refuse

HISTORY = 20


@login_required
def budget(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One budget, with the form for who may set it."""
    found = queries.budget_visible_to(request.actor, pk)
    marks = ", ".join(str(mark) for mark in found.thresholds)
    initial = {"scope": found.scope_id, "amount": f"{found.amount.normalize():f}", "thresholds": marks}
    return show(request, BudgetForm(request.actor, initial=initial, fixed=True), found)


@login_required
@require_http_methods(["GET", "POST"])
def set_budget(request: HttpRequest) -> HttpResponse:
    """A form for any scope whose budget she may set; posted, the budget is set and shown."""
    if "manage_budgets" not in permissions_of(request.actor):
        raise NotFound
    form = BudgetForm(request.actor, request.POST or None, initial={"scope": request.GET.get("scope", "")})
    if request.method != "POST":
        return show(request, form)
    if not form.is_valid():
        return show(request, form, status=422)
    sent = form.cleaned_data
    try:
        made = services.set_budget(sent["scope"], sent["amount"], thresholds=sent["thresholds"], actor=request.actor)
    except Invalid as error:
        refuse(form, error)
        return show(request, form, status=422)
    messages.info(request, _("The budget of %(scope)s is set.") % {"scope": made.scope})
    return redirect("budget", made.pk)


@login_required
@require_POST
def remove_budget(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let the scope cost what the budgets above it allow."""
    found = queries.budget_visible_to(request.actor, pk)
    services.remove_budget(found, actor=request.actor)
    messages.info(request, _("%(scope)s has no budget of its own any more.") % {"scope": found.scope})
    return redirect("cost")


def show(request: HttpRequest, form: BudgetForm, found: Budget | None = None, *, status: int = 200) -> HttpResponse:
    """The page of one budget, or of one to be set."""
    month = queries.standing_of(found) if found else None
    context = {
        "form": form,
        "budget": found,
        "month": month,
        "month_name": name_of(month.period) if month else "",
        "bar": bar_of(month) if month else None,
        "raised": running_at(found.scope) if found else [],
        "history": history_of(request, found.scope) if found else [],
        "may_set": holds(request.actor, "manage_budgets", found) if found else True,
    }
    return render(request, "metering/budget.html", context, status=status)


def history_of(request: HttpRequest, scope: Scope) -> list[Event]:
    """What was done to the budgets of a scope, newest first, as far as she may read the log."""
    events = events_visible_to(request.actor).filter(target_kind="budget", scope_path=scope.path)
    return list(events[:HISTORY])
