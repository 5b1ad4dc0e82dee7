"""Finance's pages: what a month cost, budgets, and months as files; who sees which, and that the sums are one."""

import csv
import io
import re
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from portal.access.models import Scope, ScopeKind
from portal.core import clock
from portal.events.models import Event
from portal.metering import exporting, ledger, queries, tasks
from portal.metering.models import Budget, DailyCost, Export
from portal.metering.services import request_export, set_budget
from tests.cast import give, person
from tests.metering.shop import open_shop
from tests.metering.simulator import Simulator, line, lives

CAST = ["alice", "bob", "carol", "dave", "erin"]
DAY = datetime(2026, 6, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
PER_HOUR = Decimal("0.023269")


@pytest.fixture(autouse=True)
def _lake(tmp_path, settings):
    settings.LAKE_URL, settings.BLOB_URL = str(tmp_path / "lake"), str(tmp_path / "blobs")


@pytest.fixture
def shop(world):
    """Ten hours in web, three in fleet, nine of another organization, in June."""
    ours, theirs = open_shop(world), open_shop(world, organization="other", seller="mallory")
    fleet = line(ours, DAY, DAY + 3 * HOUR, resource_id=uuid.UUID(int=3), project_id=world.fleet.pk)
    secret = line(theirs, DAY, DAY + 9 * HOUR, resource_id=uuid.UUID(int=666), project_id=world.other_project.pk)
    ledger.meter(Simulator([line(ours, DAY, DAY + 10 * HOUR), fleet, secret]), until=DAY + 12 * HOUR)
    return ours


def page_of(browser, url="/cost/?month=2026-06"):
    answer = browser.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def sums_of(page):
    """The exact sums at the foot of the table."""
    return [Decimal(each) for each in re.findall(r'<data class="amount" value="([0-9.]+)"', page.partition("<tfoot>")[2])]


def export_of(world, format="parquet", who="carol", period="2026-06"):
    export = request_export(world.nordwind, period, actor=world.actor(who), format=format)
    tasks.write_export(str(export.pk))
    export.refresh_from_db()
    return export


# Cost


@pytest.mark.parametrize("name", CAST)
def test_the_page_of_a_month_takes_few_queries_for_every_role(world, shop, signed_in, in_few_queries, name):
    many_rows(world)
    for scope in (world.nordwind, world.retail, world.web):
        set_budget(scope, Decimal(100), actor=world.actor("erin"))
    answer = in_few_queries(signed_in(name), "/cost/?month=2026-06")
    assert answer.status_code == 200


def many_rows(world):
    """Fifty tenants with three months of cost, and one thing without a price."""
    known = DailyCost.objects.first()
    rows = []
    for number in range(50):
        tenant = Scope.objects.create(scope_kind=ScopeKind.TENANT, parent=world.retail, name=f"T{number}", slug=f"t{number}")
        project = Scope.objects.create(scope_kind=ScopeKind.PROJECT, parent=tenant, name=f"p{number}", slug=f"p{number}")
        for day in range(1, 29):
            fields = {
                field.attname: getattr(known, field.attname) for field in DailyCost._meta.fields if field.attname != "id"
            }
            fields |= {"day": DAY.date().replace(day=day), "project_id": project.pk, "tenant_path": tenant.path}
            rows.append(DailyCost(**fields | {"is_rated": number > 0, "cost": number}))
    DailyCost.objects.bulk_create(rows)


def test_the_sum_of_the_page_is_the_sum_of_the_ledger_exactly(world, shop, signed_in):
    page = page_of(signed_in("carol"))
    assert sums_of(page) == [13 * PER_HOUR]
    for word in ("Retail", "Logistics", "Linux server"):
        assert word in page
    assert "Elsewhere" not in page
    assert "2026-06" in page


@pytest.mark.parametrize(("name", "hours"), [("alice", 10), ("bob", 10), ("carol", 13), ("dave", 13), ("mallory", 9)])
def test_each_sees_the_cost_of_her_own_scopes(world, shop, signed_in, name, hours):
    assert sums_of(page_of(signed_in(name))) == [hours * PER_HOUR]


def test_only_who_may_see_cost_finds_the_page(world, shop, client, signed_in):
    nobody = person("zoe")
    assert client.get("/cost/")["Location"] == "/signin/?next=/cost/"
    client.force_login(nobody)
    assert signed_in("zoe").get("/cost/").status_code == 404


def test_an_expired_role_shows_nothing_any_more(world, shop, signed_in):
    zoe = person("zoe")
    given = give(zoe, "finance", world.nordwind)
    browser = signed_in("zoe")
    assert sums_of(page_of(browser)) == [13 * PER_HOUR]
    given.expires = clock.now() - HOUR
    given.save()
    assert browser.get("/cost/?month=2026-06").status_code == 404


def test_the_scope_chosen_on_top_is_all_that_counts(world, shop, signed_in):
    browser = signed_in("carol")
    set_budget(world.retail, Decimal(5), actor=world.actor("carol"))
    browser.post("/scope/", {"scope": str(world.logistics.pk)})
    page = page_of(browser)
    assert sums_of(page) == [3 * PER_HOUR]
    assert "Budget of" not in page
    assert 'value="0.232690"' not in page
    browser.post("/scope/", {"scope": str(world.web.pk)})
    assert sums_of(page_of(browser)) == [10 * PER_HOUR]


@pytest.mark.parametrize(
    "query", ["month=nonsense", "month=2026-13", "month=9999-12", "month=%00", "by=x&page=-3", "month=٢٠٢٦-٠٦"]
)
def test_a_month_that_cannot_be_read_is_this_month(world, shop, signed_in, query):
    assert signed_in("carol").get(f"/cost/?{query}").status_code == 200


def test_a_month_without_use_says_so(world, shop, signed_in):
    assert "Nothing was used in this month" in page_of(signed_in("carol"), "/cost/?month=2026-02")


def test_before_the_first_run_the_page_says_what_will_come(world, signed_in):
    assert "Nothing was metered yet" in page_of(signed_in("carol"), "/cost/")


@pytest.mark.parametrize("by", ["tenant", "service", "cloud"])
def test_groups_add_up_to_the_sum_whatever_comes_first(world, shop, signed_in, by):
    page = page_of(signed_in("carol"), f"/cost/?month=2026-06&by={by}").partition('id="where"')[2]
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [row for row in body.split("<tr") if "lvl-1" in row.partition(">")[0]]
    groups = sum(Decimal(re.search(r'value="([0-9.]+)"', row)[1]) for row in rows)
    assert groups == sums_of(page)[0]


def test_use_without_a_price_is_named_and_in_no_sum(world, signed_in):
    shop = open_shop(world, priced=False)
    ledger.meter(Simulator([line(shop, DAY, DAY + 5 * HOUR)]), until=DAY + 6 * HOUR)
    page = page_of(signed_in("carol"))
    assert "2 things were used without a price" in page
    assert "Disk · Linux server, Small: 100.00 GiB-Hours since" in page
    assert sums_of(page) == [0]


def test_hours_that_nobody_saw_are_said(world, signed_in):
    shop = open_shop(world)
    ledger.meter(Simulator([line(shop, DAY, seen_until=DAY + 4 * HOUR)]), until=DAY + 10 * HOUR)
    page = page_of(signed_in("carol"))
    assert "50.0 <small>%</small>" in page
    assert "5.0 hours not seen" in page


def test_meter_now_is_for_operators(world, shop, signed_in, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr("portal.core.queue._send", lambda task, args: sent.append(task))
    with django_capture_on_commit_callbacks(execute=True):
        assert signed_in("carol").post("/cost/meter/").status_code == 403
        assert "Meter now" not in page_of(signed_in("carol"))
        browser = signed_in("dave")
        assert "Meter now" in page_of(browser)
        assert browser.get("/cost/meter/").status_code == 405
        assert browser.post("/cost/meter/").status_code == 302
    assert sent == ["metering.meter"]


# Budgets


def test_a_budget_is_set_changed_and_removed_and_its_history_stays(world, shop, signed_in):
    browser = signed_in("carol")
    fields = {"scope": str(world.retail.pk), "amount": "120.5", "thresholds": "50, 90%"}
    assert browser.post("/budgets/set/", fields)["Location"] == f"/budgets/{Budget.objects.get().pk}/"
    assert Budget.objects.get().thresholds == [50, 90]
    browser.post("/budgets/set/", {**fields, "amount": "200"})
    budget = Budget.objects.get()
    page = page_of(browser, f"/budgets/{budget.pk}/")
    assert "Changed from 120.5000 to 200" in page
    assert "Set to 120.5" in page
    assert browser.post(f"/budgets/{budget.pk}/remove/")["Location"] == "/cost/"
    assert not Budget.objects.exists()
    assert Event.objects.filter(action="metering.remove_budget").count() == 1
    assert browser.post(f"/budgets/{budget.pk}/remove/").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "-1"),
        ("amount", "nan"),
        ("amount", "1e400"),
        ("amount", "9999999999999"),
        ("amount", "0.00001"),
        ("amount", ""),
        ("thresholds", "eighty"),
        ("thresholds", "0"),
        ("thresholds", "5000"),
        ("thresholds", "80;100"),
        ("scope", "x"),
        ("scope", str(uuid.UUID(int=5))),
    ],
)
def test_a_budget_that_cannot_be_read_is_said_beside_its_field(world, shop, signed_in, field, value):
    fields = {"scope": str(world.retail.pk), "amount": "100", "thresholds": "80, 100", field: value}
    answer = signed_in("carol").post("/budgets/set/", fields)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not Budget.objects.exists()


