"""The forms of cloud access: asking for what is offered, and offering what an account lends."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal.access.models import Scope, ScopeState
from portal.access.queries import scopes_visible_to
from portal.clouds.labels import translated
from portal.clouds.models import Connection
from portal.core.forms import SchemaForm
from portal.leases.models import LeaseOffer, Lender
from portal.users.actor import Actor

OFTEN = (15, 30, 60, 120, 240, 480, 720)
"""Durations that people choose from, in minutes, as far as an offer has them; its own longest is always one."""
MOST_SCOPES = 300


class AskForm(forms.Form):
    """How long, and what for. `key` makes a second click the first."""

    duration = forms.TypedChoiceField(label=_("For how long"), coerce=lambda text: timedelta(minutes=int(text)))
    purpose = forms.CharField(
        label=_("What for"), max_length=400, required=False, help_text=_("Who decides, and who looks later, reads it.")
    )
    key = forms.CharField(max_length=120, widget=forms.HiddenInput)

    def __init__(self, offer: LeaseOffer, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        duration: Any = self.fields["duration"]
        duration.choices = durations_of(offer)
        duration.initial = "60" if "60" in dict(duration.choices) else duration.choices[0][0]
        self.fields["purpose"].required = offer.needs_purpose


class OfferForm(forms.Form):
    """What of an account is offered, to whom, and for how long at once."""

    target = forms.ChoiceField(label=_("What is lent"))
    name = forms.CharField(
        label=_("Name"), max_length=80, help_text=_("What people see, for example: Read the shop's database.")
    )
    scope = forms.ModelChoiceField(
        label=_("To whom"),
        queryset=Scope.objects.none(),
        empty_label=_("Choose a place"),
        help_text=_("Whoever may take cloud access there, or above it."),
    )
    longest = forms.IntegerField(label=_("Minutes at most"), min_value=1, max_value=100_000)
    needs_purpose = forms.BooleanField(label=_("Ask what it is for"), required=False, initial=True)

    def __init__(self, connection: Connection, lender: Lender, actor: Actor, data: Any = None) -> None:
        super().__init__(data, auto_id="offer-%s")
        fields: dict[str, Any] = self.fields
        fields["target"].choices = [(one["key"], one["label"]) for one in lender.targets if not one["problem"]]
        places = scopes_visible_to(actor).filter(path__within=connection.scope.path, state=ScopeState.ACTIVE).order_by("path")
        fields["scope"].queryset = places
        fields["scope"].widget.choices = [
            ("", fields["scope"].empty_label),
            *((str(place.pk), place.name) for place in places[:MOST_SCOPES]),
        ]
        least, most = -(-lender.shortest_s // 60), lender.longest_s // 60
        fields["longest"].initial = min(max(60, least), most)
        fields["longest"].help_text = _("Between %(least)s and %(most)s, which is what this cloud keeps to.") % {
            "least": least,
            "most": most,
        }

    def clean_longest(self) -> timedelta:
        return timedelta(minutes=self.cleaned_data["longest"])


def options_form(lender: Lender, data: Any = None) -> SchemaForm:
    """What the cloud itself asks about an offer; its fields come back as `options-...`."""
    return SchemaForm(translated(lender.options) if lender.options else {"type": "object"}, data, prefix="options")


def durations_of(offer: LeaseOffer) -> list[tuple[str, str]]:
    """What can be asked for, in minutes and in words, shortest first."""
    lender = offer.connection.lender
    least, most = -(-lender.shortest_s // 60), min(offer.longest_s, lender.longest_s) // 60
    minutes = sorted({*(one for one in OFTEN if least <= one <= most), max(least, most)})
    return [(str(one), in_words(one)) for one in minutes]


def in_words(minutes: int) -> str:
    """90 minutes, 4 hours."""
    if minutes >= 60 and minutes % 60 == 0:
        hours = minutes // 60
        return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}
    return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
