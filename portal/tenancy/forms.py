"""Forms about the tree and its people."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.models import Role, Scope
from portal.users.models import User, UserKind


class ScopeForm(forms.Form):
    """A new tenant or project."""

    name = forms.CharField(label=_("Name"), max_length=120)
    cost_centre = forms.CharField(label=_("Cost centre"), max_length=40, required=False)


class RoleForm(forms.Form):
    """A role for a person at a scope. `given()` is what the service takes."""

    username = forms.CharField(label=_("Who"), max_length=150, help_text=_("Her sign-in name or e-mail address."))
    role = forms.ModelChoiceField(label=_("Role"), queryset=Role.objects.none(), empty_label=None)
    expires = forms.DateField(label=_("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, scope: Scope, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        known = Role.objects.filter(Q(scope=None) | Q(scope__path__above=scope.path)).order_by("name")
        field: Any = self.fields["role"]
        field.queryset = known

    def clean_username(self) -> User:
        name = self.cleaned_data["username"].replace("\x00", "").strip()
        found = User.objects.filter(Q(username=name) | Q(email__iexact=name), is_active=True).exclude(
            kind_of_user=UserKind.SYSTEM
        )
        if found.count() != 1:
            raise forms.ValidationError(_("Nobody here is known by exactly this name."))
        return found.get()

    def clean_expires(self) -> datetime | None:
        day = self.cleaned_data["expires"]
        return datetime.combine(day, time.max, UTC) if day else None
