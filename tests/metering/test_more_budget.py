"""Asking for more budget: who decides, what comes of it, and how it falls back."""

from datetime import timedelta
from decimal import Decimal

import pytest

from portal.approvals import services as approvals
from portal.approvals.cards import card
from portal.approvals.models import Approval
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, OverBudget, Refused
from portal.events.models import Event
from portal.metering import raising
from portal.metering.models import LARGEST_BUDGET, Budget, BudgetAsk
from portal.metering.services import remove_budget, set_budget
from tests.cast import give

DAY = timedelta(days=1)


@pytest.fixture
def bound(world):
    """Retail may cost 10 a month."""
    set_budget(world.retail, Decimal(10), actor=world.actor("carol"))
    return world


def ask(world, amount="6.80", *, by="alice", at="retail", **more):
    given = {"reason": "The season begins.", **more}
    return raising.ask_budget(world.scopes[at], Decimal(amount), actor=world.actor(by), **given)


def decide(world, asked, choice="approve", *, by="bob"):
    approval = Approval.objects.get(subject_id=str(asked.pk))
    shown = card(approval, actor=world.actor(by))
    approvals.vote(approval, choice, shown.hash, actor=world.actor(by), note="no")
    asked.refresh_from_db()
    return approval


def limit_of(world):
    return Budget.objects.get(scope=world.retail).limit


def test_an_order_that_was_refused_fits_once_more_is_approved(market):
    world = market.world
    set_budget(world.retail, Decimal(10), actor=world.actor("carol"))
    with pytest.raises(OverBudget) as refusal:
        market.place()
    asked = ask(world, refusal.value.extra["missing"])
    approval = decide(world, asked)
    assert market.place().state == "waiting"
    made = Event.objects.get(action="metering.raise_budget")
    assert (made.cause, Decimal(made.detail["before"])) == (f"approval:{approval.pk}", 10)
    assert Decimal(made.detail["amount"]) == limit_of(world) == Decimal("16.79")


def test_the_card_says_from_what_to_what(bound):
    approval = Approval.objects.get(subject_id=str(ask(bound, until=clock.now() + DAY).pk))
    facts = card(approval, actor=bound.actor("bob")).facts
    assert [facts[name] for name in ("budget_from", "budget_more", "budget_to")] == ["10", "6.8", "16.8"]
    assert (facts["currency"], facts["place"]) == ("EUR", "Retail")
    assert Decimal(approval.context["forecast"]) == 0
    assert approval.title == "6.80 EUR more a month for Retail"


def test_until_a_day_it_falls_back_by_itself(bound):
    until = clock.now() + 20 * DAY
    decide(bound, ask(bound, until=until))
    assert (limit_of(bound), Budget.objects.get().amount) == (Decimal("16.8"), 10)
    assert len(raising.running_at(bound.retail)) == 1
    with clock.travel(until + timedelta(seconds=1)):
        assert limit_of(bound) == 10
        assert raising.running_at(bound.retail) == []


def test_denied_or_withdrawn_nothing_changes(bound):
    denied = ask(bound)
    decide(bound, denied, "deny")
    withdrawn = ask(bound)
    for _again in range(2):
        raising.withdraw_budget_ask(withdrawn, actor=bound.actor("alice"))
    assert (denied.state, withdrawn.state, limit_of(bound)) == ("denied", "withdrawn", 10)
    with pytest.raises(NotFound):
        raising.withdraw_budget_ask(ask(bound), actor=bound.actor("bob"))


def test_twice_is_once_and_who_asked_never_decides(bound):
    give(bound.alice, "approver", bound.retail)
    assert ask(bound).pk == ask(bound).pk
    with pytest.raises(Conflict):
        ask(bound, "7")
    with pytest.raises(Forbidden):
        decide(bound, ask(bound), by="alice")


def test_whom_a_budget_binds_may_ask_and_nobody_else(bound):
    set_budget(bound.nordwind, Decimal(100), actor=bound.actor("carol"))
    assert ask(bound, at="nordwind").state == "waiting"
    for name, at in (("mallory", "retail"), ("alice", "logistics")):
        with pytest.raises(NotFound):
            ask(bound, by=name, at=at)


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "0.00001", "1e13"])
def test_bad_amounts_are_named_and_nothing_is_kept(bound, amount):
    with pytest.raises(Invalid) as error:
        ask(bound, amount)
    assert "amount" in error.value.extra["fields"]
    assert not BudgetAsk.objects.exists()


def test_where_no_budget_is_or_it_went_meanwhile_it_is_said(bound):
    with pytest.raises(Invalid):
        ask(bound, at="web")
    with pytest.raises(Refused):
        ask(bound, str(LARGEST_BUDGET))
    asked = ask(bound)
    remove_budget(Budget.objects.get(), actor=bound.actor("carol"))
    with pytest.raises(Refused):
        approvals.vote(
            Approval.objects.get(subject_id=str(asked.pk)),
            "approve",
            card(Approval.objects.get(subject_id=str(asked.pk)), actor=bound.actor("bob")).hash,
            actor=bound.actor("bob"),
        )
