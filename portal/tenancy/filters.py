"""Filters of tenancy's lists."""

from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.tenancy.models import ReviewItem

VERDICTS = [("open", _("not decided")), ("keep", _("kept")), ("revoke", _("revoked")), ("ended", _("ended by itself"))]


class ReviewItemFilter(filters.FilterSet):  # type: ignore[misc]
    """By the name of who holds it or what it gives, and by what was decided."""

    q = filters.CharFilter(method="search", label=_("Who, or what it gives"), max_length=200)
    verdict = filters.ChoiceFilter(method="decided", choices=VERDICTS, label=_("Decided"), empty_label=_("any"))

    class Meta:
        model = ReviewItem
        fields = ("q", "verdict")

    def search(self, items: QuerySet[ReviewItem], name: str, value: str) -> Any:
        words = value.replace("\x00", "").strip()
        named = Q(user__name__icontains=words) | Q(user__username__icontains=words) | Q(group__icontains=words)
        return items.filter(named | Q(gives__icontains=words) | Q(scope__name__icontains=words))

    def decided(self, items: QuerySet[ReviewItem], name: str, value: str) -> Any:
        return items.filter(verdict="" if value == "open" else value)
