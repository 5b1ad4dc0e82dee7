"""The broker may go at any time: what was asked for is done in the end, once, from the queue or by a sweep."""

import time

import pytest

from portal.core import queue
from portal.provisioning.models import Step
from tests.live import tally
from tests.sizes import size

N = size(10, 30)

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]


def names(what):
    return [f"{what}-{number}" for number in range(N)]


def asked():
    return Step.objects.filter(tries__gt=0).count()


def test_orders_in_flight_survive_kill_9_of_the_broker(site, figures):
    site.worker(), site.beat()
    before = asked()
    orders = [site.order(name) for name in names("flight")]
    site.until(lambda: asked() > before + 2, "no worker took anything")
    site.kill_broker()
    time.sleep(2)
    assert not site.are_done(orders), "too quick: nothing was in flight"
    site.valkey.start_again()
    time.sleep(2)
    site.kill_broker()  # and once more, while the workers have just come back
    site.valkey.start_again()
    site.until(lambda: site.are_done(orders), "not every server is made", 300)
    figures(**tally.check(site, orders))


def test_what_is_queued_survives_kill_9_of_broker_and_worker(site, figures):
    """No sweep runs: what is done is done from the queue alone."""
    orders = [site.order(name) for name in names("queued")]
    waiting = site.queued()
    assert waiting >= N
    site.kill_broker()
    site.valkey.start_again()
    assert site.queued() == waiting
    for order in orders[:2]:
        site.arm(site.resource(order).name, "task.begun", "worker")
    site.worker()
    taken = {site.resource(order).pk for order in orders}
    site.until(lambda: taken <= set(Step.objects.values_list("resource", flat=True)), "a message was lost", 300)
    killed = len(site.deaths())
    assert killed == 2
    site.beat()
    site.until(lambda: site.are_done(orders), "not every server is made", 300)
    figures(queued=waiting, workers_killed=killed, **tally.check(site, orders))


def test_what_was_asked_for_while_the_broker_was_down_is_found_by_the_sweep(site, figures):
    site.kill_broker()
    began = time.monotonic()
    queue.after_commit("orders.advance", "nobody")
    assert time.monotonic() - began < 1, "who clicks does not wait for a broker that is down"
    orders = [site.order(name) for name in names("down")]
    site.valkey.start_again()
    assert not Step.objects.filter(resource__in=[site.resource(order) for order in orders]).exists()
    site.worker(), site.beat()
    site.until(lambda: site.are_done(orders), "not every server is made", 300)
    figures(**tally.check(site, orders))


def test_two_beats_and_two_workers_do_everything_once(site, figures):
    for number in (1, 2):
        site.worker(f"worker-{number}"), site.beat(f"beat-{number}")
    orders = [site.order(name) for name in names("twice")]
    site.until(lambda: site.are_done(orders), "not every server is made", 300)
    figures(beats=2, workers=2, **tally.check(site, orders))
