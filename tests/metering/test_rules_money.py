"""The rules a meter must hold, by number, that are about time, money and who may see it (R14 to R30)."""

import ast
import random
import re
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pyarrow.parquet as parquet
import pytest
from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings, strategies

from portal.core import clock
from portal.core.errors import Forbidden, NotFound, PortalError
from portal.core.money import multiply
from portal.metering import lake, ledger, queries, rating, rollup
from portal.metering.calendars import days_touching, ledger_days, local_day, midnight, month_of
from portal.metering.engine import connect, rows_of, statement
from portal.metering.exports import focus
from portal.metering.models import DailyCost, DailyPresence, Dataset, DatasetVersion, RateRun
from portal.metering.services import open_export, request_export, set_budget
from portal.pricing.models import Price
from portal.pricing.queries import price_rows
from portal.pricing.services import set_price
from tests.metering.shop import OPENED, Shop, open_shop
from tests.metering.simulator import Simulator, line, lives, true_cost

DAY = datetime(2026, 6, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
PORTAL = Path(lake.__file__).parents[1]


def total() -> Decimal:
    return DailyCost.objects.aggregate(cost=Sum("cost"))["cost"] or Decimal()


def live_files() -> list[Path]:
    newest: dict[tuple[str, str], DatasetVersion] = {}
    for version in DatasetVersion.objects.order_by("number"):
        newest[version.dataset, version.period] = version
    return [lake.root() / file["path"] for version in newest.values() for file in version.files]


def quantity(shop: Shop, component: str) -> Decimal:
    rows = DailyCost.objects.filter(component_id=shop.component(component).pk)
    return rows.aggregate(total=Sum("quantity"))["total"] or Decimal()


# R14: UTC inside, the calendar of the place at the edge


@given(strategies.sampled_from(sorted(available_timezones())), strategies.dates(date(2020, 1, 2), date(2030, 12, 30)))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_r14_every_hour_belongs_to_one_day_of_each_place(zone: str, day: date) -> None:
    hours = [datetime(day.year, day.month, day.day, tzinfo=UTC) + index * HOUR for index in range(24)]
    days = days_touching(day, zone)
    for hour in hours:
        assert [each.day for each in days if each.starts <= hour < each.ends] == [local_day(hour, zone)]
        assert day in ledger_days(local_day(hour, zone), local_day(hour, zone))
    for each in days:
        starts, ends = month_of(each.day.isoformat()[:7], zone)
        assert (each.period_starts, each.period_ends) == (starts, ends)
        assert starts <= each.starts < each.ends <= ends


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 14), 24)])
def test_r14_a_day_in_berlin_has_23_24_or_25_hours(shop: Shop, day: date, hours: int) -> None:
    shop.organization.zone = "Europe/Berlin"
    shop.organization.save()
    starts = midnight(day, "Europe/Berlin") - 5 * HOUR
    ledger.meter(Simulator([line(shop, starts, starts + 40 * HOUR)]), until=starts + 50 * HOUR)
    assert DailyPresence.objects.filter(day=day).aggregate(total=Sum("hours_alive"))["total"] == hours
    assert quantity(shop, "server") == 40


def test_r14_a_month_ends_at_midnight_of_the_place(shop: Shop, tmp_path: Path) -> None:
    shop.organization.zone = "Asia/Shanghai"
    shop.organization.save()
    starts = datetime(2026, 6, 30, 14, tzinfo=UTC)
    ledger.meter(Simulator([line(shop, starts, starts + 4 * HOUR)]), until=starts + 6 * HOUR)
    sums = [focus.write(shop.organization, period, tmp_path / "x.parquet").cost["EUR"] for period in ("2026-06", "2026-07")]
    assert sums[0] == sums[1]
    assert sum(sums) == total()


# R15: money is Decimal


