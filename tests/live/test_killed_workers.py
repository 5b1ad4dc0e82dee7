"""kill -9 to a worker at every step of an order: in the end there is one thing, made once, and the order is done."""

import psycopg
import pytest

from portal.provisioning.services import take_secret
from tests.live import tally
from tests.live.points import ENDED, MADE
from tests.sizes import IS_FULL

COARSE = {"server": ("ensure.asked", "ensure.answered", "ensure.waiting"), "database": ("ensure.asked", "ensure.answered")}

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("kind", ["server", "database"])
def test_a_thing_is_made_and_ended_once_wherever_its_worker_is_killed(site, figures, kind):
    site.worker(), site.beat()
    orders = made_with_deaths(site, kind, MADE[kind], "process")
    killed = site.deaths()
    assert len(killed) == len(MADE[kind])
    orders += made_with_deaths(site, kind, MADE[kind] if IS_FULL else COARSE[kind], "worker")
    killed += site.deaths()
    tally.check(site, orders)
    ends = []
    for number, order in enumerate(orders):
        site.arm(site.resource(order).name, ENDED[number % len(ENDED)])
        ends.append(site.end(order))
    site.until(lambda: site.are_done(ends), f"not every {kind} is gone", 600)
    killed += site.deaths()
    assert len(killed) >= len(MADE[kind]) + len(ends)
    figures(points=len(MADE[kind]) + len(ENDED), killed=len(killed), **tally.check(site, [*orders, *ends]))


def made_with_deaths(site, kind, points, who):
    """Orders that are done, for each of which somebody died at a point of its own."""
    place = site.order if kind == "server" else site.database_order
    orders = []
    for point in points:
        name = f"{kind}-{who}-{point.replace('.', '-')}"
        site.arm(name, point, who)
        orders.append(place(name))
    site.until(lambda: site.are_done(orders), f"not every {kind} is made", 600)
    return orders


def test_the_secret_handed_out_opens_the_database_whoever_was_killed(site, figures):
    """Each try sets a new password, so the one handed out must be the last."""
    site.worker(), site.beat()
    orders = {}
    for point in ("ensure.said-9", "ensure.answered", "ensure.noted-done", "ensure.done"):
        name = f"secret-{point.replace('.', '-')}"
        site.arm(name, point)
        orders[point] = site.database_order(name)
    site.until(lambda: site.are_done(orders.values()), "not every database is made", 300)
    killed = site.deaths()
    opened = []
    for point, order in orders.items():
        secret = take_secret(site.resource(order), actor=site.market.world.actor("alice"))
        with psycopg.connect(secret) as link:
            opened.append(link.execute("SELECT current_database()").fetchone()[0])
        assert opened[-1] == site.resource(order).external_id, point
    ends = [site.end(order) for order in orders.values()]
    site.until(lambda: site.are_done(ends), "not every database is gone", 300)
    figures(killed=len(killed), opened=len(opened), **tally.check(site, [*orders.values(), *ends]))
