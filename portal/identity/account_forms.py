"""The forms of service accounts: a new one, a token for it, a rotation, another owner."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.guard import permissions_of
from portal.access.models import Scope
from portal.access.permissions import PERMISSIONS
from portal.access.queries import scopes_visible_to
from portal.core import clock
from portal.identity.models import ServiceAccount
from portal.identity.service_accounts import LONGEST_PURPOSE
from portal.identity.tokens import LONGEST, OVERLAPS
from portal.tenancy.forms import PersonField
from portal.users.actor import Actor, Auth


class AccountForm(forms.Form):
    """A new service account, where it lives, and who answers for it."""

    scope = forms.ModelChoiceField(
        label=_("Where it lives"),
        queryset=Scope.objects.none(),
        empty_label=_("Choose a place"),
        help_text=_("Its admins can end it there."),
    )
    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What it does, for example ci-deploy."))
    purpose = forms.CharField(label=_("What for"), max_length=LONGEST_PURPOSE, required=False)
    owner = PersonField(
        label=_("Who answers for it"), required=False, help_text=_("A sign-in name or e-mail address; empty is you.")
    )

    def __init__(self, places: Any, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, auto_id="account-%s", **kwargs)
        scope: Any = self.fields["scope"]
        scope.queryset = places


class AccountTokenForm(forms.Form):
    """A token for a service account. `given()` is what the service takes."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Where it is used, so that you know it later."))
    days = forms.IntegerField(label=_("Days until it ends"), min_value=1, max_value=LONGEST.days, initial=90)
    scope = forms.ModelChoiceField(
        label=_("Only in"), queryset=Scope.objects.none(), required=False, empty_label=_("wherever its roles reach")
    )
    permissions = forms.MultipleChoiceField(
        label=_("Only these permissions"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: everything it may do, as it stands at each call."),
    )

    def __init__(self, account: ServiceAccount, actor: Actor, data: Any = None) -> None:
        super().__init__(data, auto_id="token-%s")
        its = Actor(account.user, Auth("none"))
        fields: dict[str, Any] = self.fields
        fields["scope"].queryset = scopes_visible_to(actor).filter(pk__in=scopes_visible_to(its)).order_by("path")
        held = permissions_of(its)
        fields["permissions"].choices = [(name, PERMISSIONS[name]) for name in PERMISSIONS if name in held]
        if not held:
            del fields["permissions"], fields["scope"]

    def given(self) -> dict[str, Any]:
        """Keyword arguments of `create_token`."""
        data = self.cleaned_data
        expires = clock.now() + timedelta(days=data["days"])
        chosen = data.get("permissions") or None
        return {"name": data["name"], "expires": expires, "permissions": chosen, "scope": data.get("scope")}


class OverlapForm(forms.Form):
    """How long tokens of before still open."""

    overlap = forms.TypedChoiceField(label=_("Tokens of before end"), coerce=int, choices=list(OVERLAPS.items()), initial=24)


class GiveOverForm(OverlapForm):
    """Who answers for it from here on."""

    owner = PersonField(label=_("Who answers for it from now on"))
    field_order = ("owner", "overlap")