def test_r15_no_column_of_the_ledger_is_a_float(shop: Shop, tmp_path: Path) -> None:
    ledger.meter(lives(shop, 1, starts=DAY, ends=DAY + timedelta(days=1)), until=DAY + timedelta(days=1))
    focus.write(shop.organization, "2026-06", tmp_path / "month.parquet")
    for path in [*live_files(), tmp_path / "month.parquet"]:
        kinds = {str(field.type) for field in parquet.read_schema(path)}
        assert not {kind for kind in kinds if "float" in kind or "double" in kind or "half" in kind}, path
    for label in ("catalogue", "pricing", "metering"):
        for model in apps.get_app_config(label).get_models():
            assert not [field for field in model._meta.fields if isinstance(field, models.FloatField)], model


def test_r15_no_code_of_the_ledger_makes_floats() -> None:
    for path in [each for app in ("catalogue", "pricing", "metering") for each in (PORTAL / app).rglob("*.py")]:
        tree = ast.parse(path.read_text())
        calls = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        assert "float" not in calls, path
        constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        assert not [value for value in constants if isinstance(value, float)], path
    for path in (PORTAL / "metering" / "sql").glob("*.sql"):
        code = re.sub(r"--.*", "", path.read_text())
        assert not re.search(r"\b(DOUBLE|FLOAT|REAL|avg)\b", code, re.IGNORECASE), path
        assert not re.search(r"(?<!/)/(?!/)", code), path


BIG = strategies.decimals(0, Decimal("99999999999999.9999"), places=4)
PRICE = strategies.decimals(0, Decimal("9999999999.99999999"), places=8)


@given(BIG, PRICE)
@settings(max_examples=60, deadline=None)
def test_r15_the_money_expression_is_exact_and_the_same_in_sql_and_python(amount: Decimal, price: Decimal) -> None:
    with connect() as engine:
        query = "SELECT CAST(money(CAST($q AS DECIMAL(18,4)), CAST($p AS DECIMAL(18,8))) AS DECIMAL(38,12))"
        answer = rows_of(engine, query, {"q": str(amount), "p": str(price)})[0][0]
    assert Fraction(answer) == Fraction(amount) * Fraction(price)
    assert answer == multiply(amount, price)


# R17: each row names its price; use across a change is split


def test_r17_use_across_a_change_of_price_is_charged_at_both(shop: Shop) -> None:
    change = DAY + 10 * HOUR
    with clock.travel(DAY - 5 * HOUR):
        actor = shop.world.actor("carol")
        new = set_price(
            shop.book, shop.component("server"), Decimal("0.05"), plan=shop.plan("small"), starts=change, actor=actor
        )
    simulator = Simulator([line(shop, DAY, DAY + 24 * HOUR)])
    ledger.meter(simulator, until=DAY + 30 * HOUR)
    with connect() as engine:
        lake.read(Dataset.CHARGES, ["2026-06-14"]).open(engine)
        query = """SELECT SkuPriceId, x_PriceVersion, PricingQuantity, ListCost, epoch_us(ChargePeriodEnd) FROM charges
            WHERE SkuMeter = 'server-hours' ORDER BY ChargePeriodStart"""
        old_row, new_row = rows_of(engine, query)
    assert old_row[1:4] == (1, Decimal(10), Decimal("0.208"))
    assert new_row[:4] == (str(new.pk), 2, Decimal(14), Decimal("0.7"))
    assert old_row[4] == int(change.timestamp()) * 1_000_000
    rows = price_rows(DAY, DAY + 24 * HOUR)
    parts = simulator.within(DAY, DAY + 24 * HOUR).components
    assert Fraction(total()) == true_cost(simulator.lines, parts, rows, DAY + 24 * HOUR)


def test_r17_two_prices_at_one_moment_are_refused_by_the_database(shop: Shop) -> None:
    held = Price.objects.filter(plan=shop.plan("small")).get()
    twin = Price(book=held.book, component=held.component, plan=held.plan, unit_price=1, valid=DateTimeTZRange(DAY, None))
    with pytest.raises(IntegrityError, match="one_price_at_a_time"), transaction.atomic():
        twin.save()


