"""The FOCUS export: it ties out, it is of one organization, and our lint finds what is wrong with a file."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from django.db.models import Sum

from portal.core.blobs import sha256_of
from portal.metering import ledger
from portal.metering.exports import focus
from portal.metering.exports.columns import COLUMNS
from portal.metering.exports.lint import lint
from portal.metering.models import DailyCost
from tests.metering.shop import Shop
from tests.metering.simulator import Simulator, line, lives

DAY = datetime(2026, 6, 14, tzinfo=UTC)


KEPT: dict[str, bytes] = {}


@pytest.fixture
def good(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The month of `exported`, made once for all the tests that only read it."""
    if not KEPT:
        KEPT["good"] = request.getfixturevalue("exported").read_bytes()
    (tmp_path / "kept.parquet").write_bytes(KEPT["good"])
    return tmp_path / "kept.parquet"


@pytest.fixture
def exported(shop: Shop, tmp_path: Path) -> Path:
    """A month with charges, as Parquet."""
    until = DAY + timedelta(days=3)
    ledger.meter(lives(shop, 7, starts=DAY, ends=until, resources=12), until=until)
    focus.write(shop.organization, "2026-06", tmp_path / "good.parquet")
    return tmp_path / "good.parquet"


def spoil(source: Path, change: str) -> Path:
    """The file with one fault: a SELECT over `good`."""
    target = source.with_name("bad.parquet")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW good AS FROM '{source}'")
    connection.execute(f"COPY ({change}) TO '{target}' (FORMAT parquet)")
    connection.close()
    return target


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_the_file_ties_out_to_the_page_to_the_last_digit(shop: Shop, exported: Path, tmp_path: Path, format: str) -> None:
    target = tmp_path / f"month.{format}"
    written = focus.write(shop.organization, "2026-06", target, format=format)
    page = DailyCost.objects.aggregate(cost=Sum("cost"))["cost"]
    assert written.cost == {"EUR": page}
    assert written.manifest["billed_cost"] == {"EUR": str(page)}
    assert written.manifest["file"]["sha256"] == sha256_of(target)
    assert lint(target) == []
    if format == "csv":
        with target.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == list(COLUMNS)
        assert sum(Decimal(row["BilledCost"]) for row in rows) == page
        assert all(row["ChargePeriodStart"].endswith("Z") for row in rows)


def test_writing_twice_gives_the_same_bytes(shop: Shop, exported: Path, tmp_path: Path) -> None:
    focus.write(shop.organization, "2026-06", tmp_path / "again.parquet")
    assert sha256_of(exported) == sha256_of(tmp_path / "again.parquet")


def test_a_month_without_charges_is_an_empty_file_with_all_columns(shop: Shop, tmp_path: Path) -> None:
    written = focus.write(shop.organization, "2025-02", tmp_path / "empty.parquet")
    assert (written.rows, written.cost) == (0, {})
    assert lint(tmp_path / "empty.parquet") == []


def test_a_changed_plan_within_an_hour_is_no_charge_twice(shop: Shop, tmp_path: Path) -> None:
    half, large = DAY + timedelta(minutes=30), shop.plan("large")
    ledger.meter(Simulator([line(shop, DAY, half), line(shop, half, plan_id=large.pk)]), until=DAY + timedelta(hours=5))
    focus.write(shop.organization, "2026-06", tmp_path / "month.parquet")
    assert lint(tmp_path / "month.parquet") == []


FAULTS = {
    "ListCost is five everywhere": "SELECT * REPLACE (CAST(5 AS DECIMAL(38,12)) AS ListCost) FROM good",
    "a period ends before it starts": "SELECT * REPLACE (ChargePeriodStart - INTERVAL 1 HOUR AS ChargePeriodEnd) FROM good",
    "nested tags": """SELECT * REPLACE ('{"a": {"b": 1}}' AS Tags) FROM good""",
    "tags with one key twice": """SELECT * REPLACE ('{"a": 1, "a": 2}' AS Tags) FROM good""",
    "tags are a list": "SELECT * REPLACE ('[1]' AS Tags) FROM good",
    "tags are no JSON": "SELECT * REPLACE ('{' AS Tags) FROM good",
    "all rows doubled": "FROM good UNION ALL FROM good",
    "an empty text for null": "SELECT * REPLACE ('' AS RegionId) FROM good",
    "a word for null": "SELECT * REPLACE ('N/A' AS InvoiceId) FROM good",
    "float money": "SELECT * REPLACE (CAST(BilledCost AS DOUBLE) AS BilledCost) FROM good",
    "null money": "SELECT * REPLACE (CAST(NULL AS DECIMAL(38,12)) AS EffectiveCost) FROM good",
    "a missing column": "SELECT * EXCLUDE (BillingCurrency) FROM good",
    "local time": "SELECT * REPLACE (CAST(ChargePeriodStart AS TIMESTAMP) AS ChargePeriodStart) FROM good",
    "a made up category": "SELECT * REPLACE ('Servers' AS ServiceCategory) FROM good",
    "a pair that does not fit": "SELECT * REPLACE ('Object Storage' AS ServiceSubcategory) FROM good",
    "a made up charge": "SELECT * REPLACE ('Fee' AS ChargeCategory) FROM good",
    "a tax that is consumed": "SELECT * REPLACE ('Tax' AS ChargeCategory) FROM good",
    "negative usage": "SELECT * REPLACE (-ListCost AS ListCost, -PricingQuantity AS PricingQuantity) FROM good",
    "a unit without a quantity": "SELECT * REPLACE (CAST(NULL AS DECIMAL(18,4)) AS ConsumedQuantity) FROM good",
    "an own column among theirs": "SELECT x_Day, * EXCLUDE (x_Day) FROM good",
    "an own column without its sign": "SELECT *, 1 AS Mood FROM good",
    "a service of two categories": (
        "SELECT * REPLACE (CASE WHEN row_number() OVER () = 1 THEN 'Web' ELSE ServiceCategory END AS ServiceCategory,"
        " NULL::VARCHAR AS ServiceSubcategory) FROM good"
    ),
    "one price id with two prices": ("SELECT * REPLACE ('p' AS SkuPriceId, 's' AS SkuId) FROM good"),
    "a charge outside its period": "SELECT * REPLACE (BillingPeriodStart + INTERVAL 20 DAY AS BillingPeriodStart) FROM good",
    "a currency in small letters": "SELECT * REPLACE ('eur' AS BillingCurrency) FROM good",
    "a name without an id": "SELECT * REPLACE (NULL::VARCHAR AS SubAccountId) FROM good",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_lint_finds_each_fault(good: Path, fault: str) -> None:
    assert lint(good) == []
    assert lint(spoil(good, FAULTS[fault])) != []
