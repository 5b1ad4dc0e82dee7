"""Typed reading of environment variables: a wrong value is named, with what would be right."""

import os
from pathlib import Path

TRUE = {"1", "true", "yes", "on"}
FALSE = {"", "0", "false", "no", "off"}


class BadSetting(Exception):
    """An environment variable is missing or cannot be read as its type."""


def text(name: str, default: str | None = None) -> str:
    """The variable as text; without a default it must be set."""
    value = os.environ.get(name)
    if value:
        return value
    if default is None:
        raise BadSetting(f"{name} is not set. See docs/running.md, section Production.")
    return default


def flag(name: str, default: bool = False) -> bool:
    """The variable as yes or no."""
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise BadSetting(f"{name} is {value!r}; it takes 1 or 0.")


def integer(name: str, default: int) -> int:
    """The variable as a whole number."""
    value = os.environ.get(name) or str(default)
    try:
        return int(value)
    except ValueError as error:
        raise BadSetting(f"{name} is {value!r}; it takes a whole number.") from error


def items(name: str, default: str = "") -> list[str]:
    """The variable as a list, parted by commas."""
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def path(name: str, default: Path) -> Path:
    """The variable as an absolute path."""
    return Path(os.environ.get(name) or default).expanduser().resolve()
