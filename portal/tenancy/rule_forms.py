"""The forms that say what a scope is for, and lay down rules for it."""

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.models import DataClass, Environment
from portal.tenancy.forms import blank


class ClassesForm(forms.Form):
    """What a scope is for and whom its data is for."""

    environment = forms.ChoiceField(label=_("Environment"), choices=blank(Environment), required=False)
    data_class = forms.ChoiceField(label=_("Data class"), choices=blank(DataClass), required=False)


class RuleForm(forms.Form):
    """Where what is of a class may lie, and whether it is encrypted."""

    data_class = forms.ChoiceField(label=_("Data class"), choices=[("", _("any")), *DataClass.choices], required=False)
    environment = forms.ChoiceField(label=_("Environment"), choices=[("", _("any")), *Environment.choices], required=False)
    regions = forms.CharField(
        label=_("Regions"),
        required=False,
        max_length=2000,
        help_text=_("One or more, with commas between; eu-* is every region that begins so. Empty: any."),
    )
    encrypted = forms.BooleanField(label=_("Encrypted"), required=False)

    def clean_regions(self) -> list[str]:
        """The regions one by one."""
        return [each.strip() for each in self.cleaned_data["regions"].replace("\n", ",").split(",") if each.strip()]
