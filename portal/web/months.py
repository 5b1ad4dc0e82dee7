"""Months as pages offer them: the one asked for, and those to choose from."""

from datetime import date, timedelta

from django.http import HttpRequest
from django.utils import formats

from portal.metering.calendars import is_period

OFFERED = 24


def month_asked(request: HttpRequest, current: str) -> str:
    """The month of the address; nonsense, or a month that has not begun, is the current one."""
    asked = request.GET.get("month", "")
    return asked if is_period(asked) and asked <= current else current


def months_until(current: str, chosen: str = "") -> list[tuple[str, str]]:
    """(month, its name), the newest first: two years, and the one chosen."""
    found = [current]
    while len(found) < OFFERED:
        found.append((first_of(found[-1]) - timedelta(days=1)).isoformat()[:7])
    if chosen and chosen not in found:
        found.append(chosen)
    return [(period, name_of(period)) for period in found]


def name_of(period: str) -> str:
    """`June 2026`, as the reader's language writes it."""
    return formats.date_format(first_of(period), "YEAR_MONTH_FORMAT")


def first_of(period: str) -> date:
    return date.fromisoformat(f"{period}-01")
