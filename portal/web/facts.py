"""The facts of a decision card as people read them: a label, a value, and money where it is money."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.models import DataClass, Environment
from portal.access.permissions import PERMISSIONS
from portal.clouds.labels import KINDS, RUNGS
from portal.clouds.schemas import CAPABILITIES
from portal.core.schema import properties
from portal.provisioning.kinds import OPERATIONS
from portal.web.room import DIMENSIONS

LABELS: dict[str, Any] = {
    "action": gettext_lazy("What happens"),
    "budget_from": gettext_lazy("Budget now"),
    "budget_more": gettext_lazy("So much more a month"),
    "budget_to": gettext_lazy("New budget"),
    "beneficiary": gettext_lazy("For whom"),
    "capability": gettext_lazy("Kind of service"),
    "charged": gettext_lazy("What is charged"),
    "connection": gettext_lazy("Connection"),
    "cost_centre": gettext_lazy("Cost centre"),
    "cost_per_hour": gettext_lazy("Cost an hour"),
    "cost_per_month": gettext_lazy("Cost a month"),
    "currency": gettext_lazy("Currency"),
    "endpoint": gettext_lazy("Endpoint"),
    "dimension": gettext_lazy("Of what"),
    "ends": gettext_lazy("Last day"),
    "group": gettext_lazy("For the group"),
    "hours": gettext_lazy("Hours"),
    "items": gettext_lazy("What"),
    "lender": gettext_lazy("Lent by"),
    "is_new": gettext_lazy("Its first version"),
    "limit_from": gettext_lazy("Limit now"),
    "limit_to": gettext_lazy("New limit"),
    "minutes": gettext_lazy("Minutes"),
    "more": gettext_lazy("So much more"),
    "name": gettext_lazy("Name"),
    "offer": gettext_lazy("Cloud access"),
    "offering": gettext_lazy("Service"),
    "place": gettext_lazy("For"),
    "plan": gettext_lazy("Plan"),
    "plans": gettext_lazy("Plans"),
    "project": gettext_lazy("Project"),
    "project_data_class": gettext_lazy("Data class"),
    "project_environment": gettext_lazy("Environment"),
    "provider": gettext_lazy("Cloud"),
    "purpose": gettext_lazy("What for"),
    "reason": gettext_lazy("Why"),
    "region": gettext_lazy("Region"),
    "narrowed": gettext_lazy("What the form takes"),
    "regions": gettext_lazy("Regions"),
    "resource": gettext_lazy("Resource"),
    "role": gettext_lazy("Role"),
    "rung": gettext_lazy("What Concord may do"),
    "permission": gettext_lazy("May"),
    "shared": gettext_lazy("What is shared"),
    "target": gettext_lazy("What it opens"),
    "until": gettext_lazy("Until"),
    "with": gettext_lazy("With whom"),
}
WORDS: dict[str, Mapping[str, Any]] = {
    "action": dict(OPERATIONS),
    "capability": KINDS,
    "dimension": DIMENSIONS,
    "permission": PERMISSIONS,
    "project_data_class": dict(DataClass.choices),
    "project_environment": dict(Environment.choices),
    "rung": RUNGS,
}
DAYS = ("ends", "until")
SAID = ("name", "region")
ASIDE = (
    "currency",
    "shared_kind",
    "items",
    "actions",
    "offerings",
    "was",
    "becomes",
    "policy",
    "policy_kind",
    "change",
    "allows",
    "version",
)
"""Drawn elsewhere on the card, or said better by what is drawn."""
AMOUNTS = ("budget_from", "budget_more", "budget_to", "cost_per_hour", "cost_per_month")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the card; `amount` is set where the value is money."""

    label: Any
    value: str
    amount: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of an order: what, where, with which answers, and its price a month."""

    name: str
    ends: bool
    service: str
    where: str
    answers: list[tuple[str, str]]
    per_month: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True)
class Shift:
    """One fact before and after; either may be missing."""

    before: Fact
    after: Fact


def lines(facts: Mapping[str, Any]) -> list[Fact]:
    """Every fact that says something, in the order the kind gives them; the currency stands with its amounts."""
    shown = {name: value for name, value in facts.items() if value not in (None, "", []) and name not in ASIDE}
    return [line(name, value, facts) for name, value in shown.items()]


def items(facts: Mapping[str, Any]) -> list[Item]:
    """What an order asks for, thing by thing; nothing for other kinds."""
    return [_item(each, str(facts.get("currency", ""))) for each in facts.get("items", []) if isinstance(each, Mapping)]


def _item(each: Mapping[str, Any], currency: str) -> Item:
    titles = {name: part.get("title", name) for schema in CAPABILITIES.values() for name, part in properties(schema).items()}
    answers = {name: value for name, value in each.get("spec", {}).items() if value not in (None, "") and name not in SAID}
    return Item(
        name=str(each.get("name", "")),
        ends=each.get("action") == "terminate",
        service=" · ".join(str(each[part]) for part in ("offering", "plan") if each.get(part)),
        where=", ".join(str(each[part]) for part in ("connection", "region") if each.get(part)),
        answers=[(_(titles.get(name, name)), str(value)) for name, value in answers.items()],
        per_month=amount_of(each.get("per_month")),
        currency=currency,
    )


def line(name: str, value: Any, facts: Mapping[str, Any]) -> Fact:
    """One fact by its name."""
    label = LABELS.get(name) or name.replace("_", " ").capitalize()
    amount = amount_of(value) if name in AMOUNTS else None
    return Fact(label, words(name, value), amount, str(facts.get("currency", "")))


def shifts(changes: Iterable[tuple[str, Any, Any]], facts: Mapping[str, Any]) -> list[Shift]:
    """What changed, both sides as the card says them."""
    return [Shift(line(name, before, facts), line(name, after, facts)) for name, before, after in changes]


def words(name: str, value: Any) -> str:
    """A plain value in words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(words(name, part) for part in value)
    if isinstance(value, Mapping):
        return " · ".join(
            str(value[part]) for part in ("name", "offering", "plan", "connection", "region") if value.get(part)
        )
    if name in DAYS and (day := parse_date(str(value))):
        return date_format(day, "j F Y")
    return str(WORDS.get(name, {}).get(str(value), value))


def amount_of(value: Any) -> Decimal | None:
    """A fact that is an amount, as a number; None where it is none."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def cost_of(facts: Mapping[str, Any]) -> Fact | None:
    """What this adds a month, where the kind says so."""
    return line("cost_per_month", facts["cost_per_month"], facts) if facts.get("cost_per_month") else None
