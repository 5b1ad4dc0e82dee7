"""Numbers and time as people read them: two digits shown, the exact one kept; a true minus; ages in words."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.core import money

MINUS, DASH, NARROW = "\u2212", "\u2013", "\u00a0"
RELATIVE_FOR = timedelta(days=14)


def figure(value: Decimal | int, digits: int = 0, *, sign: bool = False) -> str:
    """A number with grouped digits: `1,848.31`, `−0.91`, with `sign` also `+4.00`."""
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN, money.EXACT)
    mark = MINUS if rounded < 0 else "+" if sign and rounded > 0 else ""
    return f"{mark}{abs(rounded):,f}"


def amount(value: Decimal, currency: str, *, digits: int | None = None, sign: bool = False) -> str:
    """Money at the currency's minor unit, or at `digits`."""
    return figure(value, money.MINOR_DIGITS.get(currency, 2) if digits is None else digits, sign=sign)


def exact(value: Decimal) -> str:
    """Every digit the ledger holds, without trailing zeros beyond the second."""
    whole, _point, rest = f"{abs(value):,f}".partition(".")
    mark = MINUS if value < 0 else ""
    return f"{mark}{whole}.{rest.rstrip('0').ljust(2, '0')}"


def percent(part: Decimal | int, whole: Decimal | int, digits: int = 1) -> str:
    """`91.6 %`; a dash where there is no whole."""
    if not whole:
        return DASH
    return f"{figure(Decimal(part) * 100 / Decimal(whole), digits)}{NARROW}%"


def stamp(at: datetime) -> str:
    """The exact moment in the reader's zone, and in UTC where that is another."""
    here = f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S %Z}"
    return here if here.endswith(" UTC") else f"{here} · {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def age(at: datetime, now: datetime) -> str:
    """`22 min ago`, `in 3 h`; from 14 days on the date, with its year when it is another."""
    gap = at - now
    if abs(gap) >= RELATIVE_FOR:
        return day(at, now)
    length = span(abs(gap))
    if not length:
        return _("just now")
    return (_("in %(length)s") if gap > timedelta() else _("%(length)s ago")) % {"length": length}


def span(gap: timedelta) -> str:
    """A length in one unit; empty below half a minute."""
    minutes = round(gap.total_seconds() / 60)
    if minutes < 1:
        return ""
    if minutes < 60:
        return ngettext("%(count)d min", "%(count)d min", minutes) % {"count": minutes}
    hours = round(minutes / 60)
    if hours < 48:
        return ngettext("%(count)d h", "%(count)d h", hours) % {"count": hours}
    days = round(minutes / 1440)
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


def lasted(seconds: float) -> str:
    """How long something took: `38 s` up to two minutes, then in one unit."""
    if seconds < 120:
        return _("%(count)d s") % {"count": round(seconds)}
    return span(timedelta(seconds=seconds))


def day(at: datetime, now: datetime) -> str:
    """`18 Nov`, or `18 Nov 2025` in another year; as the reader's language writes it."""
    here, today = timezone.localtime(at), timezone.localtime(now)
    pattern = _("j M") if here.year == today.year else _("j M Y")
    return formats.date_format(here, pattern)


def clock_time(at: datetime) -> str:
    """`17:30 CET` in the reader's zone, which it names."""
    return f"{timezone.localtime(at):%H:%M %Z}"
