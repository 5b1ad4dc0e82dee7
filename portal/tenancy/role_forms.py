"""Forms about roles and who holds them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.permissions import PERMISSIONS
from portal.tenancy.forms import PersonField

SECTIONS: list[tuple[Any, tuple[str, ...]]] = [
    (_("Order and use"), ("view_offering", "place_order", "view_order", "vote", "view_resource", "operate_resource")),
    (_("Secrets and sharing"), ("view_secret", "take_lease", "share_resource")),
    (
        _("Projects and people"),
        (
            *("view_scope", "manage_tenants", "manage_projects", "manage_members", "manage_roles", "manage_people"),
            *("manage_quotas", "manage_service_accounts"),
        ),
    ),
    (_("Money"), ("view_cost", "export_cost", "manage_budgets", "manage_prices")),
    (_("Rules and records"), ("manage_policies", "manage_terms", "view_event", "view_as")),
    (
        _("Clouds and the platform"),
        (
            *("view_connection", "manage_connections", "manage_offerings", "manage_identity_providers"),
            *("view_platform", "operate_platform"),
        ),
    ),
]
"""Every permission once, as a page groups them."""


class MemberForm(forms.Form):
    """Somebody to let into a group."""

    username = PersonField()


class CustomRoleForm(forms.Form):
    """A role of one's own: its name, where it can be given, and what it allows. `seen` is the edition that was looked at."""

    name = forms.CharField(label=_("Name"), max_length=120)
    scope: Any = forms.ModelChoiceField(
        label=_("Can be given at"), queryset=None, empty_label=None, help_text=_("There, and at all below it.")
    )
    permissions = forms.MultipleChoiceField(
        label=_("Allows"),
        choices=list(PERMISSIONS.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("A role allows something. Choose at least one.")},
    )
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, places: Any, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if places is None:
            del self.fields["scope"]  # where a role can be given stays as it was made
        else:
            field: Any = self.fields["scope"]
            field.queryset = places

    def sections(self) -> list[tuple[Any, list[tuple[str, Any, bool]], bool]]:
        """The permissions as the page shows them: (section, [(name, sentence, whether it is ticked)], whether any is)."""
        ticked = set(self["permissions"].value() or ())
        return [
            (title, [(name, PERMISSIONS[name], name in ticked) for name in names], not ticked.isdisjoint(names))
            for title, names in SECTIONS
        ]
