"""The ledger over resources that were really ordered, made, stopped and ended, on clouds that really answer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings, strategies

from portal.catalogue.models import Component
from portal.core import clock
from portal.core.money import quantity
from portal.metering import budgets, ledger, lifelines, queries, tasks
from portal.metering.models import DailyCost, DailyPresence, DatasetVersion, RateRun, Watermark
from portal.metering.provisioned import Provisioned
from portal.orders.drafts import ItemDraft
from portal.pricing.models import Price
from portal.pricing.quotes import quote
from portal.provisioning import services as provisioning
from portal.provisioning import syncing
from portal.provisioning.models import Lifeline, Resource
from portal.users.actor import Actor
from tests.market import Market
from tests.metering.shop import Shop
from tests.metering.simulator import Simulator, line

HOUR = timedelta(hours=1)
JUNE = datetime(2026, 6, 14, tzinfo=UTC)
PRICES = strategies.decimals(0, Decimal("9999999999.99999999"), places=8)


@pytest.fixture
def start(market: Market) -> datetime:
    """A full hour after the prices began."""
    return clock.hour_of(clock.now()) + HOUR


def make(market: Market, draft: ItemDraft, at: datetime, key: str = "k") -> Resource:
    with clock.travel(at):
        order = market.place(draft, key=key)
        market.approve(order)
        market.work()
        return Resource.objects.get(pk=order.items.get().resource_id)


def stop(market: Market, resource: Resource, at: datetime) -> None:
    with clock.travel(at):
        provisioning.operate(resource, "stop", actor=market.world.actor("alice"))
        market.work()


def end(market: Market, resource: Resource, at: datetime) -> None:
    with clock.travel(at):
        provisioning.end_resource(resource, cause="", actor=Actor.system())
        market.work()


def look(market: Market, at: datetime) -> None:
    """Read every cloud, as the sweep does every few minutes."""
    with clock.travel(at):
        for connection in (market.aws, market.postgres):
            syncing.sync(connection.pk)


def meter(market: Market, at: datetime, *, seen: bool = True) -> None:
    if seen:
        look(market, at)
    with clock.travel(at):
        tasks.meter()


def used() -> dict[str, Decimal]:
    """Component key -> quantity so far."""
    keys = dict(Component.objects.values_list("pk", "key"))
    rows = DailyCost.objects.values_list("component_id").annotate(total=Sum("quantity"))
    return {keys[component]: total for component, total in rows}


def cost() -> Decimal:
    return DailyCost.objects.aggregate(total=Sum("cost"))["total"] or Decimal()


def spent(resource: Resource, states: set[str], until: datetime) -> Decimal:
    """Hours in these states, to the second, each hour of the clock rounded on its own as the ledger does."""
    total = Decimal()
    for starts, ends in stretches(resource, states, until):
        at = starts
        while at < ends:
            after = min(clock.hour_of(at) + HOUR, ends)
            total += quantity(Decimal((after - at) // timedelta(microseconds=1)) / 3_600_000_000)
            at = after
    return total


def stretches(resource: Resource, states: set[str], until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Its life in these states; neighbours are one stretch."""
    found: list[tuple[datetime, datetime]] = []
    for each in Lifeline.objects.filter(resource=resource, state__in=states).order_by("period"):
        ends = min(each.period.upper or until, until)
        if found and found[-1][1] == each.period.lower:
            found[-1] = (found[-1][0], ends)
        else:
            found.append((each.period.lower, ends))
    yield from found


EXISTS = {"running", "stopping", "stopped", "starting"}


def test_a_server_pays_its_hours_and_its_disk_at_the_prices_in_force(market: Market, start: datetime) -> None:
    resource, until = make(market, market.draft(disk_gib=40), start), start + 5 * HOUR
    meter(market, until)
    hours = spent(resource, {"running"}, until)
    assert Decimal("4.9") < hours <= 5
    found = used()
    assert found["server"] == hours
    assert abs(found["disk"] - 40 * hours) < Decimal("0.005")
    assert cost() == found["server"] * Decimal("0.0208") + found["disk"] * Decimal("0.00011")
    assert Watermark.objects.get().until == until


