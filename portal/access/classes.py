"""The environment and the data class that hold for a scope: its own, else those of the nearest scope above that says."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from portal.access.models import DataClass, Environment, Scope
from portal.access.queries import chain_of
from portal.core.errors import Invalid


@dataclass(frozen=True, slots=True)
class Classes:
    """Both, each empty where nobody says; with the scopes that say them."""

    environment: str = ""
    data_class: str = ""
    environment_of: Scope | None = None
    data_class_of: Scope | None = None


def inherited(chain: Iterable[Scope]) -> Classes:
    """What holds for the last scope of a chain that begins at the root. Asks nothing."""
    environment_of = data_class_of = None
    for scope in chain:
        environment_of = scope if scope.environment else environment_of
        data_class_of = scope if scope.data_class else data_class_of
    return Classes(
        environment_of.environment if environment_of else "",
        data_class_of.data_class if data_class_of else "",
        environment_of,
        data_class_of,
    )


def classes_of(scope: Scope) -> Classes:
    """What holds for a scope; one query."""
    return inherited(chain_of(scope))


def check_classes(environment: str, data_class: str) -> None:
    """Invalid where one is neither empty nor of the vocabulary."""
    known = {"environment": (environment, Environment.values), "data_class": (data_class, DataClass.values)}
    wrong = {name: words for name, (value, words) in known.items() if value and value not in words}
    fields = {name: [_("One of: %(words)s.") % {"words": ", ".join(words)}] for name, words in wrong.items()}
    if fields:
        raise Invalid(fields=fields)
