"""Registries read from settings: the only place that imports by name."""

from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def load(setting: str) -> list[Any]:
    """The objects that a setting names by dotted path, in its order; a wrong name is said."""
    return [named(path) for path in getattr(settings, setting)]


@cache
def named(path: str) -> Any:
    """The object behind "package.module.Name"."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ImproperlyConfigured(f"{path} is named in the settings and cannot be loaded: {error}") from error
