"""True lives of resources, made up from a seed, and what they truly cost as exact fractions.

States change only on multiples of nine seconds (25 ten-thousandths of an hour), so with whole units the ledger can be exact.
"""

import random
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from portal.metering.lifelines import ComponentRow, Inputs, LifelineRow, components_of
from portal.pricing.queries import PriceRow
from tests.metering.shop import Shop

TICK = timedelta(seconds=9)
HOUR = timedelta(hours=1)
PAYS = {"running": {"running", "exists"}, "stopped": {"exists"}, "creating": set(), "gone": set()}
FAR = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass
class Simulator:
    """A source of lifelines that nobody had to observe."""

    lines: list[LifelineRow] = field(default_factory=list)

    def earliest_start(self) -> datetime | None:
        return min((line.starts for line in self.lines), default=None)

    def within(self, starts: datetime, ends: datetime) -> Inputs:
        found = tuple(line for line in self.lines if line.starts < ends and (line.ends is None or line.ends > starts))
        return Inputs(found, components_of(found))


def line(shop: Shop, starts: datetime, ends: datetime | None = None, **change: object) -> LifelineRow:
    """One stretch of a running small server of 20 GiB in alice's project."""
    plan = shop.plan("small")
    usual = LifelineRow(
        resource_id=uuid.UUID(int=1),
        generation="1",
        connection_id=uuid.UUID(int=77),
        organization_id=shop.organization.pk,
        project_id=shop.world.scopes["web"].pk,
        offering_id=shop.server.offering_id,
        offering_version_id=shop.server.pk,
        plan_id=plan.pk,
        state="running",
        size={"size": "t3.small", "disk_gib": 20},
        starts=starts,
        ends=ends,
    )
    return replace(usual, **change)


def lives(shop: Shop, seed: int, *, starts: datetime, ends: datetime, resources: int = 6) -> Simulator:
    """Several resources that come, stop, grow, change plan and go between two moments."""
    dice = random.Random(seed)
    simulator = Simulator()
    span = int((ends - starts) / TICK)
    for number in range(resources):
        plan, disk = shop.plan(dice.choice(["small", "large"])), dice.randrange(8, 200)
        project = shop.world.scopes[dice.choice(["web", "fleet"])]
        moments = sorted(dice.sample(range(span), dice.randrange(2, 9)))
        states = ["creating", *dice.choices(["running", "stopped"], k=len(moments) - 2), dice.choice(["gone", "running"])]
        for index, (at, state) in enumerate(zip(moments, states, strict=True)):
            after = starts + moments[index + 1] * TICK if index + 1 < len(moments) else None
            if dice.random() < 0.2:
                disk += dice.randrange(1, 50)
            simulator.lines.append(
                line(
                    shop,
                    starts + at * TICK,
                    after,
                    resource_id=uuid.UUID(int=1000 + number),
                    project_id=project.pk,
                    plan_id=plan.pk,
                    state=state,
                    size={"disk_gib": disk},
                )
            )
    return simulator


def true_cost(
    lines: list[LifelineRow], components: tuple[ComponentRow, ...], prices: list[PriceRow], until: datetime
) -> Fraction:
    """What these lives cost until a moment, exactly."""
    total = Fraction()
    for each in lines:
        ends = min(each.ends or until, until)
        for part in components:
            if part.version_id == each.offering_version_id and part.only_while in PAYS[each.state] and ends > each.starts:
                units = Fraction(str(each.size[part.field])) if part.field else Fraction(part.constant)
                total += units * _priced_hours(each, part, prices, ends)
    return total


def _priced_hours(each: LifelineRow, part: ComponentRow, prices: list[PriceRow], ends: datetime) -> Fraction:
    total = Fraction()
    for price in prices:
        if price.component_id == part.component_id and price.plan_id == each.plan_id:
            a, b = max(each.starts, price.valid_from), min(ends, price.valid_to or FAR)
            if b > a:
                total += Fraction((b - a) // timedelta(microseconds=1), 3_600_000_000) * Fraction(price.unit_price)
    return total
