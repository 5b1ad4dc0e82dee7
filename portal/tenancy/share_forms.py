"""Forms about what is shared."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.permissions import PERMISSIONS
from portal.tenancy.forms import PersonField, UntilField
from portal.tenancy.sharing import may_share
from portal.users.actor import Actor


class ShareForm(forms.Form):
    """A share of one thing with one person until a day: of what the actor may do herself."""

    words: ClassVar[Mapping[str, Any]] = PERMISSIONS

    user = PersonField()
    permission = forms.ChoiceField(label=_("May"))
    expires = UntilField(help_text=_("A year from now at most."))

    def __init__(self, actor: Actor, thing: Any, data: Any = None) -> None:
        super().__init__(data)
        field: Any = self.fields["permission"]
        field.choices = [(name, self.words[name]) for name in may_share(actor, thing)]


class SharesForm(forms.Form):
    """What of a list of shares is looked at."""

    who = forms.CharField(label=_("Who"), max_length=200, required=False, widget=forms.TextInput(attrs={"type": "search"}))
    kind = forms.ChoiceField(
        label=_("What is shared"),
        choices=[("", _("all")), ("scope", _("places")), ("resource", _("resources"))],
        required=False,
    )

    def clean_who(self) -> str:
        return str(self.cleaned_data["who"]).replace("\x00", "").strip()
