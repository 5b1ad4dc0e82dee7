"""How connections are narrowed down, on the page and in the API."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from portal.clouds.labels import HEALTHS, STATES
from portal.clouds.models import Connection
from portal.clouds.queries import provider_names


class ConnectionFilter(django_filters.FilterSet):  # type: ignore[misc]
    """By name, provider, state and health."""

    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label=_("Name"), max_length=80)
    provider = django_filters.ChoiceFilter(field_name="provider__key", choices=[], label=_("Cloud"), empty_label=_("any"))
    state = django_filters.ChoiceFilter(choices=list(STATES.items()), label=_("State"), empty_label=_("any"))
    health = django_filters.ChoiceFilter(choices=list(HEALTHS.items()), label=_("Health"), empty_label=_("any"))

    class Meta:
        model = Connection
        fields = ("q", "provider", "state", "health")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["provider"].extra["choices"] = provider_names()

    @property
    def qs(self) -> QuerySet[Connection]:
        found: QuerySet[Connection] = super().qs
        return found
