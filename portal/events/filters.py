"""One filter of the event log, for page, API and export."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

import django_filters as filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.events.models import Event
from portal.users.models import User

MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
MOST_ACTORS = 200
OUTCOMES = [
    ("done", _("Done")),
    ("waiting", _("Waiting")),
    ("allowed", _("Allowed")),
    ("refused", _("Refused")),
    ("failed", _("Failed")),
]


class EventFilter(filters.FilterSet):  # type: ignore[misc]
    """By words, who acted, action, outcome, the thing, where, the request, and time; each but the words has an index."""

    q = filters.CharFilter(method="search", label=_("Action, target or correlation"), max_length=100)
    actor = filters.CharFilter(method="by_actor", label=_("Who"), max_length=150)
    action = filters.CharFilter(method="by_action", label=_("Action begins with"), max_length=80)
    outcome = filters.ChoiceFilter(choices=OUTCOMES, label=_("Outcome"), empty_label=_("any"))
    target_kind = filters.CharFilter(label=_("Kind"), max_length=40)
    target_id = filters.CharFilter(label=_("Id of the thing"), max_length=40)
    scope = filters.UUIDFilter(method="in_scope", label=_("Where"))
    correlation_id = filters.CharFilter(label=_("Correlation"), max_length=40)
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte", label=_("From"), widget=MOMENT)
    until = filters.IsoDateTimeFilter(method="up_to", label=_("To"), widget=MOMENT)

    class Meta:
        model = Event
        fields = (
            *("q", "actor", "action", "outcome", "target_kind", "target_id", "scope", "correlation_id", "since", "until"),
        )

    def search(self, events: QuerySet[Event], name: str, value: str) -> Any:
        """Actions by their beginning, targets by a part of their name, correlation ids whole."""
        words = value.replace("\x00", "").strip()
        return events.filter(Q(action__startswith=words) | Q(target_label__icontains=words) | Q(correlation_id=words))

    def by_actor(self, events: QuerySet[Event], name: str, value: str) -> Any:
        """People and service accounts by their id, sign-in name or address, or by a part of their name."""
        words = value.replace("\x00", "").strip()
        try:
            return events.filter(actor=UUID(words))
        except ValueError:
            named = Q(username__iexact=words) | Q(email__iexact=words) | Q(name__icontains=words)
        ids = User.objects.filter(named).order_by("pk").values_list("pk", flat=True)[:MOST_ACTORS]
        return events.filter(actor__in=list(ids))

    def by_action(self, events: QuerySet[Event], name: str, value: str) -> Any:
        """Every action of this beginning: "orders." is all that was done with orders."""
        return events.filter(action__startswith=value.replace("\x00", "").strip())

    def in_scope(self, events: QuerySet[Event], name: str, value: UUID) -> Any:
        """What happened in a scope and all below it."""
        return events.filter(scope_path__through=value.hex)

    def up_to(self, events: QuerySet[Event], name: str, value: datetime) -> Any:
        """Up to a moment; a day alone is meant whole."""
        is_day = len(str(self.data.get("until", "")).strip()) == len("2026-01-31")
        return events.filter(at__lte=datetime.combine(value, time.max, value.tzinfo) if is_day else value)
