"""Start, stop and restart: what is so already is done, the second click is harmless, and what does not fit is refused."""

from itertools import pairwise

import pytest

from portal.access.models import Assignment
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.events.models import Event
from portal.orders.drafts import ItemDraft
from portal.provisioning.models import Lifeline, Resource, Step
from portal.provisioning.queries import resource_visible_to
from portal.provisioning.reconcile import reconcile
from portal.provisioning.services import operate, retry_resource
from tests.provisioning.cloud import pends, refused, says
from tests.races import at_once


@pytest.fixture
def act(market, running):
    """`act("stop")` as alice asks for it."""
    return lambda verb, who="alice": operate(running, verb, actor=market.world.actor(who))


def work(resource):
    reconcile(resource.pk)
    resource.refresh_from_db()
    return resource.state


def asked(verb):
    return Event.objects.filter(action=f"provisioning.ask_{verb}").count()


def test_it_stops_starts_and_restarts(running, cloud, act):
    for verb, state in (("stop", "stopped"), ("start", "running"), ("restart", "running")):
        act(verb)
        assert work(running) == state
    assert [verb for verb, _ in cloud.calls] == ["stop", "start", "restart"]


def test_what_is_so_already_is_done(running, cloud, act):
    act("start")
    work(running)
    assert (cloud.calls, asked("start")) == ([], 0)


def test_the_second_click_asks_for_nothing_more(running, cloud, act):
    act("stop")
    act("stop")
    assert work(running) == "stopped"
    act("stop")
    assert (Step.objects.filter(verb="stop").count(), asked("stop")) == (1, 1)


def test_the_second_click_while_it_stops_is_no_error_and_a_start_is(running, cloud, act):
    cloud.script = [pends("stopping", "stopped")]
    act("stop")
    assert work(running) == "stopping"
    act("stop")
    for verb in ("start", "restart"):
        with pytest.raises(Conflict):
            act(verb)
    assert asked("stop") == 1


def test_two_restarts_at_once_are_one(fresh_db, running, cloud, act):
    answers = at_once(lambda: act("restart"), lambda: act("restart"))
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "Resource"]
    work(running)
    assert [verb for verb, _ in cloud.calls] == ["restart"]


def test_a_stopped_server_does_not_restart(running, cloud, act):
    act("stop")
    work(running)
    with pytest.raises(Conflict):
        act("restart")


def test_a_stop_taken_back_before_a_worker_came_asks_for_nothing(running, cloud, act):
    act("stop")
    act("start")
    assert (work(running), cloud.calls) == ("running", [])


def test_another_verb_is_refused(running, act):
    for verb in ("explode", "", "remove"):
        with pytest.raises(Invalid):
            act(verb)


@pytest.mark.parametrize("state", ["missing", "unknown", "gone", "failed"])
def test_what_neither_runs_nor_is_stopped_is_not_operated(running, act, state):
    Resource.objects.filter(pk=running.pk).update(state=state)
    for verb in ("start", "stop", "restart"):
        with pytest.raises(Conflict):
            act(verb)
    assert Step.objects.filter(verb__in=("start", "stop", "restart")).count() == 0


def test_what_is_to_end_is_not_operated(market, running, act):
    market.approve(market.place(ItemDraft(action="terminate", resource_id=running.pk), key="end"))
    with pytest.raises(Conflict):
        act("stop")


def test_what_was_merely_found_is_not_operated(market, running):
    found = Resource.objects.create(
        connection=market.aws, region="eu-west-1", capability="compute", external_id="i-7", name="x", state="running"
    )
    with pytest.raises((Conflict, NotFound)):
        operate(found, "stop", actor=market.world.actor("erin"))
    assert work(found) == "running"


def test_who_may_not_operate_is_refused_and_strangers_find_nothing(market, running, act):
    with pytest.raises(Forbidden):
        act("stop", who="bob")
    with pytest.raises(NotFound):
        act("stop", who="mallory")
    with pytest.raises(NotFound):
        resource_visible_to(market.world.actor("mallory"), running.pk)
    Assignment.objects.filter(user=market.world.alice).update(expires=clock.now())
    with pytest.raises(NotFound):
        act("stop")
    running.refresh_from_db()
    assert running.desired == "running"


@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_what_failed_is_tried_again_as_a_new_step(market, running, cloud, act, verb):
    cloud.script = [says(refused("Locked."))]
    act(verb)
    work(running)
    assert running.error == "Locked."
    retry_resource(running, actor=market.world.actor("alice"))
    retry_resource(running, actor=market.world.actor("alice"))
    assert work(running) == {"stop": "stopped", "restart": "running"}[verb]
    assert [(each, state) for each, state in Step.objects.filter(verb=verb).values_list("verb", "state")] == [
        (verb, "failed"),
        (verb, "done"),
    ]
    assert running.error == ""


def test_each_state_is_a_line_of_its_life_without_a_gap(running, cloud, act):
    for verb in ("stop", "start", "restart"):
        act(verb)
        work(running)
    lines = list(Lifeline.objects.filter(resource=running).order_by("period"))
    assert all(left.period.upper == right.period.lower for left, right in pairwise(lines))
    assert [line.state for line in lines] == ["running", "stopping", "stopped", "starting", "running"]
    assert lines[-1].period.upper is None