def test_budgets_of_others_cannot_be_found_set_or_removed(world, shop, signed_in):
    budget = set_budget(world.retail, Decimal(5), actor=world.actor("carol"))
    for name in ("mallory", "alice"):
        browser = signed_in(name)
        assert browser.get(f"/budgets/{budget.pk}/").status_code == 404
        assert browser.post(f"/budgets/{budget.pk}/remove/").status_code == 404
    assert signed_in("alice").get("/budgets/set/").status_code == 404
    fields = {"scope": str(world.retail.pk), "amount": "1", "thresholds": "80"}
    assert signed_in("mallory").post("/budgets/set/", fields).status_code == 422
    assert signed_in("dave").post(f"/budgets/{budget.pk}/remove/").status_code == 403
    assert Budget.objects.get().amount == 5


def test_who_sees_a_budget_without_setting_it_gets_no_form(world, shop, signed_in):
    budget = set_budget(world.web, Decimal(5), actor=world.actor("carol"))
    page = page_of(signed_in("alice"), f"/budgets/{budget.pk}/")
    assert "Remove the budget" not in page
    assert "Spent so far" in page


def test_budgets_stand_on_the_page_of_their_month(world, shop, signed_in):
    with clock.travel(DAY + 12 * HOUR):
        budget = set_budget(world.web, Decimal("0.1"), actor=world.actor("carol"))
    page = page_of(signed_in("carol"))
    assert f"/budgets/{budget.pk}/" in page
    assert "0.13 over" in page
    assert f"/budgets/{budget.pk}/" not in page_of(signed_in("carol"), "/cost/?month=2026-05")


