"""The orders: the list, one order followed to its end, and what may be done with it on the way."""

import uuid
from collections.abc import Callable
from typing import Any

import django_tables2 as tables
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from portal.core.errors import Conflict
from portal.orders import services
from portal.orders.filters import OrderFilter
from portal.orders.models import Order
from portal.orders.queries import order_visible_to, orders_visible_to, with_items, with_returned
from portal.web.orderpage import picture_of
from portal.web.shell import shell_of

ROWS = 50
LONGEST_REASON = 500


class OrderTable(tables.Table):
    """One order a row: what, how it stands, where, who, what it adds a month, since when."""

    what = tables.TemplateColumn(
        '<a class="name" href="{% url "order" record.pk %}">{{ value }}</a><br><span class="small quiet">{{ record.number }}</span>',
        verbose_name=_("What"),
        orderable=False,
        accessor="items",
    )
    state = tables.TemplateColumn(
        '{% load concord %}{% if record.is_returned %}{% state "returned" "order" %}'
        '{% else %}{% state record.state "order" %}{% endif %}',
        verbose_name=_("State"),
        orderable=False,
    )
    project = tables.TemplateColumn(
        '<span class="clip" title="{{ record.project }}">{{ record.project }}</span>',
        verbose_name=_("Project"),
        orderable=False,
    )
    requester = tables.TemplateColumn(
        "{% load concord i18n %}{% person record.requester %}"
        "{% if record.beneficiary and record.beneficiary_id != record.requester_id %}"
        '<br><span class="small quiet">'
        "{% blocktranslate with name=record.beneficiary trimmed %}for {{ name }}{% endblocktranslate %}</span>{% endif %}",
        verbose_name=_("Who"),
        orderable=False,
    )
    cost = tables.TemplateColumn(
        "{% load concord %}{% money record.cost_per_month record.currency sign=True %}",
        verbose_name=_("A month"),
        orderable=False,
        accessor="cost_per_month",
        attrs={"th": {"class": "num"}, "td": {"class": "num"}},
    )
    created_at = tables.TemplateColumn("{% load concord %}{% when value %}", verbose_name=_("Placed"), orderable=False)

    class Meta:
        template_name = "parts/table.html"
        empty_text = _("No order fits this filter")

    def render_what(self, record: Order, column: Any, bound_column: Any, bound_row: Any, table: Any) -> Any:
        """What was ordered, by its name."""
        return column.render(record, table, services.title_of(list(record.items.all())), bound_column, bound_row=bound_row)


@login_required
@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    """The orders she may see in the scope that the page shows, newest first."""
    here = shell_of(request).scope
    seen = orders_visible_to(request.actor)
    seen = seen.filter(project__path__within=here.path) if here else seen
    chosen = OrderFilter(request.GET, seen)
    table = OrderTable(with_items(with_returned(chosen.qs)))
    tables.RequestConfig(request, paginate={"per_page": ROWS}).configure(table)
    is_empty = not table.page.paginator.count and not request.GET
    context = {"filter": chosen, "table": table, "is_empty": is_empty, "here": here}
    return render(request, "orders/orders.html", context)


@login_required
@require_safe
def order(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One order; to htmx only what moves, which stops asking once it is settled."""
    found = order_visible_to(request.actor, pk)
    part = "#status" if request.htmx.target == "order-status" else ""
    return render(request, f"orders/order.html{part}", {"order": found, "picture": picture_of(found, actor=request.actor)})


@login_required
@require_POST
def withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Take back what was not decided yet."""
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:LONGEST_REASON]
    return acted(request, pk, lambda found: services.withdraw_order(found, actor=request.actor, reason=reason))


@login_required
@require_POST
def retry(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Try again what failed."""
    return acted(request, pk, lambda found: services.retry_order(found, actor=request.actor))


@login_required
@require_POST
def give_up(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End what a failed order left behind."""
    return acted(request, pk, lambda found: services.give_up_order(found, actor=request.actor))


def acted(request: HttpRequest, pk: uuid.UUID, act: Callable[[Order], Any]) -> HttpResponse:
    """The order's page after an act; where the order had moved on, the page that holds now says so."""
    try:
        act(order_visible_to(request.actor, pk))
    except Conflict as conflict:
        messages.warning(request, str(conflict))
    return redirect("order", pk)
