"""Where a budget stands: what the month has cost, what goes on running, and what is about to be added."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from portal.access.models import Scope
from portal.core.money import COST_STEP, EXACT, HOURS_PER_MONTH
from portal.metering.calendars import days_of, month_of, period_at
from portal.metering.lifelines import running_below
from portal.metering.models import LIFELINES, Budget, DailyCost, Watermark
from portal.metering.states import STATES
from portal.pricing.quotes import cost_per_hour

HOUR = timedelta(hours=1)
OpenBelow = Callable[[Scope], Decimal]
"""What is ordered at or below a scope and does not run yet, in cost per month."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A scope's month: the cost so far, what runs now per hour and per month of 730 hours, and where the month ends so."""

    period: str
    currency: str
    accrued: Decimal
    per_hour: Decimal
    forecast: Decimal

    @property
    def per_month(self) -> Decimal:
        return self.per_hour * HOURS_PER_MONTH


@dataclass(frozen=True, slots=True)
class BudgetState:
    """The tightest budget that covers a project. Without any budget `amount` is None and nothing is over."""

    budget: Budget | None
    outlook: Outlook | None
    amount: Decimal | None
    extra: Decimal
    currency: str

    @property
    def expected(self) -> Decimal:
        """What the month ends with if the extra is added, counted as a whole month."""
        return (self.outlook.forecast if self.outlook else Decimal()) + self.extra

    @property
    def left(self) -> Decimal | None:
        """What stays of the budget after that; below zero when it is over."""
        return None if self.amount is None else self.amount - self.expected

    @property
    def is_over(self) -> bool:
        return self.left is not None and self.left < 0

    @property
    def percent(self) -> int | None:
        """How much of the budget is expected to be used, rounded down."""
        return int(EXACT.divide(self.expected * 100, self.amount)) if self.amount else None

    @property
    def threshold(self) -> int | None:
        """The highest of the budget's thresholds that is reached."""
        reached = [each for each in (self.budget.thresholds if self.budget else ()) if (self.percent or 0) >= each]
        return max(reached, default=None)

    @property
    def standing(self) -> str:
        """In one word: `none` without a budget, `over` it, `near` its end from its first threshold on, else `within`."""
        if self.amount is None:
            return "none"
        return "over" if self.is_over else "near" if self.threshold else "within"


def outlook(scope: Scope, zone: str, currency: str, *, at: datetime) -> Outlook:
    """A scope's month at a moment, in the calendar of its organization."""
    period = period_at(at, zone)
    per_hour = run_rate(scope.path, at=at)
    return _outlook(period, zone, currency, cost_below(scope.path, period, currency), per_hour, metered_until() or at)


def outlooks(budgets: Iterable[Budget], *, at: datetime) -> dict[UUID, Outlook]:
    """Budget id -> the month of its scope, for any number of budgets in a bounded number of queries."""
    budgets = list(budgets)
    roots = Scope.objects.in_bulk({UUID(budget.scope.organization_id) for budget in budgets})
    zones = {budget.pk: roots[UUID(budget.scope.organization_id)].zone for budget in budgets}
    mark, hourly = metered_until() or at, _hourly_below([budget.scope.path for budget in budgets], at=at)
    found = {}
    for period in sorted({period_at(at, zone) for zone in zones.values()}):
        theirs = [budget for budget in budgets if period_at(at, zones[budget.pk]) == period]
        costs = _costs_below([budget.scope.path for budget in theirs], period)
        for budget in theirs:
            accrued = costs.get((budget.scope.path, budget.currency), Decimal())
            per_hour = hourly.get(budget.scope.path, Decimal())
            found[budget.pk] = _outlook(period, zones[budget.pk], budget.currency, accrued, per_hour, mark)
    return found


def metered_until() -> datetime | None:
    """Up to when the ledger is whole; None before the first run."""
    return Watermark.objects.filter(source=LIFELINES).values_list("until", flat=True).first()


def cost_below(path: str, period: str, currency: str) -> Decimal:
    """What a scope and all below it cost in a month, exactly."""
    return _costs_below([path], period).get((path, currency), Decimal())


def run_rate(path: str, *, at: datetime) -> Decimal:
    """What lives at or below a scope now costs in an hour. What has no price adds nothing: it is named elsewhere."""
    return _hourly_below([path], at=at).get(path, Decimal())


def _outlook(period: str, zone: str, currency: str, accrued: Decimal, per_hour: Decimal, mark: datetime) -> Outlook:
    starts, ends = month_of(period, zone)
    left = Decimal((ends - min(max(mark, starts), ends)) // timedelta(seconds=1))
    ahead = EXACT.multiply(per_hour, EXACT.divide(left, Decimal(3600)))
    return Outlook(period, currency, accrued, per_hour, accrued + EXACT.quantize(ahead, COST_STEP))


def _costs_below(paths: Collection[str], period: str) -> dict[tuple[str, str], Decimal]:
    """(path, currency) -> the cost of a month there and in all below it."""
    rows = DailyCost.objects.filter(project__path__within_any=list(paths), day__range=days_of(period))
    sums: dict[tuple[str, str], Decimal] = {}
    for project, currency, cost in rows.values_list("project__path", "currency").annotate(total=Sum("cost")).order_by():
        for path in _above(project):
            sums[path, currency] = EXACT.add(sums.get((path, currency), Decimal()), cost)
    return sums


def _hourly_below(paths: Collection[str], *, at: datetime) -> dict[str, Decimal]:
    """Path -> what lives there and in all below it costs in an hour."""
    groups = [group for group in running_below(paths, at=at) if group.state not in STATES or STATES[group.state].is_alive]
    asked = [(group.plan_id, group.size, group.state in STATES and not STATES[group.state].running) for group in groups]
    sums: dict[str, Decimal] = {}
    for cost, group in zip(cost_per_hour(asked, at=at), groups, strict=True):
        for path in _above(group.project_path):
            sums[path] = sums.get(path, Decimal()) + cost * group.count
    return sums


def _above(path: str) -> list[str]:
    """The path itself and each above it."""
    labels = path.split(".")
    return [".".join(labels[:depth]) for depth in range(1, len(labels) + 1)]


def state_of(
    budgets: Iterable[Budget], root: Scope, extra: Decimal, *, at: datetime, open_below: OpenBelow | None = None
) -> BudgetState:
    """The state of the tightest of these budgets, all of them above one project; what is open below each counts there."""
    states = [_state(each, root, extra + (open_below(each.scope) if open_below else 0), at) for each in budgets]
    nothing = BudgetState(None, None, None, extra, root.currency)
    return min(states, key=lambda state: state.left or Decimal(), default=nothing)


def _state(budget: Budget, root: Scope, extra: Decimal, at: datetime) -> BudgetState:
    seen = outlook(budget.scope, root.zone, budget.currency, at=at)
    return BudgetState(budget, seen, budget.limit, extra, budget.currency)
