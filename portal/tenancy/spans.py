"""What is added to a limit, or lent of it, for a time. Pure.

The spans stand in the row whose limit they change, so that who holds the row's lock has read all of them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

Spans = Sequence[Mapping[str, Any]]


def span(amount: int | Decimal, until: datetime) -> dict[str, str]:
    """So much more until a moment; less, where the amount is below zero."""
    return {"amount": format(amount, "f") if isinstance(amount, Decimal) else str(amount), "until": until.isoformat()}


def running(spans: Spans, at: datetime) -> list[Mapping[str, Any]]:
    """Those that are not over at a moment."""
    return [each for each in spans if datetime.fromisoformat(each["until"]) > at]


def added(spans: Spans, at: datetime) -> Decimal:
    """What they come to at a moment; nobody has to take them back, for what is over counts no more."""
    return sum((Decimal(each["amount"]) for each in running(spans, at)), Decimal())
