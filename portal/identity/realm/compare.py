"""What is wanted against what Keycloak gives back: what differs, and the one laid over the other. Pure.

What comes back is not what was sent: lists return in another order, empty and false values vanish, secrets are masked.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

MASK = "**********"
SECRET = re.compile(r"(?i)(secret|password|credential|private.?key)$")
NAMES = ("name", "alias", "executor", "condition")


def differs(want: Any, have: Any, path: str = "") -> list[str]:
    """One line for each place where `have` is not as `want` says; what `want` does not name is not looked at.

    A masked secret counts as the wanted one, since nobody can tell. No line shows a secret.
    """
    if (is_empty(want) and is_empty(have)) or have == MASK:
        return []
    if isinstance(want, dict):
        held = have if isinstance(have, dict) else {}
        return [line for key, value in want.items() for line in differs(value, held.get(key), f"{path}.{key}".strip("."))]
    if (pair := _by_name(want, have)) is not None:
        return list(_differing_entries(*pair, path))
    if _canonical(want) == _canonical(have):
        return []
    return [f"{path}: {_shown(have, path)} -> {_shown(want, path)}"]


def merge(have: Any, want: Any) -> Any:
    """`have` with `want` laid over it, since a PUT resets what it does not name. Changes neither."""
    if isinstance(want, dict) and isinstance(have, dict):
        return have | {key: merge(have.get(key), value) for key, value in want.items()}
    if (pair := _by_name(want, have)) is not None:
        wanted, held = pair
        return [merge(held.get(name), entry) for name, entry in wanted.items()]
    return want


def is_empty(value: Any) -> bool:
    """Whether Keycloak may leave it out of its answer."""
    return value is None or value is False or value in ("", [], {})


def _differing_entries(want: dict[str, Any], have: dict[str, Any], path: str) -> Iterator[str]:
    for name, entry in want.items():
        if name in have:
            yield from differs(entry, have[name], f"{path}[{name}]")
        else:
            yield f"{path}[{name}]: nothing -> {_shown(entry, path)}"
    for name in have.keys() - want.keys():
        yield f"{path}[{name}]: {_shown(have[name], path)} -> nothing"


def _by_name(want: Any, have: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Two lists of objects, each by the name its entries carry; None where one has no names, or one name twice."""
    if not want or not have or not _are_objects(want) or not _are_objects(have):
        return None
    for key in NAMES:
        wanted, held = ({str(entry[key]): entry for entry in part if key in entry} for part in (want, have))
        if len(wanted) == len(want) and len(held) == len(have):
            return wanted, held
    return None


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _canonical(value: Any) -> str:
    """A text that is equal for values that mean the same to Keycloak."""
    if isinstance(value, list):
        return json.dumps(sorted({_canonical(entry) for entry in value}))
    if isinstance(value, dict):
        return json.dumps({key: _canonical(value[key]) for key in sorted(value) if not is_empty(value[key])})
    return json.dumps(None if is_empty(value) else value)


def _shown(value: Any, path: str) -> str:
    """A value for the eyes of an operator."""
    return (
        "nothing" if value is None or value in ("", [], {}) else json.dumps(_without_secrets(value, path), ensure_ascii=False)
    )


def _without_secrets(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(entry, key) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_secrets(entry, path) for entry in value]
    return "(secret)" if SECRET.search(path) and isinstance(value, str) else value
