"""The forms of subscriptions: a new one, and from where to send once more."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.audit.models import Shape


class SubscriptionForm(forms.Form):
    """Who is told of what, where. `given()` is what the service takes."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What listens there, for example siem or chat."))
    url = forms.CharField(label=_("Address"), max_length=500, help_text=_("Events are posted here; it begins with https://."))
    shape = forms.ChoiceField(
        label=_("Sent as"),
        choices=Shape.choices,
        required=False,
        help_text=_("Cards say it in words, with a button that opens the thing here."),
    )
    bot_secret = forms.CharField(
        label=_("Secret of the Feishu bot"),
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Where the bot asks for a signature; kept sealed and never shown."),
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

    def __init__(self, places: Any, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, auto_id="subscription-%s", **kwargs)
        scope: Any = self.fields["scope"]
        scope.queryset = places

    def given(self) -> dict[str, Any]:
        """What was sent, as `subscribe` takes it."""
        sent = dict(self.cleaned_data)
        shape = sent["shape"] or Shape.CLOUDEVENTS
        return {**sent, "shape": shape, "actions": words_of(sent["actions"]), "kinds": words_of(sent["kinds"])}


class ReplayForm(forms.Form):
    """From which position."""

    position = forms.IntegerField(label=_("From position"), min_value=1, max_value=2**62)


def words_of(text: str) -> list[str]:
    """Words parted by blanks or commas."""
    return text.replace(",", " ").split()
