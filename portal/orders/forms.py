"""What every order says beside the fields of its offering, and the end of a resource."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

PREFIX = "spec"
"""Of the names of an offering's own fields on a form."""
LONGEST_NOTE = 2000
LONGEST_KEY = 120


class OrderForm(forms.Form):
    """Where, for whom, which plan, on which cloud, and why. `key` makes two clicks one order."""

    project = forms.ChoiceField(label=_("Project"))
    beneficiary = forms.ChoiceField(
        label=_("For whom"), required=False, help_text=_("It is theirs then: they get the notices, and do not decide on it.")
    )
    connection = forms.ChoiceField(label=_("Cloud"))
    plan = forms.ChoiceField(label=_("Plan"), widget=forms.RadioSelect)
    note = forms.CharField(label=_("Why"), required=False, max_length=LONGEST_NOTE, widget=forms.Textarea(attrs={"rows": 2}))
    key = forms.CharField(max_length=LONGEST_KEY, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        *,
        projects: Iterable[Any],
        people: Iterable[Any],
        connections: Iterable[Any],
        plans: Iterable[Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(data, **kwargs)
        offered = {"project": projects, "beneficiary": people, "connection": connections, "plan": plans}
        for name, things in offered.items():
            field: Any = self.fields[name]
            nobody = [] if field.required else [("", _("Me"))]
            field.choices = [*nobody, *((str(thing.pk), str(thing)) for thing in things)]
            field.error_messages["invalid_choice"] = _("Choose one of those shown.")


class AmendForm(forms.Form):
    """What who decides is told of a change."""

    said = forms.CharField(
        label=_("What changed, and why"),
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For who decides; it stays with the order."),
    )


class EndForm(forms.Form):
    """The end of one resource. The fields are what `place_order` takes; the key makes two clicks one order."""

    note = forms.CharField(
        label=_("Why"),
        max_length=LONGEST_NOTE,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For who decides."),
    )
    key = forms.CharField(max_length=LONGEST_KEY, widget=forms.HiddenInput)
