"""One filter for offerings, on the page and in the API."""

from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.catalogue.models import Offering
from portal.clouds.labels import KINDS


class OfferingFilter(filters.FilterSet):  # type: ignore[misc]
    """By words (each in the name, summary or kind) and by kind."""

    q = filters.CharFilter(method="search", label=_("Find a service"), max_length=100)
    capability = filters.ChoiceFilter(choices=list(KINDS.items()), label=_("Kind"), empty_label=_("any"))

    class Meta:
        model = Offering
        fields = ("q", "capability")

    def search(self, offerings: QuerySet[Offering], name: str, value: str) -> Any:
        """Every word somewhere in what people read of it."""
        for word in value.replace("\x00", "").split():
            text = Q(name__icontains=word) | Q(summary__icontains=word) | Q(capability__icontains=word)
            offerings = offerings.filter(text)
        return offerings
