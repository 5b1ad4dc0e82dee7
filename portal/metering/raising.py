"""More budget: asked for, decided where the budget was set, and true at once, for good or until a moment.

What holds until a moment is a span in the budget's own row: it ends by itself, however late anybody looks.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.models import Scope, ScopeState
from portal.approvals import services as approvals
from portal.approvals.queries import approval_of
from portal.core import clock
from portal.core.errors import Conflict, Invalid, NotFound, Refused
from portal.core.money import round_money
from portal.events.services import record
from portal.metering import standings
from portal.metering.models import LARGEST_BUDGET, Budget, BudgetAsk
from portal.tenancy.asking import check_asks, clean_text, waiting_like
from portal.tenancy.asking_more import check_end, place_to_ask_for
from portal.tenancy.models import AskState
from portal.tenancy.services import check_open
from portal.tenancy.spans import running, span
from portal.users.actor import Actor

BUDGET = "budget"
SAID = ("amount", "until", "reason")


@transaction.atomic
def ask_budget(scope: Scope, amount: Decimal, *, reason: str, actor: Actor, until: datetime | None = None) -> BudgetAsk:
    """Ask for so much more a month, for good or until a moment within a year; it is decided, or done at once.

    The same asked again while it waits is the same ask. Raises NotFound, Invalid, Conflict (a closed place, or it waits in
    other words), Refused.
    """
    check_asks(actor)
    scope = place_to_ask_for(actor, scope.pk)
    check_open(scope)
    budget = budget_of(scope)
    if budget is None:
        raise Invalid(fields={"amount": [_("No budget is set here.")]})
    if not amount.is_finite() or not 0 < amount <= LARGEST_BUDGET or amount != round(amount, 4):
        raise Invalid(fields={"amount": [_("An amount above 0.")]})
    check_end(until)
    ask = BudgetAsk(scope=scope, amount=amount, currency=budget.currency, until=until, asked_by=actor.user)
    ask.reason = clean_text("reason", reason)
    if waiting := waiting_like(ask, SAID, scope=scope):
        return waiting
    check(ask)
    ask.save(force_insert=True)
    record("metering.ask_budget", ask, actor=actor, amount=str(amount), until=until)
    words = {"amount": f"{round_money(amount, ask.currency):f}", "currency": ask.currency, "scope": scope.name}
    title = _("%(amount)s %(currency)s more a month for %(scope)s") % words
    if not approvals.ask(BUDGET, ask, actor=actor, scope=scope, title=title).is_waiting:
        raise_budget(ask, actor=actor)
    return ask


@transaction.atomic
def withdraw_budget_ask(ask: BudgetAsk, *, actor: Actor, reason: str = "") -> BudgetAsk:
    """Take back what she asked for, while it waits; withdrawn already, nothing changes. NotFound for others' asks."""
    if ask.asked_by_id != actor.user.pk:
        raise NotFound
    check_asks(actor)
    approval = approval_of(BUDGET, ask.pk)
    if approval is None:
        raise Conflict(_("It was decided already."))
    approvals.withdraw(approval, actor=actor, reason=reason)
    ask.refresh_from_db(fields=["state"])
    return ask


def budget_of(scope: Scope) -> Budget | None:
    """The budget that was set at a scope itself."""
    found: Budget | None = Budget.objects.filter(scope=scope).select_related("scope").first()
    return found


def budget_asks_of(actor: Actor) -> Any:
    """What she asked for, newest first. A narrowed token sees none."""
    found = BudgetAsk.objects.filter(asked_by=actor.user).select_related("scope").order_by("-created_at", "-pk")
    return found.none() if actor.narrowed_to is not None else found


def running_at(scope: Scope) -> list[BudgetAsk]:
    """The raises of a scope's own budget that are not over, what ends first on top."""
    rows = BudgetAsk.objects.filter(scope=scope, state=AskState.DONE, until__gt=clock.now())
    return list(rows.order_by("until", "pk"))


def check(ask: BudgetAsk) -> Budget:
    """The budget, locked, or Refused where it cannot be raised so now."""
    budget: Budget | None = (
        Budget.objects.select_for_update(of=("self",)).select_related("scope").filter(scope=ask.scope).first()
    )
    if ask.scope.state != ScopeState.ACTIVE:
        raise Refused(_("%(scope)s is closed.") % {"scope": ask.scope.name})
    if budget is None:
        raise Refused(_("%(scope)s has no budget any more, so nothing binds it.") % {"scope": ask.scope.name})
    if budget.currency != ask.currency:
        raise Refused(_("The budget is in another currency now."))
    if ask.until is not None and ask.until <= clock.now():
        raise Refused(_("It was to end by now."))
    if budget.limit + ask.amount > LARGEST_BUDGET:
        raise Refused(_("That is more than a budget can say."))
    return budget


@transaction.atomic
def raise_budget(ask: BudgetAsk, *, actor: Actor) -> Budget:
    """The budget as it was asked for. By the system's hand: who decides need not be who could set it."""
    system, now, budget = Actor.system(actor.correlation_id), clock.now(), check(ask)
    before = budget.limit
    if ask.until is None:
        budget.amount += ask.amount
    else:
        budget.spans = [*running(budget.spans, now), span(ask.amount, ask.until)]
    budget.save(update_fields=["amount", "spans"])
    ask.state = AskState.DONE
    ask.save(update_fields=["state"])
    detail = {"before": str(before), "amount": str(budget.limit), "until": ask.until}
    record("metering.raise_budget", budget, actor=system, cause=approval_of(BUDGET, ask.pk) or ask, **detail)
    standings.refresh([budget], at=now, anew=True)
    return budget


def drop(ask: BudgetAsk, outcome: str) -> None:
    """It was denied, withdrawn or not decided in time; nothing was held for it."""
    ask.state = AskState(outcome)
    ask.save(update_fields=["state"])