def test_the_page_of_a_budget_takes_few_queries(world, shop, signed_in, in_few_queries):
    for number in range(30):
        budget = set_budget(world.web, Decimal(number), actor=world.actor("carol"))
    in_few_queries(signed_in("carol"), f"/budgets/{budget.pk}/")


# Exports


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_page_manifest_and_file_say_the_same_sum(world, shop, signed_in, tmp_path, format):
    simulator = lives(shop, 3, starts=DAY + timedelta(days=1), ends=DAY + timedelta(days=4))
    ledger.meter(simulator, until=DAY + timedelta(days=4))
    export = export_of(world, format)
    browser = signed_in("carol")
    file = b"".join(browser.get(f"/exports/{export.pk}/download/").streaming_content)
    shown = sums_of(page_of(browser))
    assert shown == [billed(file, format, tmp_path)] == [Decimal(export.manifest["billed_cost"]["EUR"])]
    page = page_of(browser, f"/exports/{export.pk}/")
    for fact in (str(shown[0]), export.manifest["file"]["sha256"], f"{export.manifest['file']['rows']:,}"):
        assert fact in page


def billed(file, format, folder):
    """The sum of a file as who downloaded it finds it."""
    if format == "csv":
        return sum((Decimal(row["BilledCost"]) for row in csv.DictReader(io.StringIO(file.decode()))), Decimal())
    parquet = pytest.importorskip("pyarrow.parquet")
    (folder / "month.parquet").write_bytes(file)
    return sum(parquet.read_table(folder / "month.parquet").column("BilledCost").to_pylist(), Decimal())


