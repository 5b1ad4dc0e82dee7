"""The first page: what needs this person, then her main work. One home for each kind of work."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.access.queries import events_visible_to, role_counts, roles_given
from portal.approvals.policies.queries import policies_visible_to
from portal.approvals.queries import own_inbox_of, votes_of
from portal.clouds.queries import connections_visible_to
from portal.core import clock
from portal.metering.queries import completeness, cost_by_path, exports_visible_to, standings_visible_to
from portal.orders.queries import open_items_of
from portal.provisioning.queries import (
    counts_by_project,
    failures_visible_to,
    open_steps_by_connection,
    unmanaged_by_connection,
)
from portal.users.actor import Actor
from portal.web import facts
from portal.web.home_lines import Month, budget_lines, cloud_lines, open_orders, project_lines
from portal.web.nav import Work
from portal.web.queue import step_title
from portal.web.shell import Shell, shell_of, url_of

MOST = 5
SOON = timedelta(days=30)


class Home(NamedTuple):
    """What a home shows, and the template that draws it."""

    template: str
    parts: Callable[[Actor, Shell], dict[str, Any]]


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Her home; a person without any role is told how she gets one."""
    shell = shell_of(request)
    if not shell.permissions:
        return render(request, "web/home.html")
    chosen = HOMES[shell.work]
    links = {f"{name}_url": url_of(name) for name in ("catalogue", "orders", "cost", "exports", "connections", "queue")}
    context = {**links, "waiting": shell.waiting("inbox"), **chosen.parts(request.actor, shell)}
    return render(request, chosen.template, context)


def of_member(actor: Actor, shell: Shell) -> dict[str, Any]:
    """Her open orders, her projects with what runs and costs in each."""
    orders = open_orders(open_items_of(actor)[:100], within=shell.scope.path if shell.scope else "")
    return {**of_reader(actor, shell), "orders": orders[:MOST], "failed": [each for each in orders if each.is_failed][:MOST]}


def of_reader(actor: Actor, shell: Shell) -> dict[str, Any]:
    """The projects she sees."""
    month = Month.now(shell)
    costs, standings = cost_by_path(actor, month.period), standings_visible_to(actor, month.period, below=month.within)
    projects = project_lines(shell.places, counts_by_project(actor), costs, standings)
    return {"projects": projects, "month": month, "trouble": sum(line.trouble for line in projects)}


def of_approver(actor: Actor, shell: Shell) -> dict[str, Any]:
    """What waits for her, what is due first on top, and what she decided lately."""
    cards = [(approval, facts.cost_of(approval.facts)) for approval in own_inbox_of(actor)[:MOST]]
    return {"cards": cards, "votes": votes_of(actor)[:MOST]}


def of_finance(actor: Actor, shell: Shell) -> dict[str, Any]:
    """The month so far against its budgets, how complete it is, and the latest exports."""
    month = Month.now(shell)
    costs = [cost for cost in cost_by_path(actor, month.period) if month.covers(cost.path)]
    return {
        "month": month,
        "totals": month.totals(costs),
        "budgets": budget_lines(standings_visible_to(actor, month.period, below=month.within)),
        "completeness": completeness(actor, month.period, below=month.within),
        "exports": exports_visible_to(actor)[:MOST],
    }


def of_operator(actor: Actor, shell: Shell) -> dict[str, Any]:
    """Each cloud with its health and what is asked of it, and what failed."""
    clouds = cloud_lines(connections_visible_to(actor), open_steps_by_connection(actor), unmanaged_by_connection(actor))
    return {
        "clouds": clouds,
        "silent": [line for line in clouds if line.is_failing],
        "steps": sum(line.steps for line in clouds),
        "failures": [(step, step_title(step)) for step in failures_visible_to(actor)[:MOST]],
    }


def of_admin(actor: Actor, shell: Shell) -> dict[str, Any]:
    """Her tree and its people, the policies in force, what happened."""
    kinds = [node.kind for node in shell.places]
    return {
        "counts": {kind: kinds.count(kind) for kind in ("organization", "tenant", "project")},
        "people": role_counts(actor, clock.now() + SOON),
        "roles": roles_given(actor)[:MOST],
        "policies": policies_visible_to(actor)[: 2 * MOST],
        "events": events_visible_to(actor)[: 2 * MOST],
    }


HOMES: dict[Work, Home] = {
    "order": Home("web/home_member.html", of_member),
    "read": Home("web/home_member.html", of_reader),
    "decide": Home("web/home_approver.html", of_approver),
    "account": Home("web/home_finance.html", of_finance),
    "operate": Home("web/home_operator.html", of_operator),
    "administer": Home("web/home_admin.html", of_admin),
}
