"""Money is Decimal with a currency: multiplied exactly, rounded once at the edge, split without loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from typing import Self

QUANTITY_STEP = Decimal("0.0001")  # quantity (18,4)
PRICE_STEP = Decimal("0.00000001")  # unit price (18,8)
COST_STEP = Decimal("0.000000000001")  # cost (38,12)
HOURS_PER_MONTH = 730
MINOR_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "BHD": 3, "KWD": 3, "TND": 3}  # ISO 4217; all others have two
EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency. Adding two currencies is an error."""

    amount: Decimal
    currency: str

    def __add__(self, other: Self) -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
        return Money(self.amount + other.amount, self.currency)

    def rounded(self) -> "Money":
        return Money(round_money(self.amount, self.currency), self.currency)


def quantity(value: Decimal | int | str) -> Decimal:
    """A measured amount at the scale of the ledger (18,4)."""
    return Decimal(value).quantize(QUANTITY_STEP, ROUND_HALF_EVEN, EXACT)


def multiply(amount: Decimal, unit_price: Decimal) -> Decimal:
    """Quantity (.,4) times unit price (.,8): the cost (.,12), exact. The SQL twin is the money expression of metering."""
    return EXACT.multiply(quantity(amount), unit_price).quantize(COST_STEP, context=EXACT)


def round_money(amount: Decimal, currency: str) -> Decimal:
    """To the currency's minor unit, half to even. For statement lines and screens, never for the ledger."""
    return amount.quantize(Decimal(1).scaleb(-MINOR_DIGITS.get(currency, 2)), ROUND_HALF_EVEN, EXACT)


def split(amount: Decimal, weights: Sequence[Decimal], step: Decimal = COST_STEP) -> list[Decimal]:
    """Share an amount by weights so that the shares add up exactly (largest remainder); all zero weights share evenly.

    The amount is a multiple of `step` and the weights are not negative.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise ValueError("weights must be given and not negative")
    total = sum(weights, Decimal())
    parts = list(weights) if total else [Decimal(1)] * len(weights)
    total = total or Decimal(len(weights))
    exact = [EXACT.divide(EXACT.multiply(amount, part), total) for part in parts]
    shares = [share.quantize(step, ROUND_DOWN, EXACT) for share in exact]
    left = int(((amount - sum(shares, Decimal())) / step).to_integral_value())
    sign = 1 if left >= 0 else -1
    order = sorted(range(len(shares)), key=lambda i: (-abs(exact[i] - shares[i]), i))
    for index in order[: abs(left)]:
        shares[index] += sign * step
    return shares
