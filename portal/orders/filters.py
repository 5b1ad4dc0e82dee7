"""One filter for orders, on the page and in the API."""

from typing import Any

import django_filters as filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.orders.models import Order, OrderState

DAY = forms.DateInput(attrs={"type": "date"})


class OrderFilter(filters.FilterSet):  # type: ignore[misc]
    """By words (number, name of what was ordered), state and days."""

    q = filters.CharFilter(method="search", label=_("Number or name"), max_length=100)
    state = filters.ChoiceFilter(choices=OrderState.choices, label=_("State"), empty_label=_("any"))
    since = filters.DateFilter(field_name="created_at", lookup_expr="date__gte", label=_("From"), widget=DAY)
    until = filters.DateFilter(field_name="created_at", lookup_expr="date__lte", label=_("To"), widget=DAY)

    class Meta:
        model = Order
        fields = ("q", "state", "since", "until")

    def search(self, orders: QuerySet[Order], name: str, value: str) -> Any:
        """A number exactly, or a part of a name."""
        words = value.replace("\x00", "").strip()
        number = Q(number=int(words)) if words.isdecimal() and len(words) < 18 else Q()
        named = Q(items__spec__name__icontains=words)
        return orders.filter(number | named if number else named).distinct()
