"""The form with which a role is taken in an emergency."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal.access.models import Role
from portal.tenancy.asking_forms import WORDS
from portal.tenancy.glass import MOST_HOURS


class BreakGlassForm(forms.Form):
    """Where, which role, for how long, and why."""

    place = forms.CharField(
        label=_("Where"),
        max_length=400,
        help_text=_("The name of a project or tenant, whole; where several have it, with its tenant: Retail / Web shop."),
    )
    role = forms.TypedChoiceField(label=_("Role"))
    hours = forms.TypedChoiceField(label=_("For how long"), coerce=int)
    reason = forms.CharField(
        label=_("What happened"),
        max_length=2000,
        widget=WORDS,
        help_text=_("Everybody who is told reads it, and both who review it."),
    )

    def __init__(self, roles: Sequence[Role], data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        known = {str(role.pk): role for role in roles}
        which: Any = self.fields["role"]
        which.choices, which.coerce = [(pk, role.name) for pk, role in known.items()], known.__getitem__
        hours: Any = self.fields["hours"]
        hours.choices = [(n, ngettext("%(n)s hour", "%(n)s hours", n) % {"n": n}) for n in range(1, MOST_HOURS + 1)]
