"""The forms with which people ask for more than a quota or a budget allows."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import django_filters as filters
from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.tenancy.asking_forms import WORDS, named
from portal.tenancy.forms import UntilField
from portal.tenancy.models import QuotaAsk


class MoreForm(forms.Form):
    """So much more, until a day or for good, and why."""

    until = UntilField(
        required=False, help_text=_("Empty: for good. With a day, at most a year from now, it falls back by itself after it.")
    )
    reason = forms.CharField(label=_("Why"), max_length=2000, widget=WORDS, help_text=_("Who decides reads it."))


class QuotaMoreForm(MoreForm):
    """More of one of the quotas of a scope, raised or lent by another tenant."""

    dimension = forms.ChoiceField(label=_("Of what"))
    amount = forms.IntegerField(label=_("How much more"), min_value=1, max_value=2**53 - 1)
    lender = forms.TypedChoiceField(
        label=_("From whom"),
        required=False,
        empty_value=None,
        help_text=_("A tenant lends what it does not use, until the day that you name; its approvers decide."),
    )
    field_order = ("dimension", "amount", "lender", "until", "reason")

    def __init__(
        self, dimensions: Iterable[tuple[str, Any]], lenders: Sequence[Scope], data: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        what: Any = self.fields["dimension"]
        what.choices = list(dimensions)
        if not lenders:
            del self.fields["lender"]
            return
        known: Mapping[str, Scope] = {str(scope.pk): scope for scope in lenders}
        whose: Any = self.fields["lender"]
        whose.choices = [("", _("Nobody: the limit is raised"))] + [(pk, named(scope)) for pk, scope in known.items()]
        whose.coerce = known.__getitem__


class BudgetMoreForm(MoreForm):
    """More a month than the budget of a scope."""

    amount = forms.DecimalField(
        label=_("How much more a month"), min_value=Decimal("0.0001"), max_digits=17, decimal_places=4
    )
    field_order = ("amount", "until", "reason")


class QuotaAskFilter(filters.FilterSet):  # type: ignore[misc]
    """What was asked for, by how it stands."""

    class Meta:
        model = QuotaAsk
        fields = ("state", "dimension")
