"""Forms about the tree and its people."""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

from django import forms
from django.db.models import Q, TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.access.models import Group, Role, Scope
from portal.access.queries import roles_for
from portal.users.models import User, UserKind

LAST_DAY = date(9000, 1, 1)


def blank(choices: type[TextChoices]) -> list[tuple[str, Any]]:
    """The choices with an empty one, which takes what holds above."""
    return [("", _("as above")), *choices.choices]


class PersonField(forms.CharField):
    """A person or service account by sign-in name or e-mail address, whole; cleans to the User, or None where it may be empty."""

    def __init__(self, **kwargs: Any) -> None:
        given = {"label": _("Who"), "max_length": 150, "help_text": _("A sign-in name or e-mail address, whole."), **kwargs}
        super().__init__(**given)

    def clean(self, value: Any) -> Any:
        name = str(super().clean(value)).strip()
        if not name:
            return None
        known = User.objects.filter(Q(username=name) | Q(email__iexact=name), is_active=True)
        found = list(known.exclude(kind_of_user=UserKind.SYSTEM)[:2])
        if len(found) != 1:
            raise forms.ValidationError(_("Nobody here is known by exactly this name."))
        return found[0]


class DayField(forms.DateField):
    """A day, or None; in every zone one that the database can tell of."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"widget": forms.DateInput(attrs={"type": "date"}), **kwargs})

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        if day and day > LAST_DAY:
            raise forms.ValidationError(_("Choose an earlier day."))
        return day


class UntilField(DayField):
    """A day that something holds through; cleans to its last moment in the reader's zone, or None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"label": _("Until"), **kwargs})

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        return timezone.make_aware(datetime.combine(day, time.max)) if day else None


class FromField(DayField):
    """A day that something begins on; cleans to its first moment in the reader's zone, or None: at once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"label": _("From"), **kwargs})

    def clean(self, value: Any) -> Any:
        day, today = super().clean(value), timezone.localdate()
        if day and day < today:
            raise forms.ValidationError(_("This day is over. Leave it empty to begin at once."))
        return timezone.make_aware(datetime.combine(day, time.min)) if day and day > today else None


class ScopeForm(forms.Form):
    """A new tenant or project."""

    name = forms.CharField(label=_("Name"), max_length=120)
    cost_centre = forms.CharField(label=_("Cost centre"), max_length=40, required=False)


class RenameForm(forms.Form):
    """Another name for a scope."""

    name = forms.CharField(label=_("Name"), max_length=120)


class HandOverForm(forms.Form):
    """Who answers for something from now on."""

    to = PersonField(label=_("New owner"))


class QuotaForm(forms.Form):
    """At most so much of one dimension."""

    dimension = forms.RegexField(
        r"^[a-z][a-z0-9_]*$",
        label=_("Of what"),
        max_length=40,
        help_text=_("As offerings count it: servers, databases, storage_gib."),
        error_messages={"invalid": _("Lower-case letters, digits and underscores.")},
    )
    limit = forms.IntegerField(label=_("At most"), min_value=0, max_value=2**53 - 1)


class TermsForm(forms.Form):
    """The next version of an organization's terms of use."""

    text = forms.CharField(
        label=_("Text"),
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 16}),
        help_text=_("Plain text; an empty line begins a new paragraph. Who accepted a version before is shown what changed."),
    )
    after = forms.IntegerField(widget=forms.HiddenInput)


class ReviewForm(forms.Form):
    """Begin an access review."""

    scope = forms.ChoiceField(label=_("Where"))
    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("For example: Access review, autumn 2026."))
    due = UntilField(label=_("Decide until"))
    ends_undecided = forms.BooleanField(
        label=_("What nobody decides until then ends"),
        required=False,
        help_text=_("Else it stays. What a rule or SCIM gives stays in any case, and so does the last organization admin."),
    )

    def __init__(self, scopes: Iterable[Scope], data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.scopes = {str(scope.pk): scope for scope in scopes}
        field: Any = self.fields["scope"]
        field.choices = [(key, scope.name) for key, scope in self.scopes.items()]

    def clean_scope(self) -> Scope:
        return self.scopes[self.cleaned_data["scope"]]


class VerdictForm(forms.Form):
    """Why something is kept or revoked."""

    reason = forms.CharField(
        label=_("Why"), max_length=2000, required=False, help_text=_("Needed to revoke; kept with the review.")
    )


class RoleForm(forms.Form):
    """A role for a person or a group at a scope; `principal` is which. Without a group there it asks for a person only."""

    username = PersonField(required=False)
    group = forms.ModelChoiceField(
        label=_("Or a group"), queryset=Group.objects.none(), required=False, empty_label=_("A person")
    )
    role = forms.ModelChoiceField(label=_("Role"), queryset=Role.objects.none(), empty_label=None)
    starts = FromField(required=False, help_text=_("Empty: at once."))
    expires = UntilField(required=False, help_text=_("Empty: without an end."))

    def __init__(self, scope: Scope, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        known = roles_for(scope)
        field: Any = self.fields["role"]
        field.queryset = known
        field.choices = [(role.pk, role.name) for role in known]  # read once, where a queryset would be read three times
        groups = Group.objects.filter(scope__path__above=scope.path).order_by("name", "pk")
        if groups.exists():
            which: Any = self.fields["group"]
            which.queryset = groups
        else:
            del self.fields["group"]
            self.fields["username"].required = True

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        person, group = given.get("username"), given.get("group")
        if not self.errors and bool(person) == bool(group):
            self.add_error("username", _("Name a person or choose a group, one of the two."))
        given["principal"] = person or group
        return given
