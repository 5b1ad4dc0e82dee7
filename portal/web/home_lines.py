"""The lines of homes: orders on their way, projects and budgets with their month, clouds with their work. Plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from django.utils import formats
from django.utils.translation import gettext as _

from portal.clouds.labels import cause_of
from portal.clouds.models import Connection, Health
from portal.core import clock
from portal.core.money import EXACT
from portal.metering.calendars import month_of, period_at
from portal.metering.models import Budget
from portal.metering.queries import PathCost
from portal.orders.models import Order, OrderItem, OrderState
from portal.orders.services import title_of
from portal.provisioning.queries import OpenSteps, ProjectCount
from portal.web.bars import Bar, bar
from portal.web.shell import ScopeNode, Shell, url_of

SETTLES_AFTER = timedelta(days=1)  # a pace from less than a day says nothing


@dataclass(frozen=True, slots=True)
class Month:
    """The month it is where the scopes shown live, how much of it is over, and the path that is looked at (all where empty)."""

    period: str
    starts: datetime
    ends: datetime
    within: str = ""

    @classmethod
    def now(cls, shell: Shell) -> Self:
        zone = shell.places[0].zone if shell.places else "UTC"
        period = period_at(clock.now(), zone)
        return cls(period, *month_of(period, zone), shell.scope.path if shell.scope else "")

    @property
    def name(self) -> str:
        """`November 2026` in the reader's language."""
        return str(formats.date_format(self.starts + SETTLES_AFTER, "F Y"))

    def covers(self, path: str) -> bool:
        """Whether a scope is looked at."""
        return not self.within or f"{path}.".startswith(f"{self.within}.")

    def pace(self, cost: Decimal) -> Decimal | None:
        """Where the month ends if it goes on as so far; None on its first day."""
        over = clock.now() - self.starts
        if over < SETTLES_AFTER:
            return None
        whole = (self.ends - self.starts) // timedelta(seconds=1)
        return EXACT.divide(EXACT.multiply(cost, Decimal(whole)), Decimal(over // timedelta(seconds=1)))

    def totals(self, costs: Iterable[PathCost]) -> list[tuple[str, Decimal, Decimal | None]]:
        """(currency, so far, at this pace), for each currency."""
        sums: dict[str, Decimal] = {}
        for cost in costs:
            sums[cost.currency] = sums.get(cost.currency, Decimal()) + cost.cost
        return [(currency, total, self.pace(total)) for currency, total in sorted(sums.items())]


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """A budget with what the month cost in its scope, and where it ends at this pace."""

    budget: Budget
    so_far: Decimal
    pace: Decimal | None
    bar: Bar

    @property
    def expected(self) -> Decimal:
        return self.so_far if self.pace is None else self.pace

    @property
    def is_over(self) -> bool:
        return self.expected > self.budget.amount


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """A project with what is in it, what the month cost, and its own budget."""

    node: ScopeNode
    there: int
    running: int
    trouble: int
    costs: dict[str, Decimal]
    budget: BudgetLine | None


@dataclass(slots=True)
class OpenOrder:
    """An order that is not over, with its lines."""

    order: Order
    items: list[OrderItem] = field(default_factory=list)

    @property
    def title(self) -> str:
        return title_of(self.items)

    @property
    def url(self) -> str:
        return url_of("order", self.order.pk)

    @property
    def is_failed(self) -> bool:
        return self.order.state == OrderState.FAILED

    @property
    def reason(self) -> str:
        """Why it failed, in a sentence."""
        broken = next((item.resource for item in self.items if item.resource and item.resource.error), None)
        return (cause_of(broken.error_kind) or broken.error) if broken else ""

    @property
    def stops(self) -> list[tuple[str, str]]:
        """The order in one line."""
        waits, fails = self.order.state == OrderState.WAITING, self.is_failed
        is_end = all(item.action == "terminate" for item in self.items)
        return [
            (_("Placed"), "done"),
            (_("Being decided") if waits else _("Decided"), "now" if waits else "done"),
            (_("Failed") if fails else _("At work"), "bad" if fails else "" if waits else "now"),
            (_("Ended") if is_end else _("Active"), ""),
        ]


@dataclass(frozen=True, slots=True)
class CloudLine:
    """A connection with what is asked of it now, and what was found there."""

    connection: Connection
    steps: int
    oldest: datetime | None
    found: int

    @property
    def is_failing(self) -> bool:
        return self.connection.health == Health.FAILING

    @property
    def cause(self) -> str:
        return cause_of(self.connection.error_kind)

    @property
    def url(self) -> str:
        return url_of("connection", self.connection.pk)


def open_orders(items: Iterable[OrderItem], *, within: str = "") -> list[OpenOrder]:
    """Lines as orders, in their order; only those of one scope and below, where it is named."""
    found: dict[Any, OpenOrder] = {}
    for item in items:
        if not within or f"{item.order.project.path}.".startswith(f"{within}."):
            found.setdefault(item.order_id, OpenOrder(item.order)).items.append(item)
    return list(found.values())


def project_lines(
    places: Iterable[ScopeNode],
    counts: Iterable[ProjectCount],
    costs: Iterable[PathCost],
    budgets: Iterable[Budget],
    month: Month,
) -> list[ProjectLine]:
    """Each project shown, in the order of the tree; what has a problem or costs most is not moved, so the eye finds it again."""
    counted = {count.project_id: count for count in counts}
    spent: dict[str, dict[str, Decimal]] = {}
    for cost in costs:
        spent.setdefault(cost.path, {})[cost.currency] = cost.cost
    own = {line.budget.scope_id: line for line in budget_lines(budgets, costs, month)}
    nothing = ProjectCount(UUID(int=0), 0, 0, 0)
    return [
        ProjectLine(node, seen.there, seen.running, seen.trouble, spent.get(node.path, {}), own.get(node.pk))
        for node in places
        if node.kind == "project"
        for seen in [counted.get(node.pk, nothing)]
    ]


def budget_lines(budgets: Iterable[Budget], costs: Iterable[PathCost], month: Month) -> list[BudgetLine]:
    """Each budget of a scope shown, with what all below it cost."""
    costs = list(costs)
    return [_budget_line(budget, costs, month) for budget in budgets if month.covers(str(budget.scope.path))]


def cloud_lines(
    connections: Iterable[Connection], steps: Mapping[UUID, OpenSteps], found: Mapping[UUID, int]
) -> list[CloudLine]:
    """Each connection, what is failing first."""
    lines = [
        CloudLine(each, seen.count if seen else 0, seen.oldest if seen else None, found.get(each.pk, 0))
        for each in connections
        for seen in [steps.get(each.pk)]
    ]
    return sorted(lines, key=lambda line: not line.is_failing)


def _budget_line(budget: Budget, costs: Iterable[PathCost], month: Month) -> BudgetLine:
    below = f"{budget.scope.path}."
    mine = (cost for cost in costs if cost.currency == budget.currency and f"{cost.path}.".startswith(below))
    so_far = sum((cost.cost for cost in mine), Decimal())
    pace = month.pace(so_far)
    ahead = max((pace or so_far) - so_far, Decimal())
    label = _("%(scope)s, so far and at this pace") % {"scope": budget.scope}
    return BudgetLine(budget, so_far, pace, bar(label, so_far, ahead, budget.amount, budget.currency, digits=2))
