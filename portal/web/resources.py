"""The list of what runs, and of what was found in the clouds."""

import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal

import django_tables2 as tables
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal.access.guard import permissions_of
from portal.core import clock
from portal.metering.calendars import period_at
from portal.metering.queries import costs_of_resources
from portal.provisioning.filters import ResourceFilter
from portal.provisioning.models import Resource
from portal.provisioning.queries import resources_in, resources_visible_to, unmanaged_visible_to
from portal.users.actor import Actor
from portal.web.shell import shell_of, url_of
from portal.web.templatetags.concord import money

ROWS = 50
WIDE = {"td": {"class": "small wide-only"}, "th": {"class": "wide-only"}}

Costs = Mapping[uuid.UUID, Mapping[str, Decimal]]


class ResourceTable(tables.Table):
    """One resource a row; `costs` are those of the month of the rows shown."""

    name = tables.TemplateColumn(template_name="provisioning/name_cell.html", verbose_name=_("Name"))
    state = tables.TemplateColumn("{% load concord %}{% state record.state %}", verbose_name=_("State"))
    project = tables.TemplateColumn(
        '<span class="clip" title="{{ record.project }}">{{ record.project|default:"–" }}</span>',
        verbose_name=_("Project"),
        order_by="project__name",
        attrs={"td": {"class": "small"}},
        empty_values=(),
    )
    where = tables.TemplateColumn(
        '<span class="clip" title="{{ record.connection }}">{{ record.connection }}</span>'
        '<span class="quiet">{{ record.region }}</span>',
        verbose_name=_("Cloud, region"),
        orderable=False,
        empty_values=(),
        attrs=WIDE,
    )
    address = tables.TemplateColumn(
        '<span class="mono">{{ record.address|default:"–" }}</span>',
        verbose_name=_("Address"),
        orderable=False,
        empty_values=(),
    )
    cost = tables.Column(
        verbose_name=_("This month"),
        orderable=False,
        empty_values=(),
        attrs={"td": {"class": "num"}, "th": {"class": "num"}},
    )
    created_at = tables.TemplateColumn("{% load concord %}{% when record.created_at %}", verbose_name=_("Since"), attrs=WIDE)
    ends_at = tables.TemplateColumn(template_name="provisioning/ends_cell.html", verbose_name=_("Ends"), attrs=WIDE)

    costs: Costs = {}

    class Meta:
        template_name = "parts/table.html"
        empty_text = _("No resource fits this filter")

    def render_cost(self, record: Resource) -> SafeString | str:
        found = self.costs.get(record.pk)
        if not found:
            return "–"
        return format_html_join(", ", "{}", ((money(amount, currency),) for currency, amount in found.items()))


@login_required
def resources(request: HttpRequest) -> HttpResponse:
    """What she may see of the scope chosen, newest first; with `?found=1` what nobody ordered."""
    actor: Actor = request.actor
    shell = shell_of(request)
    may_find = "view_connection" in permissions_of(actor)
    is_found = may_find and request.GET.get("found") == "1"
    rows = unmanaged_visible_to(actor) if is_found else resources_visible_to(actor)
    chosen = ResourceFilter(request.GET, resources_in(rows, shell.scope.path) if shell.scope else rows)
    hidden = ("project", "cost", "created_at", "ends_at") if is_found else ()
    table = ResourceTable(chosen.qs, exclude=hidden)
    tables.RequestConfig(request, paginate={"per_page": ROWS}).configure(table)
    table.costs = {} if is_found else costs_this_month(actor, [row.record for row in table.paginated_rows])
    context = {
        "filter": chosen,
        "table": table,
        "is_found": is_found,
        "may_find": may_find,
        "is_filtered": any(request.GET.get(name) for name in chosen.filters),
        "scope": shell.scope,
        "catalogue_url": url_of("catalogue") if "place_order" in permissions_of(actor) else "",
    }
    return render(request, "provisioning/resources.html", context)


def costs_this_month(actor: Actor, found: Iterable[Resource]) -> Costs:
    """What each of ours cost in the month it is where it lives: one query for each calendar, and most have one."""
    now = clock.now()
    by_period: dict[str, list[uuid.UUID]] = {}
    for resource in found:
        if resource.project:
            by_period.setdefault(period_at(now, resource.project.zone), []).append(resource.pk)
    return {pk: cost for period, ids in by_period.items() for pk, cost in costs_of_resources(actor, period, ids).items()}
