"""The form that invites, and one filter of invitations for the page and the API."""

from typing import Any

import django_filters as filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.access.queries import roles_for
from portal.tenancy.forms import UntilField
from portal.tenancy.models import Invitation, InvitationState, standing

STATES = (
    (InvitationState.PENDING, _("Waiting")),
    (InvitationState.ACCEPTED, _("Accepted")),
    (InvitationState.REVOKED, _("Revoked")),
    (InvitationState.LAPSED, _("Ended")),
)


class InviteForm(forms.Form):
    """Whom to invite, to which role, until when."""

    addresses = forms.CharField(
        label=_("E-mail addresses"),
        max_length=20_000,
        help_text=_("One a line, at most 50."),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "none"}),
    )
    role = forms.TypedChoiceField(label=_("Role"))
    expires = UntilField(label=_("The role ends"), required=False, help_text=_("Empty: it has no end."))

    def __init__(self, scope: Scope, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        roles = {str(role.pk): role for role in roles_for(scope)}
        field: Any = self.fields["role"]
        field.choices, field.coerce = [(pk, role.name) for pk, role in roles.items()], roles.__getitem__
        field.initial = next((pk for pk, role in roles.items() if role.key == "member"), None)


class InvitationFilter(filters.FilterSet):  # type: ignore[misc]
    """By a part of the address, and by how it stands."""

    q = filters.CharFilter(method="search", label=_("Address"), max_length=100)
    state = filters.ChoiceFilter(choices=STATES, method="standing", label=_("State"), empty_label=_("any"))

    class Meta:
        model = Invitation
        fields = ("q", "state")

    def search(self, invitations: QuerySet[Invitation], name: str, value: str) -> Any:
        """A part of the address."""
        return invitations.filter(address__icontains=value.replace("\x00", "").strip())

    def standing(self, invitations: QuerySet[Invitation], name: str, value: str) -> Any:
        """Those that stand so now."""
        return invitations.filter(standing(value))