def test_a_month_is_asked_for_followed_and_downloaded(world, shop, signed_in):
    browser = signed_in("carol")
    assert "No export yet" in page_of(browser, "/exports/")
    fields = {"organization": str(world.nordwind.pk), "period": "2026-06", "format": "csv"}
    with clock.travel(DAY + 20 * HOUR):
        assert browser.post("/exports/", fields).status_code == 302
    export = Export.objects.get()
    url = f"/exports/{export.pk}/"
    htmx = {"HX-Request": "true"}
    for address in (url, f"{url}?row=1"):
        part = browser.get(address, headers=htmx).content.decode()
        assert "every 2s" in part
        assert "<html" not in part
    assert browser.get(f"{url}download/").status_code == 409
    tasks.write_export(str(export.pk))
    for address in (url, f"{url}?row=1"):
        part = browser.get(address, headers=htmx).content.decode()
        assert "hx-get" not in part
        assert f"{url}download/" in part
    answer = browser.get(f"{url}download/")
    assert b"BilledCost" in b"".join(answer.streaming_content).splitlines()[0]
    assert answer["Content-Disposition"] == 'attachment; filename="focus-nordwind-2026-06.csv"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    event = Event.objects.get(action="metering.download_export")
    assert (event.actor, event.target_id) == (world.carol, str(export.pk))


@pytest.mark.parametrize(
    ("field", "value"), [("period", "2031-01"), ("period", "x"), ("format", "xlsx"), ("organization", str(uuid.UUID(int=4)))]
)
def test_an_export_that_cannot_be_read_is_said(world, shop, signed_in, field, value):
    fields = {"organization": str(world.nordwind.pk), "period": "2026-06", "format": "csv", field: value}
    with clock.travel(DAY + 20 * HOUR):
        assert signed_in("carol").post("/exports/", fields).status_code == 422
    assert not Export.objects.exists()


def test_exports_of_others_cannot_be_found(world, shop, signed_in):
    export = export_of(world)
    for name in ("alice", "bob", "dave", "mallory"):
        browser = signed_in(name)
        assert browser.get(f"/exports/{export.pk}/").status_code == 404
        assert browser.get(f"/exports/{export.pk}/download/").status_code == 404
        assert "nordwind" not in browser.get("/exports/").content.decode().partition("<main")[2]
    assert not Event.objects.filter(action="metering.download_export").exists()


def test_why_an_export_failed_is_on_its_page(world, shop, signed_in, monkeypatch):
    monkeypatch.setattr(exporting, "lint", lambda path: ["BilledCost: <b>not a number</b>"])
    export = export_of(world)
    page = page_of(signed_in("carol"), f"/exports/{export.pk}/")
    assert "&lt;b&gt;not a number" in page
    assert "Write it again" in page
    assert signed_in("carol").get(f"/exports/{export.pk}/download/").status_code == 409


def test_finance_of_a_part_is_told_why_there_is_nothing_to_ask_for(world, shop, signed_in):
    zoe = person("zoe")
    give(zoe, "finance", world.retail)
    assert "you may export only a part" in page_of(signed_in("zoe"), "/exports/")
    fields = {"organization": str(world.nordwind.pk), "period": "2026-06", "format": "csv"}
    assert signed_in("zoe").post("/exports/", fields).status_code == 422


@pytest.mark.parametrize("name", ["carol", "erin"])
def test_the_list_of_exports_takes_few_queries(world, shop, signed_in, in_few_queries, name):
    rows = [{"period": "2026-06", "format": "csv", "asked_by": world.carol, "organization": world.nordwind}] * 120
    Export.objects.bulk_create([Export(**row) for row in rows])
    page = in_few_queries(signed_in(name), "/exports/").content.decode()
    assert page.count("every 2s") == 50


def test_pages_read_the_roll_up_and_not_the_lake(world, shop, signed_in, settings, tmp_path):
    settings.LAKE_URL = str(tmp_path / "nowhere")
    assert sums_of(page_of(signed_in("carol"))) == [13 * PER_HOUR]
    assert queries.metered_until() == DAY + 12 * HOUR
