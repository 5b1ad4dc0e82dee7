"""A Django form drawn from a JSON Schema: one renderer for order forms and credential forms."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.core.errors import Invalid
from portal.core.schema import Schema, properties, validate

Choices = Sequence[tuple[str, str]]


class SchemaForm(forms.Form):
    """One field per visible property. `options` gives the choices of `x-options` fields; `prefix` works as in Django.

    After is_valid(), `spec()` is the plain dict that the schema accepts: constants in, empty optional fields out.
    """

    def __init__(
        self, schema: Schema, data: Any = None, *, options: Mapping[str, Choices] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.schema = schema
        self.fixed = {name: part["const"] for name, part in properties(schema).items() if "const" in part}
        required = set(schema.get("required", []))
        for name, part in properties(schema).items():
            if name not in self.fixed and not part.get("x-hidden"):
                self.fields[name] = field_for(part, needed=name in required, choices=(options or {}).get(name))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        unknown = [name for name in self._sent() if name not in self.fields and name not in self.fixed]
        for name in unknown:
            self.add_error(None, _("The field %(name)s is not known here.") % {"name": name[:80]})
        if not self.errors:
            try:
                validate(self.schema, self.spec())
            except Invalid as error:
                for name, messages in error.extra["fields"].items():
                    self.add_error(name if name in self.fields else None, messages)
        return cleaned

    def spec(self) -> dict[str, Any]:
        """The answers as the schema wants them."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in (None, "") and name in self.fields}
        return {**self.fixed, **given}

    def _sent(self) -> list[str]:
        """Names that came with this form's prefix; without a prefix other fields of the page may stand beside."""
        if not self.prefix:
            return []
        return [name.removeprefix(f"{self.prefix}-") for name in self.data if name.startswith(f"{self.prefix}-")]


def field_for(part: Schema, *, needed: bool, choices: Choices | None) -> forms.Field:
    """The Django field for one property."""
    common: dict[str, Any] = {
        "label": part.get("title"),
        "help_text": part.get("description", ""),
        "required": needed,
        "initial": part.get("default"),
    }
    if choices is None and "enum" in part:
        names = part.get("x-labels", {})
        choices = [(str(value), str(names.get(str(value), value))) for value in part["enum"]]
    if choices is not None:
        blank = [] if needed and part.get("default") is not None else [("", "–")]
        coerce = int if part.get("type") == "integer" else str
        return forms.TypedChoiceField(choices=[*blank, *choices], coerce=coerce, empty_value=None, **common)
    match part.get("type"):
        case "integer":
            return forms.IntegerField(min_value=part.get("minimum"), max_value=part.get("maximum"), **common)
        case "boolean":
            return forms.BooleanField(**{**common, "required": False})
        case _:
            return _text_field(part, common)


def _text_field(part: Schema, common: dict[str, Any]) -> forms.Field:
    if part.get("writeOnly"):
        widget: forms.Widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    elif part.get("maxLength", 0) > 400:
        widget = forms.Textarea(attrs={"rows": 3})
    else:
        widget = forms.TextInput(attrs={"autocomplete": "off"})
    return forms.CharField(
        widget=widget,
        min_length=part.get("minLength"),
        max_length=part.get("maxLength"),
        strip=not part.get("writeOnly"),
        **common,
    )
