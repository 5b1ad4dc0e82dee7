"""A bar of before and after: what is used, what this act adds, of which limit. Plain data for the meter and its row."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from portal.web import figures

FULL = Decimal(100)


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of bars. Widths are percent of the longer of limit and sum, as SVG wants them.

    `more` is the address where more of it is asked for, where that can be.
    """

    label: str
    used: Decimal
    mine: Decimal
    limit: Decimal | None
    unit: str = ""
    digits: int = 0
    more: str = ""

    @property
    def after(self) -> Decimal:
        return self.used + self.mine

    @property
    def is_over(self) -> bool:
        return self.limit is not None and self.after > self.limit

    @property
    def left(self) -> Decimal | None:
        """What remains; negative when over; None without a limit."""
        return None if self.limit is None else self.limit - self.after

    @property
    def over_by(self) -> Decimal:
        return self.after - (self.limit or Decimal())

    @property
    def used_width(self) -> str:
        return self._width(min(self.used, self._scale))

    @property
    def mine_width(self) -> str:
        return self._width(max(self.mine, Decimal()))

    @property
    def limit_at(self) -> str:
        return self._width(self.limit or Decimal())

    @property
    def spoken(self) -> str:
        """The bar in one sentence, for whoever hears it."""
        words = {name: figures.figure(value, self.digits) for name, value in self._figures().items()}
        words |= {"label": self.label, "unit": self.unit}
        if self.limit is None:
            text = _("%(label)s: %(before)s before, %(after)s after %(unit)s, no limit")
        elif self.mine:
            text = _("%(label)s: %(before)s before, %(after)s after, of %(limit)s %(unit)s")
        else:
            text = _("%(label)s: %(before)s of %(limit)s %(unit)s")
        return (text % words).rstrip()

    @property
    def _scale(self) -> Decimal:
        return max(self.limit or Decimal(), self.after, self.used) or Decimal(1)

    def _figures(self) -> dict[str, Decimal]:
        return {"before": self.used, "after": self.after, "limit": self.limit or Decimal()}

    def _width(self, value: Decimal) -> str:
        share = max(value, Decimal()) * FULL / self._scale
        return f"{share.quantize(Decimal('0.1')).normalize():f}"


def bar(label: str, used: Any, mine: Any, limit: Any, unit: str = "", *, digits: int = 0) -> Bar:
    """A Bar from anything a template hands over; no limit is None."""
    return Bar(label, Decimal(used or 0), Decimal(mine or 0), None if limit in (None, "") else Decimal(limit), unit, digits)
