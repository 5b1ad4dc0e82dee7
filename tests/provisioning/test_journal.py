"""The journal: whenever a worker dies, answers late or meets another one, in the end there is one server under one key."""

from datetime import timedelta
from threading import Event as Signal
from threading import Thread

import pytest
from django.db import connections

from portal.clouds.base import Done
from portal.core import clock
from portal.orders.drafts import ItemDraft
from portal.orders.models import Order
from portal.provisioning.models import Resource, Step
from portal.provisioning.reconcile import carry_out, claim, reconcile
from portal.provisioning.services import operate
from portal.tenancy.models import Hold
from tests.provisioning.cloud import Killed, does_and_says, found, pends, refused, says, unreachable
from tests.races import at_once

LEASE = {"seconds": 151}


def step_of(resource):
    return Step.objects.filter(resource=resource).latest("created_at")


def test_the_step_is_committed_before_the_cloud_is_asked(fresh_db, wanted, cloud):
    seen = []

    def look(do):
        def from_elsewhere():
            seen.extend(Step.objects.values_list("verb", "state", "tries"))
            connections.close_all()

        thread = Thread(target=from_elsewhere)
        thread.start()
        thread.join()
        return Done(do())

    cloud.script = [look]
    reconcile(wanted.pk)
    assert seen == [("ensure", "asked", 1)]
    assert step_of(wanted).state == "done"


@pytest.mark.parametrize("dies", [says, does_and_says], ids=["before the call arrived", "before the answer was written"])
def test_a_worker_that_died_is_followed_under_the_same_key(market, wanted, cloud, later, dies):
    cloud.script = [dies(Killed())]
    with pytest.raises(Killed):
        reconcile(wanted.pk)
    key = step_of(wanted).key
    reconcile(wanted.pk)
    assert len(cloud.calls) == 1, "the lease of the dead worker still ran"
    later(wanted, **LEASE)
    assert cloud.calls == [("ensure", key)] * 2
    assert [server.key for server in cloud.alive()] == [key]
    assert (wanted.state, wanted.external_id, Step.objects.count()) == ("running", cloud.alive()[0].id, 1)
    market.work(1)
    assert Order.objects.get().state == "done"


@pytest.mark.parametrize("verb", ["stop", "restart", "remove"])
@pytest.mark.parametrize("dies", [says, does_and_says], ids=["before", "after"])
def test_a_worker_that_died_in_any_other_step_is_followed_too(market, running, cloud, later, verb, dies):
    if verb == "remove":
        market.approve(market.place(ItemDraft(action="terminate", resource_id=running.pk), key="end"))
    else:
        operate(running, verb, actor=market.world.actor("alice"))
    cloud.script = [dies(Killed())]
    with pytest.raises(Killed):
        reconcile(running.pk)
    later(running, **LEASE)
    key = step_of(running).key
    assert cloud.calls == [(verb, key)] * 2
    assert running.state == {"stop": "stopped", "restart": "running", "remove": "gone"}[verb]


def test_a_second_worker_does_nothing_while_the_first_waits_for_the_cloud(fresh_db, wanted, cloud):
    arrived, answer = Signal(), Signal()

    def slow(do):
        arrived.set()
        answer.wait(20)
        return Done(do())

    cloud.script = [slow]

    def first():
        reconcile(wanted.pk)
        connections.close_all()

    thread = Thread(target=first)
    thread.start()
    arrived.wait(20)
    reconcile(wanted.pk)
    assert [verb for verb, _ in cloud.calls] == ["ensure"]
    answer.set()
    thread.join()
    wanted.refresh_from_db()
    assert (wanted.state, len(cloud.alive())) == ("running", 1)


def test_eight_workers_at_once_make_one_server(fresh_db, wanted, cloud):
    answers = at_once(*(lambda: reconcile(wanted.pk) for _ in range(8)))
    assert answers == [None] * 8
    assert [verb for verb, _ in cloud.calls] == ["ensure"]


