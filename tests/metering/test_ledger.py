"""The way from lifelines to the roll-up."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db.models import Sum

from portal.metering import ledger
from portal.metering.models import Batch, DailyCost, DatasetVersion, Watermark
from portal.pricing.queries import price_rows
from tests.metering.shop import Shop
from tests.metering.simulator import Simulator, line, lives, true_cost

DAY = datetime(2026, 6, 14, tzinfo=UTC)


def total() -> Decimal:
    return DailyCost.objects.aggregate(cost=Sum("cost"))["cost"] or Decimal()


def test_an_hour_of_a_running_server_costs_server_and_disk(shop: Shop) -> None:
    ledger.meter(Simulator([line(shop, DAY, DAY + timedelta(hours=1))]), until=DAY + timedelta(hours=3))
    rows = {row.component_id: (row.quantity, row.cost) for row in DailyCost.objects.all()}
    assert rows == {
        shop.component("server").pk: (Decimal("1.0000"), Decimal("0.0208")),
        shop.component("disk").pk: (Decimal("20.0000"), Decimal("0.002469")),
    }


def test_the_last_hour_is_billed_to_the_second(shop: Shop) -> None:
    ledger.meter(Simulator([line(shop, DAY, DAY + timedelta(minutes=59, seconds=51))]), until=DAY + timedelta(hours=3))
    assert DailyCost.objects.get(component_id=shop.component("server").pk).quantity == Decimal("0.9975")


@pytest.mark.parametrize("seed", range(4))
def test_the_ledger_says_exactly_what_true_lives_cost(shop: Shop, seed: int) -> None:
    until = DAY + timedelta(days=3)
    simulator = lives(shop, seed, starts=DAY, ends=until)
    ledger.meter(simulator, until=until)
    inputs = simulator.within(DAY, until)
    assert Fraction(total()) == true_cost(simulator.lines, inputs.components, price_rows(DAY, until), until)


def test_a_month_metered_twice_changes_nothing(shop: Shop) -> None:
    simulator = lives(shop, 1, starts=DAY, ends=DAY + timedelta(days=2))
    until = DAY + timedelta(days=2)
    assert ledger.meter(simulator, until=until).changed
    before = (total(), DatasetVersion.objects.count(), Batch.objects.count())
    assert ledger.meter(simulator, until=until).changed == ()
    assert (total(), DatasetVersion.objects.count(), Batch.objects.count()) == before


def test_a_clock_set_back_an_hour_changes_nothing(shop: Shop) -> None:
    simulator = Simulator([line(shop, DAY)])
    ledger.meter(simulator, until=DAY + timedelta(hours=5, minutes=12))
    before = total()
    assert ledger.meter(simulator, until=DAY + timedelta(hours=4, minutes=12)).changed == ()
    assert total() == before
    assert Watermark.objects.get().until == DAY + timedelta(hours=5, minutes=12)


def test_an_hour_under_way_is_completed_by_the_next_run(shop: Shop) -> None:
    simulator = Simulator([line(shop, DAY)])
    ledger.meter(simulator, until=DAY + timedelta(minutes=30))
    assert DailyCost.objects.get(component_id=shop.component("server").pk).quantity == Decimal("0.5")
    ledger.meter(simulator, until=DAY + timedelta(hours=2))
    assert DailyCost.objects.get(component_id=shop.component("server").pk).quantity == Decimal("2")
