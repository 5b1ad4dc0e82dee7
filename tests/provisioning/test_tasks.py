"""Tasks: the sweeper finds what was lost, twice is as good as once, and who has something that ends is told in time."""

from datetime import timedelta

import pytest

from portal.core import clock, parcels
from portal.core.models import Parcel
from portal.events.models import Event
from portal.notices.models import Notice
from portal.orders import tasks as order_tasks
from portal.orders.drafts import ItemDraft
from portal.orders.models import Order
from portal.provisioning import tasks
from portal.provisioning.models import Resource, Step
from portal.provisioning.reconcile import reconcile
from portal.provisioning.services import operate, retry_resource
from tests.provisioning.cloud import Killed, pends, refused, says


@pytest.fixture
def sent(monkeypatch):
    """What would have gone to the broker."""
    messages = []

    class Broker:
        def send_task(self, name, args=None, **options):
            messages.append((name, *args))

    monkeypatch.setattr("portal.core.queue.current_app", Broker())
    return messages


@pytest.fixture
def swept(sent, django_capture_on_commit_callbacks):
    """`swept(minutes=3)`: the names and ids that a sweep by then hands out."""

    def run(**after):
        sent.clear()
        with clock.travel(clock.now() + timedelta(**after)), django_capture_on_commit_callbacks(execute=True):
            tasks.sweep()
        return [message for message in sent if message[0] == "provisioning.reconcile"]

    return run


def message_for(resource):
    return ("provisioning.reconcile", str(resource.pk))


def test_what_was_approved_and_whose_message_was_lost_is_found(wanted, swept):
    assert swept() == swept() == [message_for(wanted)]
    tasks.reconcile_resource(str(wanted.pk))
    assert swept(minutes=1) == []


def test_a_dead_workers_step_is_found_when_its_lease_is_over(wanted, cloud, swept):
    cloud.script = [says(Killed())]
    with pytest.raises(Killed):
        reconcile(wanted.pk)
    assert swept(minutes=2) == []
    assert swept(minutes=3) == [message_for(wanted)]


def test_a_poll_that_is_due_is_found(wanted, cloud, swept):
    cloud.script = [pends("creating", "running")]
    reconcile(wanted.pk)
    assert swept() == []
    assert swept(seconds=4) == [message_for(wanted)]


def test_a_wish_to_stop_and_a_wish_to_end_are_found(market, running, swept):
    assert swept(minutes=1) == []
    operate(running, "stop", actor=market.world.actor("alice"))
    assert swept() == [message_for(running)]
    reconcile(running.pk)
    assert swept() == []
    market.approve(market.place(ItemDraft(action="terminate", resource_id=running.pk), key="end"))
    assert swept() == [message_for(running)]
    reconcile(running.pk)
    assert swept(minutes=5) == []


def test_what_failed_waits_for_a_person_and_her_retry_is_found(market, wanted, cloud, swept):
    cloud.script = [says(refused())]
    reconcile(wanted.pk)
    assert swept(hours=1) == []
    retry_resource(wanted, actor=market.world.actor("alice"))
    assert swept() == [message_for(wanted)]


def test_connections_are_read_every_five_minutes(market, cloud, sent, swept):
    def read():
        return {pk for name, pk in sent if name == "provisioning.sync"}

    swept()
    assert read() == {str(market.aws.pk), str(market.postgres.pk)}
    tasks.sync_connection(str(market.aws.pk))
    swept(minutes=1)
    assert read() == {str(market.postgres.pk)}
    swept(minutes=6)
    assert str(market.aws.pk) in read()


def test_secrets_nobody_fetched_are_swept(market, swept):
    parcels.put("hush", for_user_id=market.world.alice.pk, about="resource:1")
    swept(minutes=9)
    assert Parcel.objects.count() == 1
    swept(minutes=11)
    assert Parcel.objects.count() == 0


def test_an_order_whose_resource_runs_and_whose_message_was_lost_is_found(wanted, cloud):
    tasks.reconcile_resource(str(wanted.pk))
    assert Order.objects.get().state == "working"
    with clock.travel(clock.now() + timedelta(minutes=1)):
        order_tasks.sweep()
    assert Order.objects.get().state == "done"


def test_a_failed_order_whose_fault_is_gone_is_found(market, wanted, cloud):
    cloud.script = [says(refused())]
    market.work(1)
    assert Order.objects.get().state == "failed"
    with clock.travel(clock.now() + timedelta(minutes=1)):
        order_tasks.sweep()
        assert Order.objects.get().state == "failed"
        retry_resource(wanted, actor=market.world.actor("dave"))
        reconcile(wanted.pk)
        order_tasks.sweep()
    assert Order.objects.get().state == "done"


def test_every_task_run_twice_leaves_the_same_world(market, running, cloud):
    def world():
        return (
            Event.objects.count(),
            Notice.objects.count(),
            Step.objects.count(),
            list(Resource.objects.values("pk", "state", "desired", "external_id", "error")),
            list(Order.objects.values("pk", "state", "settled_at")),
            len(cloud.servers),
        )

    before = world()
    with clock.travel(clock.now() + timedelta(minutes=10)):
        for _ in range(2):
            tasks.reconcile_resource(str(running.pk))
            tasks.sync_connection(str(market.aws.pk))
            tasks.sweep()
            tasks.tell_ends()
            order_tasks.advance(str(Order.objects.get().pk))
            order_tasks.sweep()
    assert world() == before


def ends_in(resource, **after):
    Resource.objects.filter(pk=resource.pk).update(ends_at=clock.now() + timedelta(**after))


def told():
    return list(Notice.objects.filter(topic="resource_ends").order_by("created_at", "pk"))


def test_whose_resource_ends_within_a_week_is_told_once(market, running):
    ends_in(running, days=6, hours=23)
    tasks.tell_ends()
    tasks.tell_ends()
    (notice,) = told()
    ends = Resource.objects.get().ends_at
    assert (notice.user, notice.link_id) == (market.world.alice, str(running.pk))
    assert (notice.params["days"], notice.params["date"]) == ("7", ends.date().isoformat())


@pytest.mark.parametrize("after", [{"days": 7, "minutes": 1}, {"minutes": -1}], ids=["too early", "over"])
def test_what_ends_later_or_has_ended_is_not_told(running, after):
    ends_in(running, **after)
    tasks.tell_ends()
    assert told() == []


def test_a_new_end_is_told_again(running):
    ends_in(running, days=1)
    tasks.tell_ends()
    ends_in(running, days=5)
    tasks.tell_ends()
    assert [notice.params["days"] for notice in told()] == ["1", "5"]


@pytest.mark.parametrize("gone", [{"state": "gone"}, {"desired": "gone"}])
def test_what_is_gone_or_is_to_go_is_not_told(running, gone):
    ends_in(running, days=1)
    Resource.objects.filter(pk=running.pk).update(**gone)
    tasks.tell_ends()
    assert told() == []
