"""The forms for signing in and for a new token."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from portal.access.guard import permissions_of
from portal.access.models import Scope
from portal.access.permissions import PERMISSIONS
from portal.core import clock
from portal.identity.reading import zones
from portal.identity.service_accounts import service_accounts_of
from portal.identity.tokens import LONGEST
from portal.users.actor import Actor
from portal.users.models import User


class SignInForm(forms.Form):
    """Name and password of a local account."""

    username = forms.CharField(
        label=_("Name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ReasonForm(forms.Form):
    """Why somebody is disabled or enabled."""

    reason = forms.CharField(label=_("Why"), max_length=2000, help_text=_("Kept with the event, for who reads of it later."))


class LeaveForm(forms.Form):
    """When and why somebody leaves; who takes over what is chosen beside it."""

    on = forms.DateField(
        label=_("Leaves on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("At six in the morning of that day, in the organization's zone. Empty: now."),
    )
    reason = forms.CharField(label=_("Why"), max_length=2000, help_text=_("Kept with the event, for who reads of it later."))


class ReadingForm(forms.Form):
    """In which language and zone she reads the portal."""

    language = forms.ChoiceField(label=_("Language"), required=False)
    zone = forms.ChoiceField(label=_("Time zone"), help_text=_("Days you choose in forms begin and end there."))

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data, initial={"language": user.language, "zone": user.zone}, auto_id="reading-%s")
        fields: dict[str, Any] = self.fields
        fields["language"].choices = [("", _("As the browser asks for")), *settings.LANGUAGES]
        fields["zone"].choices = [(name, name.replace("_", " ")) for name in zones()]


class LookForm(forms.Form):
    """Why somebody looks at an organization as a person sees it."""

    organization = forms.ChoiceField(label=_("Organization"))
    reason = forms.CharField(
        label=_("Why"), max_length=2000, help_text=_("She is told who looked and why; it is kept with the event.")
    )

    def __init__(self, organizations: list[Scope], data: Any = None) -> None:
        super().__init__(data, auto_id="look-%s")
        chosen: Any = self.fields["organization"]
        chosen.choices = [(str(each.pk), each.name) for each in organizations]
        if len(organizations) == 1:
            chosen.widget, chosen.initial = forms.HiddenInput(), str(organizations[0].pk)


class TokenForm(forms.Form):
    """A new token. `given()` is what the service takes."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What it is for, so that you know it later."))
    days = forms.IntegerField(label=_("Days until it ends"), min_value=1, max_value=LONGEST.days, initial=30)
    user = forms.ModelChoiceField(label=_("Acts as"), queryset=User.objects.none(), required=False, empty_label=_("Me"))
    permissions = forms.MultipleChoiceField(
        label=_("Only these permissions"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: everything you may do, as it stands at each call."),
    )

    def __init__(self, actor: Actor, data: Any = None) -> None:
        super().__init__(data)
        accounts: Any = self.fields["user"]
        accounts.queryset = service_accounts_of(actor)
        if not accounts.queryset:
            del self.fields["user"]
        allowed: Any = self.fields["permissions"]
        allowed.choices = [(name, PERMISSIONS[name]) for name in PERMISSIONS if name in permissions_of(actor)]

    def given(self) -> dict[str, Any]:
        """Keyword arguments of `create_token`."""
        data = self.cleaned_data
        expires: datetime = clock.now() + timedelta(days=data["days"])
        chosen = data["permissions"] or None
        return {"name": data["name"], "expires": expires, "permissions": chosen, "user": data.get("user")}
