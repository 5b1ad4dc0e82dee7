"""Many orders at once, each with its worker killed at a step drawn by lot: nothing twice, nothing left over, nothing lost."""

import random

import pytest

from tests.live import tally
from tests.live.points import ENDED, MADE
from tests.sizes import size

N = size(20, 200)
SEED = 20261124
WHOLE_WORKERS = 20  # of a hundred kills, so many take the whole worker and not just the process at work

pytestmark = [pytest.mark.proof, pytest.mark.timeout(3000)]


def who(lot):
    return "worker" if lot.random() * 100 < WHOLE_WORKERS else "process"


def test_many_orders_with_a_kill_each_make_one_server_each_and_end_it(site, figures):
    lot = random.Random(SEED)
    site.worker("worker-1"), site.worker("worker-2"), site.beat()
    orders = []
    for number in range(N):
        site.arm(f"many-{number}", lot.choice(MADE["server"]), who(lot))
        orders.append(site.order(f"many-{number}"))
    site.until(lambda: site.are_done(orders), "not every server is made", 60 + 6 * N)
    killed = site.deaths()
    assert tally.check(site, orders)["made"] == N
    ends = []
    for number in range(0, N, 2):
        site.arm(f"many-{number}", lot.choice(ENDED), who(lot))
        ends.append(site.end(orders[number]))
    site.until(lambda: site.are_done(ends), "not every server is gone", 60 + 6 * N)
    counted = tally.check(site, [*orders, *ends])
    killed += site.deaths()
    assert (counted["made"], counted["ended"]) == (N, len(ends))
    workers = sum(process.starts - 1 for name, process in site.processes.items() if name != "beat")
    figures(killed=len(killed), of_these_whole_workers=workers, **counted)
