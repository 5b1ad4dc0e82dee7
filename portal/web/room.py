"""Quota and budget before and after an act, as bars."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import ROUND_UP, Decimal
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.catalogue.models import Plan
from portal.core.errors import OverBudget, PortalError, QuotaExceeded
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
    return [_quota_bar(room, taken) for room, taken in rooms]


def budget_bars(state: BudgetState | None, cost: Decimal) -> list[Bar]:
    """The tightest budget: where the month ends with all that is open, and what the act adds to that."""
    if state is None or state.budget is None or state.outlook is None:
        return []
    label = _("Budget of %(scope)s, this month") % {"scope": state.budget.scope}
    drawn = bar(label, state.expected - cost, cost, state.amount, state.currency, digits=2)
    return [replace(drawn, more=budget_more(state.budget.scope_id, max(drawn.over_by, Decimal())))]


def shortage(plan: Plan, rooms: Iterable[Room]) -> str:
    """Why a plan does not fit into the quota that is left; empty where it does."""
    for room in rooms:
        missing = plan.quotas.get(room.dimension, 0) - room.left
        if plan.quotas.get(room.dimension) and missing > 0:
            words = {"missing": missing, "what": dimension_word(room.dimension), "scope": room.scope}
            return _("%(what)s: %(missing)s over the quota of %(scope)s") % words
    return ""


def quota_more(scope: Any, dimension: str, missing: int) -> str:
    """The address of the form that asks for more of a quota, filled in with what is missing."""
    return _with(reverse("quota-more", args=[scope]), {"dimension": dimension, "amount": missing or ""})


def budget_more(scope: Any, missing: Decimal) -> str:
    """The same for a budget; what is missing is rounded up to what money can say."""
    amount = missing.quantize(Decimal("0.01"), ROUND_UP) if missing else ""
    return _with(reverse("budget-more", args=[scope]), {"amount": amount})


def way_to_ask(error: PortalError | None) -> str:
    """The address of the form that asks for what a refusal says is missing; empty where it is another refusal."""
    if isinstance(error, QuotaExceeded):
        return quota_more(error.extra["scope"], error.extra["dimension"], error.extra["missing"])
    if isinstance(error, OverBudget):
        return budget_more(error.extra["scope"], Decimal(error.extra["missing"]))
    return ""


def _quota_bar(room: Room, taken: int) -> Bar:
    label = _("%(what)s in %(scope)s") % {"what": dimension_word(room.dimension), "scope": room.scope}
    drawn = bar(label, room.used, taken, room.limit)
    return replace(drawn, more=quota_more(room.scope.pk, room.dimension, max(int(drawn.over_by), 0)))


def _with(address: str, said: Mapping[str, Any]) -> str:
    given = {name: value for name, value in said.items() if value != ""}
    return f"{address}?{urlencode(given)}" if given else address
