"""The one filter for approvals, on the page and in the API."""

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.approvals.kinds import kinds
from portal.approvals.models import Approval, Risk, State
from portal.core import clock


def _kinds() -> list[tuple[str, Any]]:
    return [(name, kind.label) for name, kind in kinds().items()]


class ApprovalFilter(django_filters.FilterSet):  # type: ignore[misc]
    """By kind, state, words of the title, and when it was asked."""

    kind = django_filters.ChoiceFilter(field_name="subject_kind", choices=_kinds, label=_("Kind"))
    state = django_filters.MultipleChoiceFilter(choices=State.choices, label=_("State"))
    title = django_filters.CharFilter(lookup_expr="icontains", label=_("Title"))
    since = django_filters.DateFilter(field_name="created_at", lookup_expr="date__gte", label=_("Asked since"))
    until = django_filters.DateFilter(field_name="created_at", lookup_expr="date__lte", label=_("Asked until"))

    class Meta:
        model = Approval
        fields = ("kind", "state", "title", "since", "until")


DUE = (("over", _("overdue")), ("day", _("within a day")), ("week", _("within a week")))
SPANS = {"over": timedelta(), "day": timedelta(days=1), "week": timedelta(days=7)}
SORTS = (
    ("decision_due", _("due first")),
    ("created_at", _("asked first")),
    ("-created_at", _("asked last")),
    ("-facts_amount", _("most expensive")),
    ("facts_amount", _("cheapest")),
)


class InboxFilter(django_filters.FilterSet):  # type: ignore[misc]
    """What waits, by kind, place, when it is due, monthly cost and risk; for rows of `inbox_of` and its parts."""

    kind = django_filters.ChoiceFilter(field_name="subject_kind", choices=_kinds, label=_("Kind"), empty_label=_("all"))
    place = django_filters.CharFilter(field_name="scope__name", lookup_expr="icontains", label=_("Where"), max_length=200)
    due = django_filters.ChoiceFilter(choices=DUE, method="is_due", label=_("Due"), empty_label=_("any time"))
    cost = django_filters.NumberFilter(
        field_name="facts_amount", lookup_expr="gte", label=_("From, a month"), min_value=0, max_digits=19, decimal_places=4
    )
    risk = django_filters.ChoiceFilter(choices=Risk.choices, label=_("Risk"), empty_label=_("any"))
    sort = django_filters.ChoiceFilter(choices=SORTS[1:], method="in_order", label=_("Sort"), empty_label=SORTS[0][1])

    class Meta:
        model = Approval
        fields = ("kind", "place", "due", "cost", "risk", "sort")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["kind"].extra["choices"] = _kinds()

    def is_due(self, rows: QuerySet[Approval], _name: str, value: str) -> QuerySet[Approval]:
        return rows.filter(decision_due__lte=clock.now() + SPANS[value])

    def in_order(self, rows: QuerySet[Approval], _name: str, value: str) -> QuerySet[Approval]:
        order = F(value.lstrip("-"))
        return rows.order_by(order.desc(nulls_last=True) if value.startswith("-") else order.asc(nulls_last=True), "id")