def test_a_database_pays_its_hours_and_its_storage(market: Market, start: datetime) -> None:
    resource, until = make(market, market.database_draft(), start), start + 3 * HOUR
    meter(market, until)
    hours = spent(resource, {"running"}, until)
    assert Decimal("2.9") < hours <= 3
    assert used()["database"] == hours
    assert cost() == used()["database"] * Decimal("0.025") + used()["storage"] * Decimal("0.00015")


def test_the_last_hour_is_billed_to_the_second_after_the_end(market: Market, start: datetime) -> None:
    resource, ended = make(market, market.draft(), start), start + 2 * HOUR + timedelta(minutes=17, seconds=42)
    end(market, resource, ended)
    meter(market, start + 9 * HOUR)
    resource.refresh_from_db()
    assert resource.state == "gone"
    last = Lifeline.objects.filter(resource=resource, state="running").get().period.upper
    assert last == ended
    assert used()["server"] == spent(resource, {"running"}, start + 9 * HOUR)
    meter(market, start + 30 * HOUR)
    assert used()["server"] == spent(resource, {"running"}, start + 9 * HOUR)


def test_a_stopped_server_pays_only_its_disk(market: Market, start: datetime) -> None:
    resource = make(market, market.draft(), start)
    stop(market, resource, start + 2 * HOUR)
    until = start + 6 * HOUR
    meter(market, until)
    resource.refresh_from_db()
    assert resource.state == "stopped"
    assert used()["server"] == spent(resource, {"running"}, until)
    assert abs(used()["disk"] - 20 * spent(resource, EXISTS, until)) < Decimal("0.01")
    assert used()["disk"] > 20 * Decimal("5.9")


def test_a_month_metered_twice_gives_the_same_totals(market: Market, start: datetime) -> None:
    resource = make(market, market.draft(), start)
    stop(market, resource, start + timedelta(days=9, minutes=3))
    meter(market, start + timedelta(days=31))
    facts = (cost(), used(), DatasetVersion.objects.count(), RateRun.objects.count(), DailyPresence.objects.count())
    meter(market, start + timedelta(days=31), seen=False)
    Watermark.objects.all().delete()
    meter(market, start + timedelta(days=31), seen=False)
    assert facts == (cost(), used(), DatasetVersion.objects.count(), RateRun.objects.count(), DailyPresence.objects.count())
    assert facts[0] > 0


def test_a_clock_set_back_an_hour_changes_nothing(market: Market, start: datetime) -> None:
    make(market, market.draft(), start)
    meter(market, start + 5 * HOUR)
    before = (cost(), used(), DatasetVersion.objects.count())
    meter(market, start + 4 * HOUR)
    assert (cost(), used(), DatasetVersion.objects.count()) == before
    assert Watermark.objects.get().until == start + 5 * HOUR


def test_a_cloud_that_was_not_seen_is_estimated_and_said_then_made_up(market: Market, start: datetime) -> None:
    make(market, market.draft(), start)
    meter(market, start + 6 * HOUR, seen=False)
    presence = DailyPresence.objects.aggregate(alive=Sum("hours_alive"), seen=Sum("hours_seen"))
    assert presence["seen"] < presence["alive"]
    estimated = used()
    meter(market, start + 6 * HOUR)
    presence = DailyPresence.objects.aggregate(alive=Sum("hours_alive"), seen=Sum("hours_seen"))
    assert presence["seen"] == presence["alive"]
    assert used() == estimated
    assert not DailyCost.objects.filter(is_flagged=True).exists()


def test_a_state_that_cannot_be_told_is_charged_as_the_one_before(market: Market, start: datetime) -> None:
    resource = make(market, market.draft(), start)
    with clock.travel(start + 2 * HOUR):
        resource.state = "unknown"
        from_now = Lifeline.objects.get(resource=resource, period__endswith=None)
        syncing.mark(resource, clock.now())
        resource.save()
    lines = Provisioned().within(start, start + 4 * HOUR).lifelines
    assert from_now.state == "running"
    assert [(line.state, line.state_before) for line in lines][-2:] == [("running", ""), ("unknown", "running")]


