"""Filters of identity's lists."""

from typing import Any

import django_filters as filters
from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.core import clock
from portal.identity.models import AccountState, ServiceAccount
from portal.identity.service_accounts import UNUSED_AFTER

STANDINGS = [("orphaned", _("owner gone")), ("unused", _("unused for 90 days")), ("disabled", _("disabled"))]


class AccountFilter(filters.FilterSet):  # type: ignore[misc]
    """By name or owner, by what is amiss, and by where they live: at a scope or below it."""

    q = filters.CharFilter(method="search", label=_("Name, purpose or owner"), max_length=200)
    standing = filters.ChoiceFilter(method="stands", choices=STANDINGS, label=_("Needs a look"), empty_label=_("all"))
    scope = filters.UUIDFilter(method="lives", widget=forms.HiddenInput)

    class Meta:
        model = ServiceAccount
        fields = ("q", "standing", "scope")

    def search(self, accounts: Any, name: str, value: str) -> Any:
        words = value.replace("\x00", "").strip()
        named = Q(user__name__icontains=words) | Q(user__username__icontains=words) | Q(purpose__icontains=words)
        return accounts.filter(named | Q(user__owner__name__icontains=words) | Q(user__owner__username__icontains=words))

    def stands(self, accounts: Any, name: str, value: str) -> Any:
        if value == "disabled":
            return accounts.filter(state=AccountState.DISABLED)
        if value == "orphaned":
            return accounts.filter(belongs=False)
        since = clock.now() - UNUSED_AFTER
        return accounts.filter(Q(last_used__lt=since) | Q(last_used=None, created_at__lt=since))

    def lives(self, accounts: Any, name: str, value: Any) -> Any:
        place = Scope.objects.filter(pk=value).first()
        return accounts.filter(scope__path__within=place.path) if place else accounts.none()
