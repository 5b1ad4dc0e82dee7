"""Forms of budgets and exports, for pages."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.models import Scope
from portal.metering.models import ExportFormat
from portal.users.actor import Actor

FORMATS = [
    (ExportFormat.PARQUET.value, gettext_lazy("FOCUS 1.2, Parquet")),
    (ExportFormat.CSV.value, gettext_lazy("FOCUS 1.2, CSV")),
]


class BudgetForm(forms.Form):
    """A budget of one of the scopes whose budgets she may set; `fixed` when its scope is not to be chosen."""

    scope = forms.ModelChoiceField(
        label=gettext_lazy("For"), queryset=Scope.objects.none(), empty_label=gettext_lazy("Choose")
    )
    amount = forms.DecimalField(
        label=gettext_lazy("Amount a month"),
        min_value=Decimal(0),
        max_digits=17,
        decimal_places=4,
        help_text=gettext_lazy("In the currency of the organization, for this scope and all below it."),
    )
    thresholds = forms.CharField(
        label=gettext_lazy("Tell at"),
        initial="80, 100",
        max_length=100,
        help_text=gettext_lazy("Percentages with commas. Whoever may set this budget is told once a month at each."),
    )

    def __init__(self, actor: Actor, *args: Any, fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes: Any = self.fields["scope"]
        scopes.queryset = Scope.objects.visible_to(actor, "manage_budgets").order_by("path")
        if fixed:
            scopes.widget = forms.HiddenInput()

    def clean_thresholds(self) -> list[int]:
        """The percentages as numbers."""
        parts = [part.strip(" %") for part in self.cleaned_data["thresholds"].split(",") if part.strip(" %")]
        if not all(part.isascii() and part.isdecimal() and len(part) < 5 for part in parts):
            raise forms.ValidationError(_("Whole numbers with commas, for example 80, 100."))
        return [int(part) for part in parts]


class ExportForm(forms.Form):
    """A month of one organization as a file."""

    organization = forms.ChoiceField(label=gettext_lazy("Organization"))
    period = forms.ChoiceField(label=gettext_lazy("Month"))
    format = forms.ChoiceField(label=gettext_lazy("Format"), choices=FORMATS, widget=forms.RadioSelect, initial="parquet")

    def __init__(
        self, organizations: Iterable[tuple[str, str]], months: Iterable[tuple[str, str]], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        whose: Any = self.fields["organization"]
        when: Any = self.fields["period"]
        whose.choices, when.choices = list(organizations), list(months)
        if len(whose.choices) == 1:
            whose.widget, whose.initial = forms.HiddenInput(), whose.choices[0][0]
