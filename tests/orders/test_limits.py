"""Quota and budget hold whatever is ordered at once, and say in figures what is missing."""

from decimal import Decimal

import pytest

from portal.core.errors import OverBudget, QuotaExceeded
from portal.metering.services import set_budget
from portal.orders.drafts import ItemDraft
from portal.orders.models import Order, OrderItem
from portal.orders.queries import open_cost
from portal.orders.services import place_order
from portal.provisioning.models import Resource
from portal.tenancy.models import Hold
from portal.tenancy.services import set_quota
from tests.cast import give, project
from tests.orders.left import left_behind
from tests.races import at_once

SERVER_A_MONTH = Decimal("16.79")  # 730 hours of 0.0208 and of 20 GiB at 0.00011


@pytest.fixture
def beside(market):
    """A second project under the same tenant, where alice may order, too."""
    made = project("beside", market.world.retail)
    give(market.world.alice, "member", made)
    return made


def quota(market, dimension, limit, scope="web"):
    set_quota(market.world.scopes[scope], dimension, limit, actor=market.world.actor("erin"))


def budget(market, amount, scope="retail"):
    set_budget(market.world.scopes[scope], Decimal(amount), actor=market.world.actor("carol"))


def place_in(market, where, name, key):
    return place_order(where, [market.draft(name)], key=key, actor=market.world.actor("alice"))


def test_over_the_quota_is_refused_in_figures_and_holds_nothing(market):
    quota(market, "storage_gib", 30)
    with pytest.raises(QuotaExceeded) as refusal:
        market.place(market.draft("web-1"), market.draft("web-2"))
    assert (refusal.value.extra["dimension"], refusal.value.extra["missing"]) == ("storage_gib", 10)
    assert "10 storage_gib" in str(refusal.value)
    assert left_behind() == {}


def test_what_waits_holds_its_quota(market):
    quota(market, "servers", 1, "nordwind")
    market.place()
    with pytest.raises(QuotaExceeded):
        market.place(market.draft("web-2"), key="k2")
    assert Hold.objects.get(dimension="servers").key.startswith("order-item:")


def test_the_quota_goes_over_to_the_resource_and_is_free_when_it_is_gone(market):
    quota(market, "servers", 1)
    resource = market.active()
    assert set(Hold.objects.values_list("key", flat=True)) == {resource.hold_key}
    end = market.place(ItemDraft(action="terminate", resource_id=resource.pk), key="end")
    market.approve(end)
    market.work()
    assert not Hold.objects.exists()
    market.place(market.draft("web-2"), key="k2")


def test_over_the_budget_is_refused_in_figures_and_holds_nothing(market):
    budget(market, 10)
    with pytest.raises(OverBudget) as refusal:
        market.place()
    assert refusal.value.extra["currency"] == "EUR"
    assert Decimal(refusal.value.extra["missing"]) == SERVER_A_MONTH - 10
    assert "6.79 EUR" in str(refusal.value)
    assert "Retail" in str(refusal.value)
    assert left_behind() == {}


def test_exactly_the_budget_is_not_over_it(market):
    budget(market, SERVER_A_MONTH)
    assert market.place().cost_per_month == SERVER_A_MONTH


def test_orders_of_two_projects_count_in_the_budget_above_both(market, beside):
    budget(market, 20)
    place_in(market, market.world.web, "web-1", "a")
    with pytest.raises(OverBudget) as refusal:
        place_in(market, beside, "web-2", "b")
    assert Decimal(refusal.value.extra["missing"]) == 2 * SERVER_A_MONTH - 20


def test_an_order_beside_does_not_count_in_the_budget_of_one_project(market, beside):
    budget(market, 20, "web")
    place_in(market, beside, "web-2", "b")
    place_in(market, market.world.web, "web-1", "a")
    assert Order.objects.count() == 2


def test_the_tightest_of_several_budgets_decides(market, beside):
    budget(market, 20, "web")
    budget(market, 30, "nordwind")
    place_in(market, beside, "web-2", "b")
    with pytest.raises(OverBudget) as refusal:
        place_in(market, market.world.web, "web-1", "a")
    assert "Nordwind" in str(refusal.value)


