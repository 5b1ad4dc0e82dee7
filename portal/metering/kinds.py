"""More budget as a governed act: what the approval engine needs to know of it."""

from decimal import Decimal
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.approvals.asked import Asked, Sort
from portal.approvals.kinds import Kind
from portal.metering import raising
from portal.metering.models import BudgetAsk
from portal.metering.queries import outlook_of
from portal.tenancy.models import AskState
from portal.users.actor import Actor


class BudgetKind(Kind):
    """More of a budget, for good or until a moment."""

    name = raising.BUDGET
    label = _("Budget")
    listed = True
    asks = MappingProxyType(
        {
            "budget_more": Asked(_("So much more a month"), Sort.AMOUNT),
            "budget_to": Asked(_("New budget"), Sort.AMOUNT),
            "forecast": Asked(_("Expected this month"), Sort.AMOUNT),
            "for_good": Asked(_("Without an end"), Sort.TRUTH),
        }
    )

    def load(self, subject_id: str) -> BudgetAsk | None:
        rows = BudgetAsk.objects.select_for_update(of=("self",)).select_related("scope", "asked_by")
        found: BudgetAsk | None = rows.filter(pk=subject_id).first()
        return found

    def facts(self, subject: BudgetAsk) -> dict[str, Any]:
        budget = raising.budget_of(subject.scope)
        amount = budget.limit if budget else Decimal()
        return {
            "place": subject.scope.name,
            "budget_from": amount.normalize(),
            "budget_more": subject.amount.normalize(),
            "budget_to": (amount + subject.amount).normalize(),
            "currency": subject.currency,
            "until": subject.until.date() if subject.until else None,
            "reason": subject.reason,
        }

    def context(self, subject: BudgetAsk) -> dict[str, Any]:
        return {"forecast": outlook_of(subject.scope).forecast, "for_good": subject.until is None}

    def still_valid(self, subject: BudgetAsk) -> bool:
        raising.check(subject)
        return bool(subject.state == AskState.WAITING)

    def apply(self, subject: BudgetAsk, *, actor: Actor) -> None:
        raising.raise_budget(subject, actor=actor)

    def drop(self, subject: BudgetAsk, outcome: str, *, actor: Actor) -> None:
        raising.drop(subject, outcome)
