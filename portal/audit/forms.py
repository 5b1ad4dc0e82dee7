"""The forms of subscriptions: a new one, and from where to send once more."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.audit.models import Shape
from portal.users.models import User


class SubscriptionForm(forms.Form):
    """Who is told of what, where. `given()` is what the service takes."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What listens there, for example siem or chat."))
    url = forms.CharField(label=_("Address"), max_length=500, help_text=_("Events are posted here; it begins with https://."))
    shape = forms.ChoiceField(
        label=_("Sent as"),
        choices=Shape.choices,
        help_text=_("Cards say it in words, with a button that opens the thing here; decisions are answered by a program."),
    )
    bot_secret = forms.CharField(
        label=_("Secret of the Feishu bot"),
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Where the bot asks for a signature; kept sealed and never shown."),
    )
    account = forms.ModelChoiceField(
        label=_("Account that decides"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("None"),
        help_text=_("For decisions: a service account of yours that may decide there. Signed answers vote as it."),
    )
    scope = forms.ModelChoiceField(
        label=_("Events of"), queryset=Scope.objects.none(), empty_label=_("Choose a place"), help_text=_("And all below it.")
    )
    actions = forms.CharField(
        label=_("Only actions that begin with"),
        required=False,
        max_length=400,
        help_text=_("For example orders. approvals.vote; empty is every action."),
    )
    kinds = forms.CharField(
        label=_("Only about"),
        required=False,
        max_length=400,
        help_text=_("Kinds of things, for example order resource; empty is everything."),
    )
    from_start = forms.BooleanField(label=_("Begin with the oldest event, not with the next one"), required=False)

    def __init__(self, places: Any, accounts: Any, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, auto_id="subscription-%s", **kwargs)
        for name, offered in (("scope", places), ("account", accounts)):
            field: Any = self.fields[name]
            field.queryset = offered
            field.choices = list(iter(field.choices))  # read once, where a count would come before

    def given(self) -> dict[str, Any]:
        """What was sent, as `subscribe` takes it."""
        sent = dict(self.cleaned_data)
        account = sent["account"].pk if sent["account"] else None
        return {**sent, "account": account, "actions": words_of(sent["actions"]), "kinds": words_of(sent["kinds"])}


class ReplayForm(forms.Form):
    """From which position."""

    position = forms.IntegerField(label=_("From position"), min_value=1, max_value=2**62)


def words_of(text: str) -> list[str]:
    """Words parted by blanks or commas."""
    return text.replace(",", " ").split()
