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
from portal.metering.calendars import month_of, period_at
from portal.metering.models import Budget, BudgetMonth
from portal.metering.queries import PathCost
from portal.orders.models import Order, OrderItem, OrderState
from portal.orders.services import title_of
from portal.provisioning.queries import OpenSteps, ProjectCount
from portal.web.bars import Bar, bar
from portal.web.shell import ScopeNode, Shell, url_of

NOON_OF_THE_FIRST = timedelta(hours=12)  # a moment of the month in whatever zone it is written


@dataclass(frozen=True, slots=True)
class Month:
    """The month it is where the scopes shown live, and the path that is looked at (all where empty)."""

    period: str
    starts: datetime
    within: str = ""

    @classmethod
    def now(cls, shell: Shell) -> Self:
        zone = shell.places[0].zone if shell.places else "UTC"
        period = period_at(clock.now(), zone)
        return cls(period, month_of(period, zone)[0], shell.scope.path if shell.scope else "")

    @property
    def name(self) -> str:
        """`November 2026` in the reader's language."""
        return str(formats.date_format(self.starts + NOON_OF_THE_FIRST, "F Y"))

    def covers(self, path: str) -> bool:
        """Whether a scope is looked at."""
        return not self.within or f"{path}.".startswith(f"{self.within}.")

    def totals(self, costs: Iterable[PathCost]) -> dict[str, Decimal]:
        """Currency -> so far, exactly."""
        sums: dict[str, Decimal] = {}
        for cost in costs:
            sums[cost.currency] = sums.get(cost.currency, Decimal()) + cost.cost
        return sums


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """How a budget stood in this month when it was looked at last."""

    month: BudgetMonth
    bar: Bar

    @property
    def budget(self) -> Budget:
        return self.month.budget

    @property
    def is_over(self) -> bool:
        return self.month.left < 0


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
    standings: Iterable[BudgetMonth],
) -> list[ProjectLine]:
    """Each project shown, in the order of the tree; what has a problem or costs most is not moved, so the eye finds it again."""
    counted = {count.project_id: count for count in counts}
    spent: dict[str, dict[str, Decimal]] = {}
    for cost in costs:
        spent.setdefault(cost.path, {})[cost.currency] = cost.cost
    own = {line.budget.scope_id: line for line in budget_lines(standings)}
    nothing = ProjectCount(UUID(int=0), 0, 0, 0)
    return [
        ProjectLine(node, seen.there, seen.running, seen.trouble, spent.get(node.path, {}), own.get(node.pk))
        for node in places
        if node.kind == "project"
        for seen in [counted.get(node.pk, nothing)]
    ]


def budget_lines(standings: Iterable[BudgetMonth]) -> list[BudgetLine]:
    """Each budget with what its month cost so far and what the forecast adds."""
    return [BudgetLine(standing, _bar_of(standing)) for standing in standings]


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


def _bar_of(standing: BudgetMonth) -> Bar:
    budget = standing.budget
    ahead = max(standing.forecast - standing.accrued, Decimal())
    label = _("%(scope)s, so far and by forecast") % {"scope": budget.scope}
    return bar(label, standing.accrued, ahead, budget.limit, budget.currency, digits=2)
