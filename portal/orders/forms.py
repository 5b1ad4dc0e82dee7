"""Forms about orders."""

from django import forms
from django.utils.translation import gettext_lazy as _


class EndForm(forms.Form):
    """The end of one resource. The fields are what `place_order` takes; the key makes two clicks one order."""

    note = forms.CharField(
        label=_("Why"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For who decides."),
    )
    key = forms.CharField(max_length=120, widget=forms.HiddenInput)
