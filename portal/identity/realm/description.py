"""Read the description of a realm: a YAML with placeholders, checked for shape before anything is asked of Keycloak."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from portal.core.errors import Invalid

Json = dict[str, Any]
PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")

# What a section adds to Keycloak's own fields. Keycloak's are camelCase and Keycloak refuses those it does not know.
OURS: dict[str, set[str]] = {
    "settings": set(),
    "client_profiles": set(),
    "client_policies": set(),
    "scopes": {"mappers"},
    "roles": set(),
    "groups": {"roles"},
    "clients": {"mappers", "default_scopes", "optional_scopes", "service_roles"},
    "flows": {"copy_of", "requirements"},
    "identity_providers": {"mappers", "import_from"},
    "organizations": {"identity_providers"},
}
ALL_OURS = {"groups", "flows"}  # sections in which nothing of Keycloak's own stands


class BadDescription(Invalid):
    """The description of the realm cannot be used as it is; the detail says where and why."""


@dataclass(frozen=True)
class Description:
    """A realm as it should be. Each section maps a name to what Keycloak calls a representation, plus OURS."""

    settings: Json
    client_profiles: dict[str, Json]
    client_policies: dict[str, Json]
    scopes: dict[str, Json]
    roles: dict[str, Json]
    groups: dict[str, Json]
    clients: dict[str, Json]
    flows: dict[str, Json]
    identity_providers: dict[str, Json]
    organizations: dict[str, Json]


class NamesStandOnce(yaml.SafeLoader):
    """YAML lets the last of two equal names win in silence; here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        for name in names:
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(problem=f"{name!r} stands twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def read(path: Path, values: Mapping[str, str]) -> Description:
    """The description in this file, its placeholders filled in from `values`; raises BadDescription."""
    try:
        raw = yaml.load(path.read_text(), NamesStandOnce)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise BadDescription(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadDescription(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    try:
        return parse(raw, values)
    except BadDescription as error:
        raise BadDescription(f"{path}: {error}") from error


def parse(raw: Any, values: Mapping[str, str]) -> Description:
    """The same from what a YAML holds."""
    sections = {field.name for field in fields(Description)}
    tree = _mapping(raw, "the file")
    if unknown := tree.keys() - sections:
        raise BadDescription(f"unknown section {_listed(unknown)}; there are {_listed(sections)}")
    # Filled in after parsing, so that a value with a quote or a colon in it stays a value
    filled = {name: _mapping(_filled(tree.get(name), values), name) for name in sections}
    for section in sections - {"settings"}:
        filled[section] = {name: _checked(section, name, body) for name, body in filled[section].items()}
    return Description(**{**filled, "settings": _checked("settings", "", filled["settings"])})


def _checked(section: str, name: str, body: Any) -> Json:
    where = f"{section}.{name}" if name else section
    body = _mapping(body, where)
    for key in body:
        if key not in OURS[section] and (section in ALL_OURS or "_" in key or not key[:1].islower()):
            raise BadDescription(f"{where}: unknown key {key!r}" + _hint(section))
    if section == "flows" and "copy_of" not in body:
        raise BadDescription(f"{where}: copy_of is missing")
    return {key: _spelled(value, key, f"{where}.{key}") for key, value in body.items()}


def _hint(section: str) -> str:
    return f"; besides Keycloak's own there are {_listed(OURS[section])}" if OURS[section] else ""


def _spelled(value: Any, key: str, where: str) -> Any:
    """As Keycloak writes it: attributes and config hold texts only; a value left out is a mistake."""
    if value is None:
        raise BadDescription(f"{where} has no value")
    if isinstance(value, list):
        return [_spelled(entry, key, where) for entry in value]
    if not isinstance(value, dict):
        return value
    texts = key in ("attributes", "config")
    parts = {str(name): _spelled(entry, str(name), f"{where}.{name}") for name, entry in value.items()}
    return {name: _text(entry) for name, entry in parts.items()} if texts else parts


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, list | dict) else str(value)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        filled = {_filled(key, values): _filled(entry, values) for key, entry in value.items()}
        if len(filled) < len(value):
            raise BadDescription(f"one name stands for two things among {_listed(set(value))}")
        return filled
    if isinstance(value, list):
        return [_filled(entry, values) for entry in value]
    return PLACEHOLDER.sub(lambda found: _value(found[1], values), value) if isinstance(value, str) else value


def _value(name: str, values: Mapping[str, str]) -> str:
    if not values.get(name):
        raise BadDescription(f"${{{name}}} has no value here; the settings or the environment give it")
    return values[name]


def _mapping(value: Any, where: str) -> Json:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise BadDescription(f"{where}: names with their values are needed here")
    return value


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
