"""The form that asks why."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.access.permissions import PERMISSIONS


class WhyForm(forms.Form):
    """Who, may do what, with which thing: one that the page was opened for, or one of the scopes she sees."""

    person = forms.CharField(
        label=_("Who"),
        max_length=254,
        required=False,
        help_text=_("A sign-in name or e-mail address, whole. Empty: yourself."),
    )
    permission = forms.ChoiceField(label=_("May do what"), choices=list(PERMISSIONS.items()))
    kind = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)
    id = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)
    scope = forms.ChoiceField(label=_("Where"), required=False)

    def __init__(self, data: Any = None, *, thing: Any = None, scopes: Iterable[Scope] = (), **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if thing is not None:
            del self.fields["scope"]
            return
        del self.fields["kind"], self.fields["id"]
        field: Any = self.fields["scope"]
        field.choices = [(str(scope.pk), scope.name) for scope in scopes]
        field.required = True
