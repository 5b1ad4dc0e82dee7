"""The one filter for approvals, on the page and in the API."""

from typing import Any

import django_filters
from django.utils.translation import gettext_lazy as _

from portal.approvals.kinds import kinds
from portal.approvals.models import Approval, State


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
