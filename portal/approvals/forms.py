"""The form under the decision card."""

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.approvals.models import Choice


class VoteForm(forms.Form):
    """What she decides, on which card, and what she tells who asked."""

    card_hash = forms.CharField(max_length=64, widget=forms.HiddenInput)
    choice = forms.ChoiceField(choices=Choice.choices, widget=forms.HiddenInput)
    note = forms.CharField(
        label=_("Note"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 1, "autocomplete": "off"})
    )
