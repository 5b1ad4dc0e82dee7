"""The forms of an identity provider, drawn from what its protocol declares."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.core.forms import SchemaForm
from portal.identity.models import IdentityProvider
from portal.identity.protocols import Protocol, in_words
from portal.identity.providers import organizations_of
from portal.users.actor import Actor


class ProviderForm(forms.Form):
    """What people call it, and whose addresses lead to it."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("People read it when they sign in."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    domains = forms.CharField(
        label=_("E-mail domains"),
        max_length=10_000,
        required=False,
        help_text=_(
            "One on each line. Who types such an address at the sign-in is sent to this provider, and it lets in no other."
        ),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def given(self) -> dict[str, Any]:
        """Name and domains, as the services take them."""
        return {"name": self.cleaned_data["name"], "domains": self.cleaned_data["domains"].replace(",", " ").split()}


class NewProviderForm(ProviderForm):
    """The same with its organization, which is asked where there are several."""

    organization: Any = forms.ModelChoiceField(label=_("Organization"), queryset=None, empty_label=None)
    field_order = ("organization", "name", "domains")

    def __init__(self, actor: Actor, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        field: Any = self.fields["organization"]
        field.queryset = organizations_of(actor)


class FindForm(forms.Form):
    """The address whose domain says where to sign in."""

    email = forms.CharField(
        label=_("E-mail address"), max_length=320, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )


def config_form(protocol: Protocol, data: Any = None, provider: IdentityProvider | None = None) -> SchemaForm:
    """What it is told; its fields come back as `config-...`."""
    initial = provider.config if provider else None
    return SchemaForm(in_words(protocol.config), data, prefix="config", initial=initial)


def secret_form(protocol: Protocol, data: Any = None, provider: IdentityProvider | None = None) -> SchemaForm:
    """What is never shown again; where the provider has one, empty means that it stays."""
    schema = in_words(protocol.secret)
    return SchemaForm({**schema, "required": [] if provider else schema["required"]}, data, prefix="secret")


def answers(form: SchemaForm) -> dict[str, Any]:
    """What was answered, with a text that was emptied as empty: its default does not come back."""
    emptied = {
        name: ""
        for name, field in form.fields.items()
        if isinstance(field, forms.CharField) and form.cleaned_data.get(name) == "" and name not in form.schema["required"]
    }
    return {**emptied, **form.spec()}
