"""The event log: what happened, by whom, to what."""

from typing import Any
from urllib.parse import urlencode

import django_tables2 as tables
from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from portal.access.guard import permissions_of
from portal.access.queries import events_visible_to
from portal.events.filters import EventFilter
from portal.events.queries import with_positions
from portal.web.shell import shell_of

ROWS = 50


class EventTable(tables.Table):
    """One event a row."""

    action = tables.TemplateColumn(
        '{% load concord %}<a class="mono name" href="{% url "event" record.pk %}">{{ record.action }}</a>'
        '{% if record.reason %}<br><span class="small quiet">{{ record.reason }}</span>{% endif %}',
        verbose_name=_("Action"),
        orderable=False,
    )
    outcome = tables.TemplateColumn(
        '{% load concord %}{% state record.outcome "outcome" %}', verbose_name=_("Outcome"), orderable=False
    )
    actor = tables.TemplateColumn(
        "{% load concord i18n %}{% person record.actor %}{% if record.viewed_as_by %}"
        '<br><span class="small quiet">{% blocktranslate with name=record.viewed_as_by trimmed %}'
        "{{ name }} looked as her{% endblocktranslate %}</span>{% endif %}",
        verbose_name=_("Who"),
        orderable=False,
    )
    target = tables.TemplateColumn(
        '<span>{{ record.target_kind }} <span class="name">{{ record.target_label }}</span></span>',
        verbose_name=_("Target"),
        orderable=False,
        empty_values=(),
    )
    at = tables.TemplateColumn("{% load concord %}{% when record.at %}", verbose_name=_("When"), orderable=False)
    position = tables.TemplateColumn(
        "{% load concord i18n %}{% if record.position %}"
        '<a class="text-nowrap" href="{% url "event-proof" record.pk %}" aria-label="'
        "{% blocktranslate with place=record.position trimmed %}Take the proof of event {{ place }}{% endblocktranslate %}"
        '">{% icon "shield-check" %} {{ record.position|number }}</a>'
        '{% else %}<span class="quiet">{% translate "not yet" %}</span>{% endif %}',
        verbose_name=_("Sealed"),
        orderable=False,
        empty_values=(),
    )
    correlation_id = tables.TemplateColumn(
        '<a class="mono quiet text-nowrap" href="?q={{ record.correlation_id }}">{{ record.correlation_id }}</a>',
        verbose_name=_("Correlation"),
        orderable=False,
        attrs={"td": {"class": "wide-only"}, "th": {"class": "wide-only"}},
    )

    class Meta:
        template_name = "parts/table.html"
        empty_text = _("No event fits this filter")


@login_required
def events(request: HttpRequest) -> HttpResponse:
    """What she may read of the log, newest first."""
    chosen = EventFilter(request.GET, events_visible_to(request.actor))
    by_name = [(str(node.pk), node.name) for node in shell_of(request).places]
    chosen.form.fields["scope"].widget = forms.Select(choices=[("", _("anywhere")), *by_name])
    table = EventTable(with_positions(chosen.qs))
    tables.RequestConfig(request, paginate={"per_page": ROWS}).configure(table)
    asked = urlencode({name: value for name, value in request.GET.dict().items() if name in chosen.filters and value})
    may_export = "view_event" in permissions_of(request.actor)
    context = {"filter": chosen, "table": table, "asked": asked, "may_export": may_export}
    return render(request, "events/events.html", context)


def page_number(request: HttpRequest) -> Any:
    """The page asked for; nonsense is the first."""
    asked = request.GET.get("page", "1")
    return int(asked) if asked.isdecimal() and len(asked) < 9 else 1
