"""One filter of the event log, for page and API."""

from typing import Any

import django_filters as filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.events.models import Event

DAY = forms.DateInput(attrs={"type": "date"})
OUTCOMES = [
    ("done", _("Done")),
    ("waiting", _("Waiting")),
    ("allowed", _("Allowed")),
    ("refused", _("Refused")),
    ("failed", _("Failed")),
]


class EventFilter(filters.FilterSet):  # type: ignore[misc]
    """By words (action, target, correlation id), outcome, kind of target, and days."""

    q = filters.CharFilter(method="search", label=_("Action, target or correlation"))
    outcome = filters.ChoiceFilter(choices=OUTCOMES, label=_("Outcome"), empty_label=_("any"))
    since = filters.DateFilter(field_name="at", lookup_expr="date__gte", label=_("From"), widget=DAY)
    until = filters.DateFilter(field_name="at", lookup_expr="date__lte", label=_("To"), widget=DAY)
    target_kind = filters.CharFilter(label=_("Kind"))

    class Meta:
        model = Event
        fields = ("q", "outcome", "target_kind", "since", "until")

    def search(self, events: QuerySet[Event], name: str, value: str) -> Any:
        """Actions by their beginning, targets by a part of their name, correlation ids whole."""
        words = value.replace("\x00", "").strip()
        return events.filter(Q(action__startswith=words) | Q(target_label__icontains=words) | Q(correlation_id=words))
