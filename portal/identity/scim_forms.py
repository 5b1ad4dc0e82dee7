"""The form of a token for an organization's directory."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.identity.providers import organizations_of
from portal.identity.scim_tokens import DAYS
from portal.users.actor import Actor


class ScimTokenForm(forms.Form):
    """Which organization it pushes to, what people call it, and how long it opens."""

    organization = forms.ChoiceField(label=_("Organization"))
    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("The service that will use it, such as Microsoft Entra ID."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(
        label=_("Opens for"), coerce=int, choices=[(days, _("%(days)s days") % {"days": days}) for days in DAYS], initial=180
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = {str(each.pk): each for each in organizations_of(actor)}
        offered: Any = self.fields["organization"]
        offered.choices = [(pk, each.name) for pk, each in self.known.items()]

    def clean_organization(self) -> Scope:
        """The organization itself."""
        found: Scope = self.known[self.cleaned_data["organization"]]
        return found
