"""kill -9 to a worker at every step of an order: in the end there is one thing, made once, and the order is done."""

import pytest

from tests.live import tally
from tests.sizes import IS_FULL

MAKING = ("task.begun", "ensure.planned", "ensure.asked", "ensure.answered", "ensure.noted-done", "ensure.done")
PENDING = ("ensure.noted-waiting", "ensure.waiting", "poll.asked", "poll.said-1", "poll.answered")
TOLD = ("order.noted-done", "order.done", "task.over")
ENDING = ("task.begun", "remove.planned", "remove.asked", "remove.answered", "remove.noted-done", "remove.done", *TOLD)
REQUESTS = ("ensure.said-1", "ensure.said-2", "ensure.said-3")
STATEMENTS = tuple(f"ensure.said-{number}" for number in range(1, 17))
REMOVING = ("remove.said-1", "remove.said-2", "remove.said-3")

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1200)]


def orders_with_faults(site, place, points, coarse):
    """An order for each point, its worker killed there; at the `coarse` ones (at full size at all) also a whole worker."""
    cases = [(point, "process") for point in points]
    cases += [(point, "worker") for point in points if IS_FULL or point in coarse]
    return [place(f"{who}-{point.replace('.', '-')}", point, who) for point, who in cases]


def ended_with_faults(site, orders, points):
    """The ends of those orders, with the worker killed at one of the points after the other."""
    ends = []
    for number, order in enumerate(orders):
        site.arm(site.resource(order).name, points[number % len(points)])
        ends.append(site.end(order))
    return ends


@pytest.mark.parametrize(
    ("kind", "making", "removing"),
    [
        ("server", (*MAKING, *REQUESTS, *PENDING, *TOLD), ENDING + REMOVING),
        ("database", (*MAKING, *STATEMENTS, *TOLD), ENDING + REMOVING),
    ],
)
def test_a_thing_is_made_and_ended_once_wherever_its_worker_is_killed(site, figures, kind, making, removing):
    site.worker(), site.beat()

    def place(name, point, who):
        site.arm(name, point, who)
        return site.order(name) if kind == "server" else site.database_order(name)

    orders = orders_with_faults(site, place, making, coarse=("ensure.asked", "ensure.answered", "ensure.waiting"))
    site.until(lambda: site.are_done(orders), f"not every {kind} is made", 600)
    made = site.fired()
    assert len(made) == len(orders), set(site.armed())
    there = tally.check(site)
    ends = ended_with_faults(site, orders, removing)
    site.until(lambda: site.are_done(ends), f"not every {kind} is gone", 600)
    ended = site.fired() - made
    assert {point.partition(".")[2] for point in ended} == set(removing), set(site.armed())
    after = tally.check(site)
    figures(orders=len(orders) + len(ends), killed=len(made) + len(ended), made=there["there"], left=after["there"])