def test_a_denied_order_is_out_of_the_budget_and_a_failed_one_is_not(market):
    order = market.place()
    assert open_cost(market.world.retail) == SERVER_A_MONTH
    Order.objects.filter(pk=order.pk).update(state="failed")
    assert open_cost(market.world.retail) == SERVER_A_MONTH
    Order.objects.filter(pk=order.pk).update(state="denied")
    assert open_cost(market.world.retail) == 0


def test_what_runs_is_no_longer_open_cost(market):
    order = market.place(market.draft("web-1"), market.draft("web-2"))
    market.approve(order)
    assert open_cost(market.world.web) == 2 * SERVER_A_MONTH
    first = Resource.objects.order_by("name").first()
    Resource.objects.filter(pk=first.pk).update(state="running")
    assert open_cost(market.world.web) == SERVER_A_MONTH


def test_the_end_of_something_needs_no_budget(market):
    resource = market.active()
    budget(market, 0)
    order = market.place(ItemDraft(action="terminate", resource_id=resource.pk), key="end")
    assert order.cost_per_month == -SERVER_A_MONTH


def test_two_at_once_for_the_last_slot_one_wins(fresh_db, market):
    quota(market, "servers", 1)
    answers = at_once(*(lambda n=n: market.place(market.draft(f"web-{n}"), key=f"k{n}") for n in range(2)))
    assert sorted(type(answer).__name__ for answer in answers) == ["Order", "QuotaExceeded"]
    assert (Order.objects.count(), Hold.objects.filter(dimension="servers").count()) == (1, 1)


def test_two_projects_at_once_do_not_both_pass_the_budget_above(fresh_db, market, beside):
    budget(market, 20)
    places = [market.world.web, beside] * 3
    answers = at_once(*(lambda n=n, at=at: place_in(market, at, f"web-{n}", f"k{n}") for n, at in enumerate(places)))
    assert sorted(type(answer).__name__ for answer in answers) == ["Order"] + 5 * ["OverBudget"]
    assert open_cost(market.world.retail) == SERVER_A_MONTH


def test_the_same_click_in_eight_threads_is_one_order(fresh_db, market):
    answers = at_once(*(lambda: market.place(key="once") for _ in range(8)))
    assert {getattr(answer, "pk", answer) for answer in answers} == {Order.objects.get().pk}
    assert OrderItem.objects.count() == 1


def test_orders_that_want_the_same_quotas_in_another_order_do_not_wait_for_each_other(fresh_db, market):
    for dimension in ("servers", "databases", "storage_gib"):
        quota(market, dimension, 1000, "nordwind")
    drafts = [market.draft(), market.database_draft()]

    def place(number):
        return market.place(*(drafts if number % 2 else reversed(drafts)), key=f"k{number}")

    answers = at_once(*(lambda n=n: place(n) for n in range(8)))
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert Hold.objects.filter(dimension="servers").count() == 8


def test_two_ends_of_one_server_at_once_one_is_refused(fresh_db, market):
    resource = market.active()
    end = ItemDraft(action="terminate", resource_id=resource.pk)
    answers = at_once(*(lambda n=n: market.place(end, key=f"end{n}") for n in range(4)))
    assert sorted(type(answer).__name__ for answer in answers) == 3 * ["Conflict"] + ["Order"]


def test_ends_of_the_same_servers_in_another_order_do_not_wait_for_each_other(fresh_db, market):
    order = market.place(market.draft("web-1"), market.draft("web-2"))
    market.approve(order)
    market.work()
    ends = [ItemDraft(action="terminate", resource_id=pk) for pk in Resource.objects.values_list("pk", flat=True)]
    answers = at_once(*(lambda n=n: market.place(*ends[:: 1 if n % 2 else -1], key=f"end{n}") for n in range(6)))
    assert sorted(type(answer).__name__ for answer in answers) == 5 * ["Conflict"] + ["Order"]
