"""What the page of a month draws: bars by day and cloud, and a table by tenant, service and cloud."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from portal.metering.calendars import days_of
from portal.metering.queries import CostRow, MonthLine

COLOURS = 6
BY = {
    "tenant": ("tenant", "service", "cloud"),
    "service": ("service", "tenant", "cloud"),
    "cloud": ("cloud", "service", "tenant"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a group with its sum, or a part of it named by two words."""

    level: int
    name: str
    beside: str
    cost: Decimal
    currency: str
    whole: Decimal


@dataclass(frozen=True, slots=True)
class Stack:
    """Bars of one currency: the figures of the chart, its legend, and the same figures by day."""

    data: dict[str, Any]
    legend: list[tuple[str, str]]
    days: list[tuple[date, Decimal]]


def table_of(rows: Sequence[CostRow], by: str, wholes: dict[str, Decimal]) -> list[Line]:
    """Groups of the first word, the dearest first, each followed by its parts."""
    first, second, third = BY[by]
    groups: dict[tuple[Any, str, str], list[CostRow]] = {}
    for row in rows:
        groups.setdefault((_id_of(row, first), getattr(row, first), row.currency), []).append(row)
    sums = {key: sum((row.cost for row in parts), Decimal()) for key, parts in groups.items()}
    lines = []
    for key in sorted(groups, key=lambda each: (-sums[each], each[1])):
        _pk, name, currency = key
        lines.append(Line(1, name or _("unknown"), "", sums[key], currency, wholes[currency]))
        for row in groups[key]:
            names = [getattr(row, word) or _("unknown") for word in (second, third)]
            lines.append(Line(2, names[0], names[1], row.cost, currency, wholes[currency]))
    return lines


def stack_of(lines: Iterable[MonthLine], period: str, currency: str) -> Stack:
    """One bar a day, one colour a cloud; the clouds beyond the fifth share one."""
    first, last = days_of(period)
    clouds: dict[Any, list[Decimal]] = {}
    names: dict[Any, str] = {}
    for line in lines:
        if line.currency == currency:
            values = clouds.setdefault(line.connection_id, [Decimal()] * last.day)
            values[line.day.day - 1] += line.cost
            names[line.connection_id] = line.cloud or _("unknown")
    order = sorted(clouds, key=lambda pk: (-sum(clouds[pk]), names[pk]))
    shown = [(names[pk], clouds[pk]) for pk in order]
    if len(shown) > COLOURS:
        rest = [sum(values, Decimal()) for values in zip(*(values for _name, values in shown[COLOURS - 1 :]), strict=True)]
        shown = [*shown[: COLOURS - 1], (_("Others"), rest)]
    drawn = [{"name": name, "values": [_shown(value) for value in values]} for name, values in shown]
    sums = [sum(values, Decimal()) for values in zip(*(values for _name, values in shown), strict=True)]
    days = [(first.replace(day=number), total) for number, total in enumerate(sums, 1)]
    data = {"days": [str(number) for number in range(1, last.day + 1)], "known": last.day, "clouds": drawn}
    return Stack(data, [(f"s{number}", name) for number, (name, _values) in enumerate(shown, 1)], days)


def _id_of(row: CostRow, word: str) -> Any:
    return {"tenant": row.tenant_id, "service": row.offering_id, "cloud": row.connection_id}[word]


def _shown(value: Decimal) -> float:
    """For drawing alone: a pixel needs no more digits, and JSON has no decimals."""
    return float(round(value, 6))
