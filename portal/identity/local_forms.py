"""The forms of a local account: its code at sign-in, its second factor, its password."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "class": "code-input"}
RECOVERY = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}


def _password(label: Any, autocomplete: str, help_text: Any = "") -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, max_length=200, strip=False, widget=widget, help_text=help_text)


class CodeInput(forms.PasswordInput):
    """Seen while it is typed, and not written back into a page: a code that was wrong is typed anew."""

    input_type = "text"


class CodeForm(forms.Form):
    """The six digits, or on the other page a recovery code."""

    code = forms.CharField(label=_("Code"), max_length=40, widget=CodeInput(attrs=CODE))

    def __init__(self, data: Any = None, *, is_recovery: bool = False) -> None:
        super().__init__(data)
        if is_recovery:
            self.fields["code"].label = _("Recovery code")
            self.fields["code"].widget.attrs = dict(RECOVERY)


class PasswordForm(forms.Form):
    """Her password, before a key is shown."""

    password = _password(_("Your password"), "current-password")


class ProofForm(forms.Form):
    """Her password or the code of now, before the second factor changes."""

    proof = _password(_("Your password, or the code your app shows now"), "current-password")


class NewPasswordForm(forms.Form):
    """A new password, twice."""

    new_password = _password(_("New password"), "new-password", _("At least 12 characters; a sentence is easy to keep."))
    again = _password(_("The same again"), "new-password")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("new_password") and data.get("again") and data["new_password"] != data["again"]:
            self.add_error("again", _("The two differ."))
        return data


class ChangePasswordForm(NewPasswordForm):
    """The old one and the new one."""

    password = _password(_("Your password now"), "current-password")
    field_order = ("password", "new_password", "again")


class ForgottenForm(forms.Form):
    """Who forgot it."""

    who = forms.CharField(
        label=_("Name or e-mail address"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class NewAccountForm(NewPasswordForm):
    """The account that an invitation makes. `given()` is what the service takes."""

    username = forms.CharField(
        label=_("Sign-in name"),
        max_length=100,
        help_text=_("Letters, digits, dots, dashes; you sign in with it."),
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    name = forms.CharField(label=_("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ("name", "username", "new_password", "again")

    def given(self) -> dict[str, str]:
        data = self.cleaned_data
        return {"username": data["username"], "name": data["name"], "password": data["new_password"]}
