"""Quota and budget before and after an act, as bars."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.catalogue.models import Plan
from portal.metering.budgets import BudgetState
from portal.tenancy.quotas import Room
from portal.web.bars import Bar, bar

DIMENSIONS: dict[str, Any] = {
    "databases": gettext_lazy("Databases"),
    "memory_gib": gettext_lazy("Memory, GiB"),
    "servers": gettext_lazy("Servers"),
    "storage_gib": gettext_lazy("Storage, GiB"),
    "vcpu": gettext_lazy("vCPU"),
}


def dimension_word(dimension: str) -> str:
    """A quota's dimension as people read it."""
    return str(DIMENSIONS.get(dimension) or dimension.replace("_", " ").capitalize())


def quota_bars(rooms: Iterable[tuple[Room, int]]) -> list[Bar]:
    """One bar for each quota that binds, with what the act takes of it."""
    label = _("%(what)s in %(scope)s")
    return [
        bar(label % {"what": dimension_word(room.dimension), "scope": room.scope}, room.used, taken, room.limit)
        for room, taken in rooms
    ]


def budget_bars(state: BudgetState | None, cost: Decimal) -> list[Bar]:
    """The tightest budget: where the month ends with all that is open, and what the act adds to that."""
    if state is None or state.budget is None or state.outlook is None:
        return []
    label = _("Budget of %(scope)s, this month") % {"scope": state.budget.scope}
    return [bar(label, state.expected - cost, cost, state.amount, state.currency, digits=2)]


def shortage(plan: Plan, rooms: Iterable[Room]) -> str:
    """Why a plan does not fit into the quota that is left; empty where it does."""
    for room in rooms:
        missing = plan.quotas.get(room.dimension, 0) - room.left
        if plan.quotas.get(room.dimension) and missing > 0:
            words = {"missing": missing, "what": dimension_word(room.dimension), "scope": room.scope}
            return _("%(what)s: %(missing)s over the quota of %(scope)s") % words
    return ""
