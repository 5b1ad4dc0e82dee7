"""Where a budget stands: what the month has cost, what goes on running, and what is about to be added."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Sum

from portal.access.models import Scope
from portal.core.money import EXACT, HOURS_PER_MONTH
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


def outlook(scope: Scope, zone: str, currency: str, *, at: datetime) -> Outlook:
    """A scope's month at a moment, in the calendar of its organization."""
    period = period_at(at, zone)
    accrued = cost_below(scope.path, period, currency)
    per_hour = run_rate(scope.path, at=at)
    starts, ends = month_of(period, zone)
    mark = Watermark.objects.filter(source=LIFELINES).values_list("until", flat=True).first() or at
    left = Decimal((ends - min(max(mark, starts), ends)) // timedelta(seconds=1))
    ahead = EXACT.multiply(per_hour, EXACT.divide(left, Decimal(3600)))
    return Outlook(period, currency, accrued, per_hour, accrued + EXACT.quantize(ahead, Decimal("0.000000000001")))


def cost_below(path: str, period: str, currency: str) -> Decimal:
    """What a scope and all below it cost in a month, exactly."""
    rows = DailyCost.objects.filter(project__path__within=path, day__range=days_of(period), currency=currency)
    return rows.aggregate(total=Sum("cost"))["total"] or Decimal()


def run_rate(path: str, *, at: datetime) -> Decimal:
    """What lives at or below a scope now costs in an hour. What has no price adds nothing: it is named elsewhere."""
    groups = [group for group in running_below([path], at=at) if group.state not in STATES or STATES[group.state].is_alive]
    asked = [(group.plan_id, group.size, group.state in STATES and not STATES[group.state].running) for group in groups]
    hourly = cost_per_hour(asked, at=at)
    return sum((cost * group.count for cost, group in zip(hourly, groups, strict=True)), Decimal())


def state_of(
    budgets: Iterable[Budget], root: Scope, extra: Decimal, *, at: datetime, open_below: OpenBelow | None = None
) -> BudgetState:
    """The state of the tightest of these budgets, all of them above one project; what is open below each counts there."""
    states = [_state(each, root, extra + (open_below(each.scope) if open_below else 0), at) for each in budgets]
    nothing = BudgetState(None, None, None, extra, root.currency)
    return min(states, key=lambda state: state.left or Decimal(), default=nothing)


def _state(budget: Budget, root: Scope, extra: Decimal, at: datetime) -> BudgetState:
    seen = outlook(budget.scope, root.zone, budget.currency, at=at)
    return BudgetState(budget, seen, budget.amount, extra, budget.currency)
