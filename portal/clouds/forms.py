"""The forms that connect a cloud, drawn from what its provider declares."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.clouds.base import RUNGS
from portal.clouds.labels import RUNGS as RUNG_LABELS
from portal.clouds.labels import translated
from portal.clouds.models import Provider
from portal.core.forms import SchemaForm


class NameForm(forms.Form):
    """What people call the connection, and what Concord may do there."""

    name = forms.CharField(label=_("Name"), max_length=80)
    rung = forms.ChoiceField(
        label=_("What Concord may do"), choices=[(rung, RUNG_LABELS[rung]) for rung in RUNGS], initial="publish"
    )


def config_form(provider: Provider, data: Any = None) -> SchemaForm:
    """Where to call; its fields come back as `config-...`."""
    return SchemaForm(translated(provider.config), data, prefix="config")


def credentials_form(provider: Provider, data: Any = None) -> SchemaForm:
    """As whom to call; its fields come back as `credentials-...`."""
    return SchemaForm(translated(provider.credentials), data, prefix="credentials")