@pytest.mark.parametrize("seed", range(4))
def test_r17_after_any_changes_there_is_one_price_at_every_moment(shop: Shop, seed: int) -> None:
    dice, actor = random.Random(seed), shop.world.actor("carol")
    part, small, large = shop.component("disk"), shop.plan("small"), shop.plan("large")
    for _ in range(12):
        starts = OPENED + timedelta(hours=dice.randrange(1, 400))
        with clock.travel(OPENED):
            set_price(
                shop.book,
                part,
                Decimal(dice.randrange(1000)) / 1000,
                plan=dice.choice([None, small]),
                starts=starts,
                actor=actor,
            )
    rows = price_rows(OPENED, OPENED + timedelta(hours=500), components=[part.pk])
    for hour in range(0, 500, 3):
        at = OPENED + hour * HOUR
        found = [row.plan_id for row in rows if row.valid_from <= at and (row.valid_to is None or at < row.valid_to)]
        assert sorted(found) == sorted([small.pk, large.pk])
        assert {(row.price_id, row.plan_id) for row in price_rows(at, components=[part.pk])} == {
            (row.price_id, row.plan_id)
            for row in rows
            if row.valid_from <= at and (row.valid_to is None or at < row.valid_to)
        }


# R18: no price is not free


def test_r18_use_without_a_price_is_counted_and_named_then_charged_when_the_price_is_set(world: Any) -> None:
    shop = open_shop(world, priced=False)
    simulator = Simulator([line(shop, DAY, DAY + 5 * HOUR)])
    ledger.meter(simulator, until=DAY + 6 * HOUR)
    assert total() == 0
    assert RateRun.objects.get().unrated_lines == 2
    carol = world.actor("carol")
    named = {(each.component, each.quantity) for each in queries.unpriced(carol, "2026-06")}
    assert named == {("Server", Decimal(5)), ("Disk", Decimal(100))}
    for key in ("server", "disk"):
        with clock.travel(DAY + 7 * HOUR):
            set_price(shop.book, shop.component(key), Decimal("0.01"), starts=OPENED, actor=carol)
    assert ledger.rate_since(OPENED) == (DAY.date(),)
    assert total() == Decimal("1.05")
    assert queries.unpriced(carol, "2026-06") == []


def test_r18_the_export_says_how_much_has_no_price(world: Any, tmp_path: Path) -> None:
    shop = open_shop(world, priced=False)
    ledger.meter(Simulator([line(shop, DAY, DAY + 5 * HOUR)]), until=DAY + 6 * HOUR)
    written = focus.write(shop.organization, "2026-06", tmp_path / "month.parquet")
    assert written.rows == 0
    assert written.manifest["without_price"] == {"lines": 2, "quantity": "105.0000"}


# R20: rating is a pure function


def test_r20_one_and_two_threads_and_a_second_run_write_the_same_bytes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    until = DAY + timedelta(days=2)
    ledger.meter(lives(shop, 9, starts=DAY, ends=until, resources=40), until=until)
    digests = set()
    for threads in (1, 2, 1, 2):
        for name in ("rate", "merge"):
            with connect(threads=threads) as engine:
                rating.open_usage(engine, DAY.date())
                rating.give_rules(engine, rating.rules_for(engine, DAY.date()))
                engine.execute("CREATE TEMP VIEW arrived AS FROM usage")
                kind, order = (Dataset.CHARGES, rating.ORDER) if name == "rate" else (Dataset.USAGE, "meter_version, hour")
                digests.add((name, lake.write(engine, kind, "again", statement(name), order=order).sha256))
    assert len(digests) == 2
    live = lake.live(Dataset.CHARGES, [DAY.date().isoformat()])[DAY.date().isoformat()]
    assert ("rate", live.files[0]["sha256"]) in digests


