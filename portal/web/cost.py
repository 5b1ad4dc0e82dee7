"""What a month cost: by tenant, service and cloud, by day, against its budgets, and how complete that is."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.access.guard import permissions_of
from portal.core.errors import NotFound
from portal.metering import queries, services
from portal.metering.models import BudgetMonth
from portal.metering.queries import Organization
from portal.web.bars import Bar, bar
from portal.web.events import page_number
from portal.web.months import month_asked, months_until, name_of
from portal.web.shell import Shell
from portal.web.stacks import BY, stack_of, table_of

ROWS = 100
BUDGETS = 20


@login_required
def cost(request: HttpRequest) -> HttpResponse:
    """One month of all whose cost she may see, at or below the scope that was chosen."""
    actor, shell = request.actor, Shell(request)
    if "view_cost" not in permissions_of(actor):
        raise NotFound
    below = shell.scope.path if shell.scope else ""
    here = organization_of(queries.organizations_with(actor, "view_cost"), below)
    period = month_asked(request, here.period)
    by = request.GET.get("by") if request.GET.get("by") in BY else "tenant"
    lines = queries.month_lines(actor, period, below=below)
    rows = queries.by_tenant(lines)
    totals = queries.totals(rows)
    standings = queries.standings_visible_to(actor, period, below=below)
    currency = max(totals, key=lambda each: totals[each], default=here.currency)
    context = {
        "shell": shell,
        "here": here,
        "period": period,
        "month_name": name_of(period),
        "months": months_until(here.period, period),
        "is_current": period == here.period,
        "by": by,
        "is_empty": not lines,
        "totals": totals,
        "page": Paginator(table_of(rows, by, totals), ROWS).get_page(page_number(request)),
        "stack": stack_of(lines, period, currency),
        "currency": currency,
        "unpriced": queries.lacking_a_price(lines),
        "complete": queries.completeness(actor, period, below=below),
        "budgets": [(each.budget, bar_of(each)) for each in standings[:BUDGETS]],
        "more_budgets": max(0, len(standings) - BUDGETS),
        "main": main_of(standings, below or here.path),
        "may_export": "export_cost" in permissions_of(actor),
        "may_budget": "manage_budgets" in permissions_of(actor),
        "may_meter": "operate_platform" in permissions_of(actor),
    }
    return render(request, "metering/cost.html", context)


@login_required
@require_POST
def meter_now(request: HttpRequest) -> HttpResponse:
    """Ask a worker to meter up to this moment."""
    services.meter_now(actor=request.actor)
    messages.info(request, _("A worker meters up to now. Load this page again in a minute."))
    return redirect("cost")


def organization_of(organizations: list[Organization], below: str) -> Organization:
    """The organization a scope lies in; without one the first."""
    return next((each for each in organizations if f"{below}.".startswith(f"{each.path}.")), organizations[0])


def main_of(standings: list[BudgetMonth], path: str) -> BudgetMonth | None:
    """How the budget of the scope itself stands."""
    return next((each for each in standings if each.budget.scope.path == path), None)


def bar_of(month: BudgetMonth) -> Bar:
    """What was spent and what is expected until the end of the month, of the budget."""
    ahead = month.forecast - month.accrued
    return bar(month.budget.scope.name, month.accrued, ahead, month.budget.limit, month.budget.currency, digits=2)
