"""What policies may ask about: each fact by its name, with the words and the values an editor offers for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.access.models import DataClass, Environment, Scope

Choices = Sequence[tuple[str, Any]]


class Sort(StrEnum):
    """How a fact is compared: an amount and a number by size, a list by what it has, the others by being the same."""

    AMOUNT = "amount"
    NUMBER = "number"
    CHOICE = "choice"
    TEXT = "text"
    LIST = "list"
    TRUTH = "truth"


OPERATORS_OF: dict[Sort, tuple[str, ...]] = {
    Sort.AMOUNT: ("ge", "gt", "lt", "le"),
    Sort.NUMBER: ("ge", "gt", "lt", "le", "eq", "ne"),
    Sort.CHOICE: ("eq", "ne", "in", "not_in"),
    Sort.TEXT: ("eq", "ne", "in", "not_in"),
    Sort.LIST: ("has",),
    Sort.TRUTH: ("eq",),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One fact a policy may ask about. `choices` are the values to choose from, or a function that gives those of a scope."""

    label: Any
    sort: Sort
    choices: Choices | Callable[[Scope], Choices] = ()


RISKS: Choices = (("low", _("Low")), ("medium", _("Medium")), ("high", _("High")))
SCOPE_KINDS: Choices = (("organization", _("Organization")), ("tenant", _("Tenant")), ("project", _("Project")))

# Facts of the place and of who asks: every kind of act has them. The others are in each kind's `asks`.
EVERYWHERE: dict[str, Asked] = {
    "scopes": Asked(_("In or below"), Sort.LIST),
    "scope_kind": Asked(_("Kind of place"), Sort.CHOICE, SCOPE_KINDS),
    "environment": Asked(_("Environment"), Sort.CHOICE, Environment.choices),
    "data_class": Asked(_("Data class"), Sort.CHOICE, DataClass.choices),
    "risk": Asked(_("Risk"), Sort.CHOICE, RISKS),
    "requester_roles": Asked(_("Role of who asks"), Sort.LIST),
}