def test_r20_rating_anew_with_nothing_new_changes_nothing(shop: Shop) -> None:
    until = DAY + timedelta(days=2)
    ledger.meter(lives(shop, 9, starts=DAY, ends=until), until=until)
    before = DatasetVersion.objects.count(), RateRun.objects.count()
    assert ledger.rate_since(DAY) == ()
    assert (DatasetVersion.objects.count(), RateRun.objects.count()) == before


def test_r20_the_roll_up_can_be_built_again_from_the_lake(shop: Shop) -> None:
    until = DAY + timedelta(days=2)
    ledger.meter(lives(shop, 9, starts=DAY, ends=until), until=until)
    columns = [field.attname for field in DailyCost._meta.fields if field.attname != "id"]
    before = sorted(DailyCost.objects.values_list(*columns), key=str)
    DailyCost.objects.all().delete()
    ledger.rebuild(rollup.ledger_days())
    assert sorted(DailyCost.objects.values_list(*columns), key=str) == before


# R30: nobody sees another's rows


@pytest.fixture
def two_shops(world: Any) -> tuple[Shop, Shop]:
    """Two organizations with charges in the same days and files."""
    ours, theirs = open_shop(world), open_shop(world, organization="other", seller="mallory")
    secret = line(theirs, DAY, DAY + 9 * HOUR, resource_id=uuid.UUID(int=666), project_id=world.other_project.pk)
    fleet = line(ours, DAY, DAY + 3 * HOUR, resource_id=uuid.UUID(int=3), project_id=world.fleet.pk)
    ledger.meter(Simulator([line(ours, DAY, DAY + 2 * HOUR), fleet, secret]), until=DAY + 12 * HOUR)
    return ours, theirs


def test_r30_each_person_sees_the_cost_of_her_own_scopes(world: Any, two_shops: Any) -> None:
    hour = Decimal("0.023269")
    hours = {"alice": 2, "bob": 2, "carol": 5, "dave": 5, "erin": 5, "mallory": 9}
    for name, expected in hours.items():
        actor = world.actor(name)
        rows = queries.cost_by_tenant(actor, "2026-06")
        assert queries.totals(rows) == {"EUR": expected * hour}, name
        assert queries.completeness(actor, "2026-06").hours_alive == expected
        assert sum(day.cost for day in queries.cost_by_day(actor, "2026-06")) == expected * hour
        every = [scope.pk for scope in world.scopes.values()]
        assert sum(cost["EUR"] for cost in queries.costs_of_projects(actor, "2026-06", every).values()) == expected * hour
        things = [uuid.UUID(int=number) for number in (1, 3, 666)]
        assert sum(cost["EUR"] for cost in queries.costs_of_resources(actor, "2026-06", things).values()) == expected * hour


def test_r30_an_export_holds_one_organization(two_shops: tuple[Shop, Shop], tmp_path: Path) -> None:
    for shop, others in (two_shops, two_shops[::-1]):
        target = tmp_path / "month.csv"
        focus.write(shop.organization, "2026-06", target, format="csv")
        text = target.read_text()
        assert str(shop.organization.pk) in text
        assert str(others.organization.pk) not in text
        assert others.organization.name not in text


def test_r30_nobody_asks_for_or_opens_an_export_of_another_organization(world: Any, two_shops: Any) -> None:
    for name, refusal in (("mallory", NotFound), ("alice", NotFound), ("bob", NotFound)):
        with pytest.raises(refusal):
            request_export(world.nordwind, "2026-06", actor=world.actor(name))
    export = request_export(world.nordwind, "2026-06", actor=world.actor("carol"))
    for name in ("mallory", "alice", "bob", "dave"):
        assert not queries.exports_visible_to(world.actor(name)).exists()
        with pytest.raises(PortalError):
            open_export(export, actor=world.actor(name))
        with pytest.raises(NotFound):
            queries.export_visible_to(world.actor(name), export.pk)
    with pytest.raises(Forbidden):
        request_export(world.nordwind, "2026-06", actor=world.actor("dave"))
    with pytest.raises(NotFound):
        set_budget(world.web, Decimal(5), actor=world.actor("mallory"))
