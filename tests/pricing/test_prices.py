"""Prices with effective dates: which one holds when, what is never changed, and what a quote says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from portal.core import clock
from portal.core.errors import Forbidden, Invalid, NotFound, Refused
from portal.pricing.models import Price
from portal.pricing.queries import price_rows
from portal.pricing.quotes import NoPrice, quote, quotes_from
from portal.pricing.services import open_price_book, set_price
from tests.metering.shop import open_shop

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
SPEC = {"name": "web-1", "region": "eu-west-1", "disk_gib": 20}


@pytest.fixture
def shop(world):
    return open_shop(world)


def change(shop, amount, *, at=JUNE, component="server", plan="small", who="carol", now=None):
    with clock.travel(now or JUNE - timedelta(days=1)):
        return set_price(
            shop.book,
            shop.component(component),
            Decimal(amount),
            plan=shop.plan(plan) if plan else None,
            starts=at,
            actor=shop.world.actor(who),
        )


def price_at(shop, at, component="server", plan="small"):
    found = [row for row in price_rows(at, components=[shop.component(component).pk]) if row.plan_id == shop.plan(plan).pk]
    return [row.unit_price for row in found]


def test_a_new_price_holds_from_its_hour_on_and_not_before(shop):
    change(shop, "0.03")
    assert price_at(shop, JUNE - timedelta(microseconds=1)) == [Decimal("0.0208")]
    assert price_at(shop, JUNE) == [Decimal("0.03")]


def test_a_price_set_before_another_ends_where_that_one_begins(shop):
    change(shop, "0.05", at=JUNE + timedelta(days=30))
    change(shop, "0.03")
    assert price_at(shop, JUNE + timedelta(days=29)) == [Decimal("0.03")]
    assert price_at(shop, JUNE + timedelta(days=30)) == [Decimal("0.05")]


def test_the_past_is_not_changed(shop):
    with pytest.raises(Refused):
        change(shop, "0.01", now=JUNE + timedelta(days=1))
    assert price_at(shop, JUNE) == [Decimal("0.0208")]


def test_a_price_for_all_plans_steps_back_where_a_plan_has_its_own(shop):
    change(shop, "0.0002", component="disk", plan=None)
    change(shop, "0.0001", component="disk", plan="large")
    assert price_at(shop, JUNE, "disk", "small") == [Decimal("0.0002")]
    assert price_at(shop, JUNE, "disk", "large") == [Decimal("0.0001")]


@pytest.mark.parametrize("amount", ["-1", "0.123456789", "NaN", "Infinity", "10000000000"])
def test_what_is_no_price_is_refused(shop, amount):
    before = Price.objects.count()
    with pytest.raises(Invalid):
        change(shop, amount)
    assert Price.objects.count() == before


@pytest.mark.parametrize("at", [JUNE + timedelta(minutes=1), JUNE.replace(tzinfo=None)])
def test_prices_change_on_the_full_hour(shop, at):
    with pytest.raises(Invalid):
        change(shop, "1", at=at)


def test_who_may_not_set_prices_sets_none(shop):
    with pytest.raises((Forbidden, NotFound)):
        change(shop, "1", who="alice")
    with pytest.raises(NotFound):
        change(shop, "1", who="mallory")


def test_a_component_of_another_organization_does_not_fit(shop):
    other = open_shop(shop.world, organization="other", seller="mallory", priced=False)
    with pytest.raises(Invalid):
        set_price(shop.book, other.component("server"), Decimal(1), actor=shop.world.actor("carol"))


def test_a_book_is_opened_once(shop):
    again = open_price_book(shop.organization, name="Another", currency="USD", actor=shop.world.actor("carol"))
    assert (again.pk, again.currency) == (shop.book.pk, "EUR")


def test_a_quote_adds_its_lines_up_to_the_last_digit(shop):
    found = quote(shop.plan("small"), SPEC, project=shop.world.web, at=JUNE)
    assert [line.per_hour for line in found.lines] == [Decimal("0.0208"), Decimal("0.002469")]
    assert found.per_hour == Decimal("0.023269")
    assert found.per_month == Decimal("0.023269") * 730
    assert found.currency == "EUR"


def test_what_has_no_price_is_not_free(world):
    shop = open_shop(world, priced=False)
    with pytest.raises(NoPrice) as refusal:
        quote(shop.plan("small"), SPEC, project=world.web, at=JUNE)
    assert refusal.value.extra["components"] == ["Server", "Disk"]
    assert set(quotes_from([shop.server], organization_id=world.nordwind.pk, at=JUNE).values()) == {None}


def test_a_stopped_server_is_quoted_without_its_hours(shop):
    found = quote(shop.plan("small"), SPEC, project=shop.world.web, at=JUNE, stopped=True)
    assert [line.component.key for line in found.lines] == ["disk"]
