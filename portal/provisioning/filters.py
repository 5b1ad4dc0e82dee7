"""One filter for resources, on the page and in the API."""

from typing import Any

import django_filters as filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.provisioning.models import Resource, ResourceState

CAPABILITIES = [("compute", _("Server")), ("database", _("Database"))]


class ResourceFilter(filters.FilterSet):  # type: ignore[misc]
    """By words (name, address or the cloud's id), state, kind, whether there is a problem, and the connection it is on (by a link)."""

    q = filters.CharFilter(method="search", label=_("Name, address or id"), max_length=200)
    state = filters.ChoiceFilter(choices=ResourceState.choices, label=_("State"), empty_label=_("any"))
    capability = filters.ChoiceFilter(choices=CAPABILITIES, label=_("Kind"), empty_label=_("any"))
    trouble = filters.BooleanFilter(method="in_trouble", label=_("With a problem"), widget=forms.CheckboxInput)

    connection = filters.UUIDFilter(field_name="connection", label=_("Connection"), widget=forms.HiddenInput)

    class Meta:
        model = Resource
        fields = ("q", "state", "capability", "trouble", "connection")

    def search(self, resources: QuerySet[Resource], name: str, value: str) -> Any:
        """A part of the name, an address or an id whole."""
        words = value.replace("\x00", "").strip()
        whole = Q(external_id=words) | Q(observed__addresses__contains=[words])
        return resources.filter(Q(name__icontains=words) | whole)

    def in_trouble(self, resources: QuerySet[Resource], name: str, value: bool) -> Any:
        """Only those that somebody should look at; unchecked, all."""
        return resources.exclude(error="") if value else resources
