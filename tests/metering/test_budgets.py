"""Budgets in their month: how they stand, the mark that is told once, and exports that cannot be made."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from portal.core import clock
from portal.core.errors import Unavailable
from portal.events.models import Event
from portal.metering import budgets, exporting, ledger, standings, tasks
from portal.metering.exporting import LOST_AFTER
from portal.metering.models import BudgetMonth, Export
from portal.metering.services import open_export, request_export, set_budget
from portal.notices.models import Notice
from tests.metering.shop import Shop
from tests.metering.simulator import Simulator, line

DAY = datetime(2026, 6, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
PER_HOUR = Decimal("0.023269")
TEN_HOURS = Decimal("0.2320")


@pytest.fixture(autouse=True)
def _in_june() -> Any:
    with clock.travel(DAY + 20 * HOUR):
        yield


def spend(shop: Shop, hours: int) -> None:
    ledger.meter(Simulator([line(shop, DAY, DAY + hours * HOUR)]), until=DAY + hours * HOUR)


def told() -> list[tuple[str, int]]:
    rows = Notice.objects.filter(topic="budget_passed").order_by("created_at", "pk").select_related("user")
    return [(row.user.username, int(row.params["percent"])) for row in rows]


def test_the_same_month_for_one_budget_and_for_many(shop: Shop) -> None:
    spend(shop, 10)
    carol = shop.world.actor("carol")
    made = [set_budget(shop.world.scopes[name], Decimal(5), actor=carol) for name in ("nordwind", "retail", "web", "fleet")]
    at = clock.now()
    many = budgets.outlooks(made, at=at)
    for budget in made:
        assert many[budget.pk] == budgets.outlook(budget.scope, "UTC", "EUR", at=at)
    assert many[made[0].pk].accrued == 10 * PER_HOUR
    assert many[made[3].pk].accrued == 0


def test_a_budget_stands_written_down_as_soon_as_it_is_set(shop: Shop) -> None:
    spend(shop, 10)
    budget = set_budget(shop.world.web, Decimal(5), actor=shop.world.actor("carol"))
    month = BudgetMonth.objects.get()
    assert (month.budget, month.period, month.accrued, month.told) == (budget, "2026-06", 10 * PER_HOUR, [])


def test_each_mark_is_told_once_a_month_to_who_may_set_the_budget(shop: Shop) -> None:
    set_budget(shop.world.web, TEN_HOURS, actor=shop.world.actor("erin"))
    spend(shop, 7)
    tasks.sweep()
    assert told() == []
    spend(shop, 8)
    tasks.sweep()
    tasks.sweep()
    assert sorted(told()) == [("carol", 80), ("erin", 80)]
    spend(shop, 12)
    for _ in range(3):
        tasks.sweep()
    assert sorted(told()) == [("carol", 80), ("carol", 100), ("erin", 80), ("erin", 100)]
    assert Event.objects.filter(action="metering.pass_mark").count() == 2


def test_two_marks_passed_at_once_are_one_word(shop: Shop) -> None:
    set_budget(shop.world.web, TEN_HOURS / 10, actor=shop.world.actor("carol"))
    spend(shop, 8)
    standings.refresh(at=clock.now())
    assert {percent for _, percent in told()} == {100}
    assert BudgetMonth.objects.get().told == [80, 100]


def test_a_new_month_is_told_of_anew(shop: Shop) -> None:
    set_budget(shop.world.web, TEN_HOURS / 10, actor=shop.world.actor("carol"))
    simulator = Simulator([line(shop, DAY)])
    for at in (DAY + 2 * HOUR, DAY + timedelta(days=20)):
        ledger.meter(simulator, until=at)
        with clock.travel(at):
            standings.refresh(at=at)
    assert [percent for who, percent in told() if who == "carol"] == [100, 100]
    assert sorted(BudgetMonth.objects.values_list("period", flat=True)) == ["2026-06", "2026-07"]


def test_after_the_amount_is_raised_a_mark_may_be_told_of_again(shop: Shop) -> None:
    carol = shop.world.actor("carol")
    set_budget(shop.world.web, TEN_HOURS, actor=carol)
    spend(shop, 8)
    standings.refresh(at=clock.now())
    set_budget(shop.world.web, 10 * TEN_HOURS, actor=carol)
    assert BudgetMonth.objects.get().told == []
    set_budget(shop.world.web, TEN_HOURS, actor=carol)
    assert [percent for who, percent in told() if who == "carol"] == [80, 80]


def test_many_budgets_are_looked_at_in_a_bounded_number_of_queries(shop: Shop, django_assert_max_num_queries: Any) -> None:
    spend(shop, 2)
    for scope in list(shop.world.scopes.values())[:5]:
        set_budget(scope, Decimal(1000), actor=shop.world.actor("erin"))
    with django_assert_max_num_queries(14):
        standings.refresh(at=clock.now())


def test_an_export_that_cannot_be_written_says_so_and_stays_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    spend(shop, 2)
    export = request_export(shop.organization, "2026-06", actor=shop.world.actor("carol"))
    with monkeypatch.context() as patched:
        patched.setattr(exporting.focus, "write", lambda *a, **k: (_ for _ in ()).throw(OSError("no space left")))
        tasks.write_export(str(export.pk))
    tasks.write_export(str(export.pk))
    export.refresh_from_db()
    assert (export.state, export.blob) == ("failed", "")
    assert "OSError" in export.error
    assert Event.objects.get(action="metering.write_export").outcome == "failed"


def test_an_export_whose_message_was_lost_is_handed_out_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    spend(shop, 2)
    export = request_export(shop.organization, "2026-06", actor=shop.world.actor("carol"))
    sent: list[Any] = []
    monkeypatch.setattr("portal.core.queue._send", lambda task, args: sent.append((task, args)))
    for late in (timedelta(), LOST_AFTER + timedelta(seconds=1)):
        with clock.travel(export.created_at + late), django_capture_on_commit_callbacks(execute=True):
            tasks.sweep()
    assert sent == [("metering.write_export", [str(export.pk)])]
    tasks.write_export(str(export.pk))
    assert Export.objects.get().state == "ready"


def test_a_stored_file_that_is_lost_or_damaged_is_said(shop: Shop) -> None:
    spend(shop, 2)
    carol = shop.world.actor("carol")
    export = request_export(shop.organization, "2026-06", actor=carol)
    tasks.write_export(str(export.pk))
    export.refresh_from_db()
    path = open_export(export, actor=carol)
    path.chmod(0o600)
    path.write_bytes(b"other")
    for _ in range(2):
        with pytest.raises(Unavailable):
            open_export(export, actor=carol)
        path.unlink(missing_ok=True)
    assert Event.objects.filter(action="metering.download_export").count() == 1
