"""The forms that connect a cloud, drawn from what its provider declares."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.access.queries import scopes_where
from portal.clouds.base import RUNGS
from portal.clouds.labels import RUNGS as RUNG_LABELS
from portal.clouds.labels import translated
from portal.clouds.models import Provider
from portal.core.forms import SchemaForm
from portal.core.schema import Schema, properties
from portal.users.actor import Actor

MOST_SCOPES = 300


class RenameForm(forms.Form):
    """What people call the connection."""

    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class DisableForm(forms.Form):
    """Why it is used no more."""

    reason = forms.CharField(
        label=_("Why"),
        max_length=400,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Kept in the events."),
    )


class ConnectForm(RenameForm):
    """What people call the connection, for whom it is, and what Concord may do there. `key` makes a second click the first."""

    scope = forms.ModelChoiceField(
        label=_("For whom"),
        queryset=Scope.objects.none(),
        empty_label=None,
        help_text=_("It and everything below it may use the connection."),
    )
    rung = forms.ChoiceField(
        label=_("What Concord may do"),
        choices=[(rung, RUNG_LABELS[rung]) for rung in RUNGS],
        initial="publish",
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    key = forms.CharField(max_length=120, widget=forms.HiddenInput)

    def __init__(self, actor: Actor, data: Any = None, *, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        scopes: Any = self.fields["scope"]
        scopes.queryset = scopes_where(actor, "manage_connections")
        shown = list(scopes.queryset[:MOST_SCOPES])
        names = {scope.pk.hex: scope.name for scope in shown}
        scopes.widget.choices = [(str(scope.pk), _path_of(scope, names)) for scope in shown]


def config_form(provider: Provider, data: Any = None) -> SchemaForm:
    """Where to call; its fields come back as `config-...`."""
    return SchemaForm(_ordered(provider.config), data, prefix="config")


def credentials_form(provider: Provider, data: Any = None) -> SchemaForm:
    """As whom to call; its fields come back as `credentials-...`."""
    return SchemaForm(_ordered(provider.credentials), data, prefix="credentials")


def _path_of(scope: Scope, names: dict[str, str]) -> str:
    """The names of the scopes above it that are known here, and its own."""
    return " / ".join(names[label] for label in str(scope.path).split(".") if label in names)


def _ordered(schema: Schema) -> Any:
    """In the reader's language, with what is needed first: the database keeps the order of a list, not that of fields."""
    fields, needed = properties(schema), list(schema.get("required", []))
    names = [*(name for name in needed if name in fields), *(name for name in fields if name not in needed)]
    return translated({**schema, "properties": {name: fields[name] for name in names}})
