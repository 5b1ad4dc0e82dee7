"""How connections are narrowed down, on the page and in the API."""

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from portal.clouds.models import Connection, ConnectionState, Health


class ConnectionFilter(django_filters.FilterSet):  # type: ignore[misc]
    """By name, provider, state and health."""

    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label=_("Name"), max_length=80)
    provider = django_filters.CharFilter(field_name="provider__key", label=_("Cloud"), max_length=40)
    state = django_filters.ChoiceFilter(choices=ConnectionState.choices, label=_("State"))
    health = django_filters.ChoiceFilter(choices=Health.choices, label=_("Health"))

    class Meta:
        model = Connection
        fields = ("q", "provider", "state", "health")

    @property
    def qs(self) -> QuerySet[Connection]:
        found: QuerySet[Connection] = super().qs
        return found
