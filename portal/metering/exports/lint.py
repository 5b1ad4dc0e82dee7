"""Our own FOCUS lint, stricter than the public validator: every row is checked in one scan, then what rows say together."""

from dataclasses import dataclass
from pathlib import Path

from portal.metering.engine import Connection, connect, rows_of
from portal.metering.exports.columns import (
    CHARGE_CATEGORIES,
    CHARGE_FREQUENCIES,
    FOCUS,
    MANDATORY,
    PRESENT,
    PRICING_CATEGORIES,
    SUBCATEGORIES,
)

METRICS = tuple(column for column, kind in FOCUS.items() if kind.startswith("DECIMAL"))
PARENTS = {
    "ServiceName": "ServiceCategory",
    "SubAccountId": "BillingAccountId",
    "SkuPriceId": "ListUnitPrice",
    "BillingAccountId": "BillingAccountName",
}
"""Each child has one parent in a file."""
NATURAL_KEY = (
    *("BillingAccountId", "SubAccountId", "ResourceId", "SkuId", "SkuPriceId", "ChargePeriodStart", "ChargeCategory"),
    *("ChargeClass", "BillingPeriodStart", "ChargeDescription", "x_ConnectionId", "x_Generation"),
)
"""What tells two charges apart; a file need not have all of them."""
OWN_KEYS = tuple(column for column in NATURAL_KEY if column not in FOCUS)
WORDLESS = ("", "n/a", "none", "null", "nan", "-")


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that does not hold, and in how many rows."""

    rule: str
    count: int

    def __str__(self) -> str:
        return f"{self.rule}: {self.count}"


def lint(path: Path) -> list[Finding]:
    """What is wrong with a FOCUS file, Parquet or CSV; empty when nothing is."""
    with connect() as connection:
        missing, kinds = _open(connection, path)
        if missing:
            return [Finding(f"column {column} is missing", 1) for column in missing]
        findings = [*_types(kinds), *_order(list(kinds)), *_rows(connection), *_parents(connection)]
        return [*findings, *_duplicates(connection)]


def _open(connection: Connection, path: Path) -> tuple[list[str], dict[str, str]]:
    """The file as the view `charges`; which columns it lacks, and what type each was written in."""
    name = str(path).replace("'", "''")
    is_text = path.suffix == ".csv"
    source = f"read_csv('{name}', header = true, all_varchar = true)" if is_text else f"read_parquet('{name}')"
    kinds = {row[0]: row[1] for row in rows_of(connection, f"DESCRIBE SELECT * FROM {source}")}  # noqa: S608 - our path
    missing = [column for column in PRESENT if column not in kinds]
    known = ", ".join(_typed(column, kind, kinds) for column, kind in (FOCUS | dict.fromkeys(OWN_KEYS, "VARCHAR")).items())
    if not missing:
        connection.execute(f"CREATE TEMP VIEW charges AS SELECT {known} FROM {source}")  # noqa: S608
    return missing, {} if is_text and missing else {column: "TEXT" if is_text else kind for column, kind in kinds.items()}


def _typed(column: str, kind: str, kinds: dict[str, str]) -> str:
    if column not in kinds:
        return f'CAST(NULL AS {kind}) AS "{column}"'
    return f'TRY_CAST("{column}" AS {kind}) AS "{column}", CAST("{column}" AS VARCHAR) AS "{column}_said"'


def _types(kinds: dict[str, str]) -> list[Finding]:
    """Money and quantities are decimals, periods are instants with a zone: never floats, never local times."""
    wrong = [
        column for column in METRICS if column in kinds and kinds[column] not in {"TEXT"} and "DECIMAL" not in kinds[column]
    ]
    late = [column for column in kinds if column.endswith(("PeriodStart", "PeriodEnd")) and kinds[column] == "TIMESTAMP"]
    return [Finding(f"{column} is {kinds[column]}", 1) for column in (*wrong, *late)]


def _order(columns: list[str]) -> list[Finding]:
    """Columns that FOCUS does not know are ours, are called so, and come last."""
    own = [column not in FOCUS for column in columns]
    strange = [column for column in columns if column not in FOCUS and not column.startswith("x_")]
    findings = [Finding(f"{column} is no column of FOCUS and does not begin with x_", 1) for column in strange]
    return [*findings, Finding("own columns come last", 1)] if own != sorted(own) else findings


def _rows(connection: Connection) -> list[Finding]:
    """One scan: how many rows break each rule."""
    present = {row[0] for row in rows_of(connection, "DESCRIBE charges")}
    rules = {**_field_rules(present), **_row_rules()}
    counts = ", ".join(f"count(*) FILTER (WHERE {broken})" for broken in rules.values())
    found = rows_of(connection, f"SELECT {counts} FROM charges")[0]  # noqa: S608 - rules are ours
    return [Finding(rule, count) for rule, count in zip(rules, found, strict=True) if count]


def _field_rules(present: set[str]) -> dict[str, str]:
    said = [column for column in FOCUS if f"{column}_said" in present]
    words = ", ".join(f"'{word}'" for word in WORDLESS)
    rules = {f"{column} is null": f'"{column}_said" IS NULL' for column in MANDATORY}
    for column in said:
        rules[f"{column} cannot be read"] = f'"{column}_said" IS NOT NULL AND "{column}" IS NULL'
        if FOCUS[column] == "VARCHAR":
            rules[f"{column} has a word for nothing"] = f'lower(trim("{column}")) IN ({words})'
    return rules


def _row_rules() -> dict[str, str]:
    pairs = ", ".join(f"('{category}', '{each}')" for category, many in SUBCATEGORIES.items() for each in many)
    categories = ", ".join(f"'{category}'" for category in SUBCATEGORIES)
    return {
        "the charge period ends after it starts": "ChargePeriodEnd <= ChargePeriodStart",
        "the billing period ends after it starts": "BillingPeriodEnd <= BillingPeriodStart",
        "a charge outside its billing period is a correction": (
            "ChargeClass IS DISTINCT FROM 'Correction'"
            " AND (ChargePeriodStart < BillingPeriodStart OR ChargePeriodStart >= BillingPeriodEnd)"
        ),
        "ListUnitPrice x PricingQuantity = ListCost": "money(PricingQuantity, ListUnitPrice) <> ListCost",
        "ContractedUnitPrice x PricingQuantity = ContractedCost": "money(PricingQuantity, ContractedUnitPrice) <> ContractedCost",
        "usage has a price and a quantity": (
            "ChargeCategory = 'Usage' AND ChargeClass IS NULL AND (ListUnitPrice IS NULL OR PricingQuantity IS NULL)"
        ),
        "a quantity has a unit": "(PricingQuantity IS NULL) <> (PricingUnit IS NULL)",
        "what was consumed has a unit": "(ConsumedQuantity IS NULL) <> (ConsumedUnit IS NULL)",
        "only usage is consumed": "ChargeCategory <> 'Usage' AND ConsumedQuantity IS NOT NULL",
        "usage that is no correction is not negative": (
            "ChargeCategory = 'Usage' AND ChargeClass IS NULL AND least(PricingQuantity, ListCost, BilledCost) < 0"
        ),
        "a credit is the same in all four costs": (
            "ChargeCategory = 'Credit' AND (BilledCost <> EffectiveCost OR BilledCost <> ListCost OR BilledCost <> ContractedCost)"
        ),
        "ChargeCategory is one of the list": f"ChargeCategory NOT IN {CHARGE_CATEGORIES}",
        "ChargeClass is Correction or null": "ChargeClass <> 'Correction'",
        "ChargeFrequency is one of the list": f"ChargeFrequency NOT IN {CHARGE_FREQUENCIES}",
        "PricingCategory is one of the list": f"PricingCategory NOT IN {PRICING_CATEGORIES}",
        "ServiceCategory is one of the list": f"ServiceCategory NOT IN ({categories})",
        "ServiceSubcategory belongs to its category": (
            f"ServiceSubcategory IS NOT NULL AND (ServiceCategory, ServiceSubcategory) NOT IN ({pairs})"
        ),
        "a currency has three capital letters": "NOT regexp_full_match(BillingCurrency, '[A-Z]{3}')",
        "a sub account's name has its id": "SubAccountName IS NOT NULL AND SubAccountId IS NULL",
        "a resource's name has its id": "ResourceName IS NOT NULL AND ResourceId IS NULL",
        "an instant says that it is UTC": (
            f"NOT regexp_full_match(ChargePeriodStart_said, '{UTC}') OR NOT regexp_full_match(ChargePeriodEnd_said, '{UTC}')"
        ),
        "tags are one flat object": TAGS,
    }


UTC = r".*(Z|\+00(:?00)?)"
JSON_TAGS = "CASE WHEN json_valid(Tags) THEN Tags END"
TAGS = f"""Tags IS NOT NULL AND NOT coalesce(
    json_type({JSON_TAGS}) = 'OBJECT'
    AND len(list_filter(json_extract({JSON_TAGS}, '$.*'), x -> json_type(x) IN ('OBJECT', 'ARRAY'))) = 0
    AND len(json_keys({JSON_TAGS})) = len(list_distinct(json_keys({JSON_TAGS}))), false)"""


def _parents(connection: Connection) -> list[Finding]:
    """A child belongs to one parent: a service to a category, a resource to a sub account, a price id to a price."""
    findings = []
    for child, parent in PARENTS.items():
        many = f"""SELECT count(*) FROM (
            SELECT "{child}" FROM charges WHERE "{child}" IS NOT NULL GROUP BY ALL HAVING count(DISTINCT "{parent}") > 1)"""  # noqa: S608
        count = rows_of(connection, many)[0][0]
        findings += [Finding(f"one {child} has one {parent}", count)] if count else []
    return findings


def _duplicates(connection: Connection) -> list[Finding]:
    """No charge twice: neither the same row, nor two of one natural key whose periods overlap."""
    key = ", ".join(f'"{column}"' for column in NATURAL_KEY if column != "ChargePeriodStart")
    query = f"""SELECT count(*) FROM (
        SELECT ChargePeriodStart < lag(ChargePeriodEnd) OVER (PARTITION BY {key} ORDER BY ChargePeriodStart, ChargePeriodEnd) AS again
        FROM charges) WHERE again"""  # noqa: S608 - columns are ours
    count = rows_of(connection, query)[0][0]
    return [Finding("no charge comes twice", count)] if count else []
