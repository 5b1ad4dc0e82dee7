"""Forms of rules from claims to roles, and of their preview."""

import json
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.models import Role, Scope
from portal.access.queries import scopes_where
from portal.access.resolver import paths_of
from portal.identity.claims import Said
from portal.identity.mapping import said_of
from portal.identity.models import Compare, IdentityProvider, ProviderState, scim_issuer
from portal.tenancy.forms import PersonField
from portal.users.actor import Actor

MOST = 200_000
"""Characters of pasted claims: a thousand times what a token says of a person."""


class ProviderField(forms.ChoiceField):
    """Who says it: the identity service itself, or a provider or the SCIM of an organization whose people she manages."""

    def __init__(self, **kwargs: Any) -> None:
        own = ("", gettext_lazy("the identity service itself"))
        super().__init__(**{"label": gettext_lazy("Said by"), "required": False, "choices": [own], **kwargs})

    def offer(self, actor: Actor) -> None:
        """Choose among those the actor may make rules for."""
        roots = {UUID(path.split(".")[0]) for path in paths_of(actor, "manage_members")}
        known = IdentityProvider.objects.filter(organization__in=roots).exclude(state=ProviderState.REMOVED)
        own = ("", gettext_lazy("the identity service itself"))
        pushed = Scope.objects.filter(pk__in=roots, scim_tokens__isnull=False).distinct().order_by("name")
        by_scim = [(scim_issuer(root), _("SCIM of %(organization)s") % {"organization": root.name}) for root in pushed]
        self.choices = [own, *known.order_by("name").values_list("alias", "name"), *by_scim]


class RuleForm(forms.Form):
    """A rule: who is said to be what, and the role that follows. Its fields are what the service takes."""

    claim = forms.CharField(label=gettext_lazy("Claim"), max_length=100, initial="groups")
    compare = forms.ChoiceField(label=gettext_lazy("Compared"), choices=Compare.choices)
    value = forms.CharField(
        label=gettext_lazy("Value"),
        max_length=300,
        help_text=gettext_lazy("For example /cloud/admins. Capitals count. Of a provider only its own groups count."),
    )
    provider = ProviderField()
    role = forms.ModelChoiceField(label=gettext_lazy("Role"), queryset=Role.objects.none(), empty_label=None)
    scope = forms.ModelChoiceField(
        label=gettext_lazy("At"),
        queryset=Role.objects.none(),
        empty_label=gettext_lazy("Choose"),
        help_text=gettext_lazy("The role holds there and in all below."),
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said_by: Any = self.fields["provider"]
        said_by.offer(actor)
        scopes: Any = self.fields["scope"]
        scopes.queryset = scopes_where(actor, "manage_members")
        roles: Any = self.fields["role"]
        roles.queryset = Role.objects.filter(Q(scope=None) | Q(scope__in=scopes.queryset)).order_by("name")


class PreviewForm(forms.Form):
    """A person, or claims as they would come: `said()` is what the rules are held against."""

    username = PersonField(
        label=gettext_lazy("A person"),
        required=False,
        help_text=gettext_lazy("By sign-in name or e-mail address: what her providers said of her last counts."),
    )
    provider = ProviderField()
    claims = forms.CharField(
        label=gettext_lazy("Or claims"),
        required=False,
        max_length=MOST,
        widget=forms.Textarea(attrs={"rows": 5, "class": "mono", "spellcheck": "false"}),
        help_text=gettext_lazy(
            'As JSON, as they are said at a sign-in: {"groups": ["/cloud/admins"]}. With a person: instead of hers.'
        ),
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said_by: Any = self.fields["provider"]
        said_by.offer(actor)

    def clean_claims(self) -> dict[str, Any] | None:
        """The claims as an object, or None."""
        text = self.cleaned_data["claims"]
        if not text:
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("This is not JSON. It starts with { and ends with }.")) from error
        if not isinstance(found, dict):
            raise forms.ValidationError(_("Claims are an object: it starts with { and ends with }."))
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and cleaned.get("username") is None and cleaned.get("claims") is None:
            self.add_error("username", _("Name a person, or paste claims."))
        return cleaned

    def said(self) -> list[Said]:
        """What her providers say, or what was pasted."""
        user, claims = self.cleaned_data["username"], self.cleaned_data["claims"]
        if claims is None:
            return said_of(user)
        return [Said(user.pk if user else None, self.cleaned_data["provider"], claims)]