def test_the_late_answer_of_an_older_try_is_ignored(wanted, cloud, later):
    old = claim(wanted.pk)
    later(wanted, **LEASE)
    assert wanted.state == "running"
    cloud.script = [lambda do: Done(found("i-9", "failed"))]
    assert carry_out(*old) is False
    wanted.refresh_from_db()
    assert (wanted.state, wanted.external_id) == ("running", "i-1")


def test_the_late_error_of_an_older_try_is_ignored(wanted, cloud, later):
    old = claim(wanted.pk)
    later(wanted, **LEASE)
    cloud.script = [says(refused())]
    assert carry_out(*old) is False
    wanted.refresh_from_db()
    assert (wanted.state, wanted.error) == ("running", "")


def test_a_pending_answer_is_polled_by_its_reference_when_it_is_due(wanted, cloud, later):
    cloud.script = [pends("creating", "running")]
    reconcile(wanted.pk)
    wanted.refresh_from_db()
    assert (wanted.state, wanted.external_id, step_of(wanted).state) == ("creating", "i-1", "waiting")
    reconcile(wanted.pk)
    assert len(cloud.calls) == 1
    later(wanted, seconds=4)
    assert cloud.calls[-1] == ("poll", "running:i-1")
    assert (wanted.state, step_of(wanted).state) == ("running", "done")


def test_a_poll_that_fails_is_polled_again(wanted, cloud, later):
    cloud.script = [pends("creating", "running"), says(unreachable())]
    reconcile(wanted.pk)
    later(wanted, seconds=4)
    assert (wanted.error, step_of(wanted).failures) == ("", 1)
    later(wanted, seconds=60)
    assert [verb for verb, _ in cloud.calls] == ["ensure", "poll", "poll"]
    assert wanted.state == "running"


def test_a_fault_of_ours_is_said_and_tried_again(wanted, cloud, later):
    cloud.script = [says(ZeroDivisionError())]
    reconcile(wanted.pk)
    assert "ZeroDivisionError" in step_of(wanted).error
    later(wanted, seconds=10)
    assert wanted.state == "running"


def test_an_end_does_not_wait_for_a_creation_that_keeps_failing(market, wanted, cloud, later):
    cloud.script = [does_and_says(unreachable())]
    reconcile(wanted.pk)
    end = market.place(ItemDraft(action="terminate", resource_id=wanted.pk), key="end")
    market.approve(end)
    later(wanted, minutes=11)
    assert (wanted.state, cloud.alive()) == ("gone", [])
    assert list(Step.objects.values_list("verb", "state")) == [("ensure", "abandoned"), ("remove", "done")]
    market.work(1)
    end.refresh_from_db()
    assert (end.state, Hold.objects.count()) == ("done", 0)


def test_the_end_of_what_was_never_made_asks_for_nothing(market, wanted, cloud):
    end = market.place(ItemDraft(action="terminate", resource_id=wanted.pk), key="end")
    market.approve(end)
    market.work(1)
    end.refresh_from_db()
    assert (Resource.objects.get().state, end.state, cloud.calls) == ("gone", "done", [])


def test_an_end_that_was_ordered_while_the_last_try_failed_goes_on(market, wanted, cloud, later):
    old = claim(wanted.pk)
    market.approve(market.place(ItemDraft(action="terminate", resource_id=wanted.pk), key="end"))
    cloud.script = [says(refused())]
    carry_out(*old)
    later(wanted, seconds=1)
    assert (wanted.state, wanted.error) == ("gone", "")


def test_an_unmanaged_row_of_the_same_server_gives_way(market, wanted, cloud, later):
    cloud.script = [does_and_says(Killed())]
    with pytest.raises(Killed):
        reconcile(wanted.pk)
    Resource.objects.create(
        connection=market.aws, region="eu-west-1", capability="compute", external_id="i-1", name="i-1", state="running"
    )
    later(wanted, **LEASE)
    assert (wanted.state, Resource.objects.count()) == ("running", 1)


def test_running_it_again_changes_nothing(market, running, cloud):
    before = Step.objects.count(), running.seen_at
    with clock.travel(clock.now() + timedelta(hours=1)):
        reconcile(running.pk)
        reconcile(running.pk)
    running.refresh_from_db()
    assert (Step.objects.count(), running.seen_at, cloud.calls) == (*before, [])
