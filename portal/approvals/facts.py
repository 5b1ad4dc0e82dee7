"""Facts as plain JSON, their hash, and what changed between two readings. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that is not what it was; None where it was or is not there."""

    name: str
    before: Any
    after: Any


def plain(value: Any) -> Any:
    """The value as JSON keeps it: amounts, ids and dates as text. A float is refused: it has no one way to be written."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a fact cannot be a {type(value).__name__}: {value!r}")


def canonical(value: Any) -> str:
    """One text for one meaning: sorted keys, no spaces."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def card_hash(facts: Mapping[str, Any]) -> str:
    """The sha256 of the facts in their one way to be written, in UTF-8."""
    return sha256(canonical(facts).encode()).hexdigest()


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs, by the name of the fact."""
    names = sorted({*before, *after})
    return [
        Change(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    ]
