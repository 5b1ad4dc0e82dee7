"""One filter for orders, on the page and in the API."""

from typing import Any

import django_filters as filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.orders.models import Order, OrderState
from portal.orders.queries import with_returned

RETURNED = "returned"
"""Not a state of the order: it waits, but for who asked."""
STATES = (*OrderState.choices[:1], (RETURNED, _("Returned")), *OrderState.choices[1:])
WHOSE = (("me", _("me")), ("asked", _("asked for by me")))
DAY = forms.DateInput(attrs={"type": "date"})


class OrderFilter(filters.FilterSet):  # type: ignore[misc]
    """By words (number, name of what was ordered), state, whose it is, and days. Rows are those of `orders_visible_to`."""

    q = filters.CharFilter(method="search", label=_("Number or name"), max_length=100)
    state = filters.ChoiceFilter(method="in_state", choices=STATES, label=_("State"), empty_label=_("any"))
    whose = filters.ChoiceFilter(method="of_whom", choices=WHOSE, label=_("For"), empty_label=_("anybody"))
    since = filters.DateFilter(field_name="created_at", lookup_expr="date__gte", label=_("From"), widget=DAY)
    until = filters.DateFilter(field_name="created_at", lookup_expr="date__lte", label=_("To"), widget=DAY)

    class Meta:
        model = Order
        fields = ("q", "state", "whose", "since", "until")

    def search(self, orders: QuerySet[Order], name: str, value: str) -> Any:
        """A number exactly, or a part of a name."""
        words = value.replace("\x00", "").strip()
        number = Q(number=int(words)) if words.isdecimal() and len(words) < 18 else Q()
        named = Q(items__spec__name__icontains=words)
        return orders.filter(number | named if number else named).distinct()

    def in_state(self, orders: Any, name: str, value: str) -> Any:
        """Those of one state; what came back waits for nobody's decision."""
        if value not in (RETURNED, OrderState.WAITING):
            return orders.filter(state=value)
        return with_returned(orders).filter(state=OrderState.WAITING, is_returned=value == RETURNED)

    def of_whom(self, orders: Any, name: str, value: str) -> Any:
        """Those that are for her, or that she asked for, be it for another."""
        return orders.filter(is_hers=True) if value == "me" else orders.filter(is_asked_by_her=True)
