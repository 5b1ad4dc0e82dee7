"""JSON Schema (2020-12) as the one language of forms: what may be ordered, what a connection needs."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from portal.core.errors import Invalid

Schema = Mapping[str, Any]
LONGEST_TEXT = 10_000


def validate(schema: Schema, value: Mapping[str, Any]) -> None:
    """Raise Invalid with `fields` naming each field that does not fit. Unknown fields do not fit."""
    closed = {"additionalProperties": False, **schema}
    fields: dict[str, list[str]] = {}
    for name, content in value.items():
        longest = max(LONGEST_TEXT, properties(schema).get(name, {}).get("maxLength", 0))
        if isinstance(content, str) and not can_be_kept(content, longest):
            fields.setdefault(str(name)[:80], []).append(_("This text is too long or holds characters that cannot be kept."))
    if not fields:
        for error in Draft202012Validator(closed, format_checker=FormatChecker()).iter_errors(dict(value)):
            name, text = _say(error)
            fields.setdefault(name, []).append(text)
    if fields:
        raise Invalid(_("Check the fields that are marked."), fields=fields)


def can_be_kept(text: str, longest: int = LONGEST_TEXT) -> bool:
    """Whether the database can keep it: not too long, no NUL, and no half of a surrogate pair."""
    return len(text) <= longest and "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def properties(schema: Schema) -> dict[str, Schema]:
    """Field name -> its schema, in the order written."""
    return dict(schema.get("properties", {}))


def secrets_of(schema: Schema) -> set[str]:
    """The fields that are written and never shown again."""
    return {name for name, part in properties(schema).items() if part.get("writeOnly")}


def defaults(schema: Schema) -> dict[str, Any]:
    """What each field holds when nobody says otherwise."""
    found = {name: part.get("const", part.get("default")) for name, part in properties(schema).items()}
    return {name: value for name, value in found.items() if value is not None}


def narrow(schema: Schema, narrowing: Schema) -> dict[str, Any]:
    """A schema with each property narrowed by the keywords given for it (const, enum, default, minimum, x-hidden)."""
    changed = properties(narrowing)
    unknown = set(changed) - set(properties(schema))
    if unknown:
        raise Invalid(_("The schema has no field %(names)s.") % {"names": ", ".join(sorted(unknown))})
    merged = {name: {**part, **changed.get(name, {})} for name, part in properties(schema).items()}
    required = sorted({*schema.get("required", []), *narrowing.get("required", [])})
    return {**schema, "properties": merged, "required": required}


def _say(error: ValidationError) -> tuple[str, str]:
    """The field and a sentence for it; the library's own words would quote the value back."""
    part: Any = error.schema
    wanted: Any = error.validator_value
    found: Any = error.instance
    name = str(error.absolute_path[0]) if error.absolute_path else ""
    limit = wanted
    match error.validator:
        case "required":
            missing = [field for field in wanted if field not in found]
            return (missing or [""])[0], _("This field is needed.")
        case "additionalProperties":
            known = set(part.get("properties", {}))
            extra = sorted(str(field) for field in found if field not in known)
            return (extra or [""])[0][:80], _("This field is not known here.")
        case "enum" | "const":
            return name, _("This value is not one of those offered.")
        case "minimum" | "exclusiveMinimum":
            return name, _("At least %(limit)s.") % {"limit": limit}
        case "maximum" | "exclusiveMaximum":
            return name, _("At most %(limit)s.") % {"limit": limit}
        case "minLength":
            return name, _("At least %(limit)s characters.") % {"limit": limit}
        case "maxLength":
            return name, _("At most %(limit)s characters.") % {"limit": limit}
        case "type":
            return name, _("This must be of type %(type)s.") % {"type": limit}
        case _:
            return name, str(part.get("x-says") or _("This value does not fit."))