def test_while_one_run_is_at_the_ledger_a_second_ends_at_once(market: Market, start: datetime, rival: Any) -> None:
    make(market, market.draft(), start)
    with rival("SELECT pg_advisory_lock(hashtextextended('metering', 0))"):
        meter(market, start + HOUR)
        assert not DailyCost.objects.exists()
    meter(market, start + HOUR)
    assert DailyCost.objects.exists()


def test_what_runs_now_is_counted_by_project_plan_state_and_size(market: Market, start: datetime) -> None:
    make(market, market.draft("a"), start, "a")
    make(market, market.draft("b"), start, "b")
    stopped = make(market, market.draft("c", disk_gib=100), start, "c")
    stop(market, stopped, start + HOUR)
    groups = lifelines.running_below([market.world.nordwind.path], at=start + 2 * HOUR)
    assert {(group.state, group.size["disk_gib"], group.count) for group in groups} == {
        ("running", 20, 2),
        ("stopped", 100, 1),
    }
    assert lifelines.running_below([market.world.logistics.path], at=start + 2 * HOUR) == []
    rate = budgets.run_rate(market.world.retail.path, at=start + 2 * HOUR)
    assert rate == 2 * (Decimal("0.0208") + 20 * Decimal("0.00011")) + 100 * Decimal("0.00011")


def test_the_lives_of_many_resources_are_read_in_two_queries(
    market: Market, start: datetime, django_assert_max_num_queries: Any
) -> None:
    for name in ("a", "b", "c"):
        make(market, market.draft(name), start, name)
    with django_assert_max_num_queries(3):
        assert len(Provisioned().within(start, start + HOUR).lifelines) >= 3


def test_connections_and_resources_have_their_names(market: Market, start: datetime) -> None:
    resource = make(market, market.draft(), start)
    assert lifelines.connections_named([market.aws.pk]) == [(str(market.aws.pk), "aws-main", market.aws.provider.name)]
    assert lifelines.resources_named([resource.pk]) == [(str(resource.pk), "web-1", "eu-west-1")]
    assert lifelines.resources_named([market.aws.pk]) == [(str(market.aws.pk), "", "")]


@given(server=PRICES, disk=PRICES, gib=strategies.integers(8, 500))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_quote_for_an_hour_is_the_charge_of_that_hour_to_the_last_digit(
    shop: Shop, server: Decimal, disk: Decimal, gib: int
) -> None:
    plan, size = shop.plan("small"), {"disk_gib": gib}
    for key, price in (("server", server), ("disk", disk)):
        Price.objects.filter(component=shop.component(key)).update(unit_price=price)
    with transaction.atomic():
        ledger.meter(Simulator([line(shop, JUNE, JUNE + HOUR, size=size)]), until=JUNE + 2 * HOUR)
        charged = cost()
        transaction.set_rollback(True)
    assert quote(plan, size, project=shop.world.web, at=JUNE).per_hour == charged


def test_a_run_that_is_killed_halfway_is_completed_by_the_next(
    market: Market, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource, until = make(market, market.draft(), start), start + timedelta(days=4)
    look(market, until)
    real, days = ledger.meter_day, iter(range(9))

    def killed(*args: Any) -> bool:
        if next(days) == 2:
            raise SystemExit
        return real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "meter_day", killed)
        with pytest.raises(SystemExit):
            meter(market, until, seen=False)
    assert 0 < used()["server"] < 60
    meter(market, until, seen=False)
    assert used()["server"] == spent(resource, {"running"}, until)
    assert Watermark.objects.get().until == until


def test_use_without_a_price_is_named_by_its_real_service(market: Market, start: datetime) -> None:
    make(market, market.draft(), start)
    Price.objects.filter(component__key="disk").delete()
    meter(market, start + 2 * HOUR)
    with clock.travel(start + 2 * HOUR):
        (found,) = queries.unpriced(market.world.actor("carol"), start.isoformat()[:7])
    assert (found.offering, found.plan, found.component) == ("Linux server", "Small", "Disk")
    assert used()["server"] * Decimal("0.0208") == cost()
