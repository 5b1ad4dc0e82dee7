"""The forms with which people ask for a project, or to join one, and say until when a project is wanted."""

from collections.abc import Sequence
from typing import Any

import django_filters as filters
from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.models import DataClass, Environment, Role, Scope
from portal.approvals.models import Approval, State
from portal.tenancy.asking import listed_kinds
from portal.tenancy.forms import PersonField, UntilField, blank
from portal.tenancy.models import JoinAsk, ProjectAsk

DAY = forms.DateInput(attrs={"type": "date"})
WORDS = forms.Textarea(attrs={"rows": 3})


class ProjectAskForm(forms.Form):
    """A project to ask for; the tenant is chosen where there are several."""

    tenant = forms.TypedChoiceField(label=_("Tenant"))
    name = forms.CharField(label=_("Name"), max_length=120)
    purpose = forms.CharField(
        label=_("What for"),
        max_length=2000,
        widget=WORDS,
        help_text=_("Who decides reads it, and it stays with the project."),
    )
    ends = forms.DateField(
        label=_("Last day"), widget=DAY, help_text=_("You are told a fortnight before. Nothing is removed by itself.")
    )
    environment = forms.ChoiceField(label=_("Environment"), choices=blank(Environment), required=False)
    data_class = forms.ChoiceField(label=_("Data class"), choices=blank(DataClass), required=False)
    cost_centre = forms.CharField(
        label=_("Cost centre"), max_length=40, required=False, help_text=_("Empty: that of the tenant.")
    )
    owner = PersonField(
        label=_("Owner"),
        required=False,
        help_text=_("A sign-in name or e-mail address; empty is you. The owner does not decide."),
    )

    def __init__(self, tenants: Sequence[Scope], data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        known = {str(tenant.pk): tenant for tenant in tenants}
        field: Any = self.fields["tenant"]
        choose = [("", _("Choose a tenant"))] if len(known) > 1 else []  # none is taken unseen
        field.choices = choose + [(pk, named(tenant)) for pk, tenant in known.items()]
        field.coerce = known.__getitem__


class JoinForm(forms.Form):
    """A role in a project to ask for."""

    role = forms.TypedChoiceField(label=_("Role"))
    reason = forms.CharField(label=_("Why"), max_length=2000, widget=WORDS, help_text=_("Who decides reads it."))
    until = UntilField(required=False, help_text=_("Empty: it has no end."))

    def __init__(self, roles: Sequence[Role], data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        known = {str(role.pk): role for role in roles}
        field: Any = self.fields["role"]
        field.choices, field.coerce = [(pk, role.name) for pk, role in known.items()], known.__getitem__


class EndForm(forms.Form):
    """The last day that a project is wanted."""

    ends = forms.DateField(label=_("Last day"), widget=DAY, required=False, help_text=_("Empty: it has no end."))


class AskedFilter(filters.FilterSet):  # type: ignore[misc]
    """What one asked for, by kind and how it was decided."""

    kind = filters.ChoiceFilter(field_name="subject_kind", label=_("Kind"), empty_label=_("any"))
    state = filters.ChoiceFilter(choices=State.choices, label=_("State"), empty_label=_("any"))

    class Meta:
        model = Approval
        fields = ("kind", "state")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["kind"].extra["choices"] = list(listed_kinds().items())


class ProjectAskFilter(filters.FilterSet):  # type: ignore[misc]
    """Projects asked for, by how they stand."""

    class Meta:
        model = ProjectAsk
        fields = ("state",)


class JoinAskFilter(filters.FilterSet):  # type: ignore[misc]
    """Roles asked for, by how they stand."""

    class Meta:
        model = JoinAsk
        fields = ("state",)


def named(tenant: Scope) -> str:
    """A tenant with what it lies in, for two may have one name."""
    return f"{tenant.parent} / {tenant}" if tenant.parent else str(tenant)
