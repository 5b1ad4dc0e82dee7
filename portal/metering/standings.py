"""How every budget stands: written after each run of the ledger for the pages to read, with word at each mark that is passed."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from portal.approvals.eligibility import accounts_holding
from portal.core.money import EXACT, round_money
from portal.events.services import record
from portal.metering import budgets
from portal.metering.budgets import Outlook
from portal.metering.models import Budget, BudgetMonth
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User

DAY = timedelta(days=1)
LATE = timedelta(hours=48)
"""What the ledger learns this late still changes a month that is over."""
FIGURES = ("accrued", "per_hour", "forecast", "as_of", "told")


@transaction.atomic
def refresh(chosen: Iterable[Budget] | None = None, *, at: datetime, anew: bool = False) -> None:
    """Write down how budgets (all of them unless named) stand in their month, and tell of each mark once a month.

    Two runs at once write one after the other, so nobody is told twice. `anew`: the amount was changed, so a mark that is
    not passed any more may be told of again. In the first days of a month the one before is brought to its end.
    """
    found = {each.pk: each for each in (Budget.objects.select_related("scope") if chosen is None else chosen)}
    before = at - LATE
    moments = (at,) if (before - DAY).month == (at + DAY).month else (before, at)
    for moment in moments:
        _refresh(found, budgets.outlooks(found.values(), at=moment), at, anew)


def _refresh(found: Mapping[UUID, Budget], outlooks: Mapping[UUID, Outlook], at: datetime, anew: bool) -> None:
    fresh = [BudgetMonth(budget_id=pk, period=seen.period, as_of=at) for pk, seen in outlooks.items()]
    BudgetMonth.objects.bulk_create(fresh, ignore_conflicts=True)
    months = BudgetMonth.objects.select_for_update().filter(budget__in=outlooks).order_by("pk")
    current = [month for month in months if month.period == outlooks[month.budget_id].period]
    for month in current:
        _write(month, found[month.budget_id], outlooks[month.budget_id], at, anew)
    BudgetMonth.objects.bulk_update(current, FIGURES, batch_size=1000)


def _write(month: BudgetMonth, budget: Budget, seen: Outlook, at: datetime, anew: bool) -> None:
    month.accrued, month.per_hour, month.forecast, month.as_of = seen.accrued, seen.per_hour, seen.forecast, at
    passed = [mark for mark in budget.thresholds if _has_passed(seen.accrued, budget.limit, mark)]
    month.told = [mark for mark in month.told if mark in passed or not anew]
    if news := set(passed) - set(month.told):
        month.told = sorted({*month.told, *passed})
        _tell(budget, seen, max(news))


def _has_passed(used: Decimal, amount: Decimal, mark: int) -> bool:
    return used > 0 and used * 100 >= EXACT.multiply(amount, Decimal(mark))


def _tell(budget: Budget, seen: Outlook, percent: int) -> None:
    """Word to who may set it."""
    actor, people = Actor.system(), accounts_holding("manage_budgets", budget.scope).values()
    used, limit = (f"{round_money(each, budget.currency):f} {budget.currency}" for each in (seen.accrued, budget.limit))
    event = record("metering.pass_mark", budget, actor=actor, percent=percent, accrued=str(seen.accrued), period=seen.period)
    told = User.objects.filter(pk__in=set(people))
    notify(told, "budget_passed", target=budget, actor=actor, event=event, percent=percent, used=used, limit=limit)
