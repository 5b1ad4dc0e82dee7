"""Clouds that refuse, vanish or talk nonsense: the right kind of error, advice, nothing lost, and a retry that works."""

from dataclasses import replace
from datetime import timedelta

import boto3
import pytest

from portal.clouds.services import change_credentials
from portal.core import clock
from portal.core.errors import Conflict, NotFound
from portal.events.models import Event
from portal.notices.models import Notice
from portal.orders.models import Order
from portal.orders.services import advance, give_up_order, retry_order
from portal.provisioning.models import Lifeline, Resource, Step
from portal.provisioning.queries import failures_visible_to
from portal.provisioning.reconcile import reconcile
from portal.provisioning.services import retry_resource
from portal.tenancy.models import Hold
from portal.users.actor import Actor
from tests.clouds.faults import Fault, FaultProxy, http
from tests.market import REGION
from tests.provisioning.cloud import does_and_says, found, pends, refused, says, unreachable


def fail(resource, cloud, *answers):
    """Let a worker come as often as there are answers."""
    cloud.script = list(answers)
    for number in range(len(answers)):
        with clock.travel(clock.now() + timedelta(minutes=15 * number)):
            reconcile(resource.pk)
    resource.refresh_from_db()
    advance(Order.objects.first().pk, actor=Actor.system())


def test_tries_wait_longer_and_longer_and_then_fail_with_advice(market, wanted, cloud):
    waits = []
    at = clock.now()
    for _ in range(8):
        cloud.script = [says(unreachable())]
        with clock.travel(at):
            reconcile(wanted.pk)
        step = Step.objects.get()
        waits.append((step.due_at - at).total_seconds())
        at = step.due_at
    wanted.refresh_from_db()
    expected = [5, 10, 20, 40, 80, 160, 320]
    assert all(wait <= real <= wait * 1.25 for wait, real in zip(expected, waits, strict=False)), waits
    assert (step.state, wanted.state, wanted.error_kind) == ("failed", "failed", "unreachable")
    notice = Notice.objects.get(user=market.world.alice, topic="resource_failed")
    assert notice.params["reason"] == "No answer within 90 seconds."
    assert "nothing was lost" in notice.params["advice"]
    assert Event.objects.get(action="provisioning.ensure").outcome == "failed"


def test_a_refusal_fails_at_once_and_the_order_keeps_its_quota(market, wanted, cloud):
    fail(wanted, cloud, says(refused("You reached your limit.", "quota")))
    assert (wanted.state, wanted.error, Step.objects.get().tries) == ("failed", "You reached your limit.", 1)
    order = Order.objects.get()
    assert order.state == "failed"
    assert Hold.objects.filter(key=wanted.hold_key).exists()
    assert Notice.objects.get(user=market.world.alice, topic="order_failed").params["reason"] == "You reached your limit."
    assert [step.resource for step in failures_visible_to(market.world.actor("dave"))] == [wanted]


def test_a_retry_brings_the_same_resource_and_order_to_life(market, wanted, cloud):
    fail(wanted, cloud, says(refused()))
    order = retry_order(Order.objects.get(), actor=market.world.actor("alice"))
    assert order.state == "working"
    market.work(1)
    order.refresh_from_db()
    assert (order.state, Resource.objects.get().state, len(cloud.alive())) == ("done", "running", 1)
    assert retry_order(order, actor=market.world.actor("alice")).state == "done"


def test_a_retry_takes_over_what_the_step_before_made_after_all(market, wanted, cloud):
    fail(wanted, cloud, *[does_and_says(unreachable())] * 8)
    assert (wanted.state, wanted.external_id) == ("failed", "")
    retry_order(Order.objects.get(), actor=market.world.actor("alice"))
    market.work(1)
    wanted.refresh_from_db()
    assert (wanted.state, [server.id for server in cloud.alive()]) == ("running", [wanted.external_id])
    assert Order.objects.get().state == "done"


def test_a_server_that_broke_on_the_way_is_not_called_ready_and_its_life_says_failed(market, wanted, cloud):
    def breaks(do):
        cloud.servers["i-1"] = replace(cloud.servers["i-1"], state="failed")
        raise refused("It is broken.")

    fail(wanted, cloud, pends("creating", "running"), breaks)
    assert (wanted.state, wanted.error, Order.objects.get().state) == ("failed", "It is broken.", "failed")
    assert not Notice.objects.filter(topic="resource_ready").exists()
    assert Lifeline.objects.get(period__endswith=None).state == "failed"


def test_a_refusal_about_what_is_still_on_its_way_is_asked_again(wanted, cloud):
    fail(wanted, cloud, pends("creating", "running"), says(refused("Not yet.")))
    assert (wanted.state, wanted.error, Step.objects.get().failures) == ("creating", "", 1)


def test_a_refusal_that_made_a_broken_server_fails_and_giving_it_up_removes_it(market, wanted, cloud):
    def breaks(do):
        made = do()
        cloud.servers[made.id] = found(made.id, "failed", key=made.key)
        raise refused("It is broken.")

    fail(wanted, cloud, breaks)
    assert (wanted.state, wanted.error, Order.objects.get().state) == ("failed", "It is broken.", "failed")
    assert not Notice.objects.filter(topic="resource_ready").exists()
    give_up_order(Order.objects.get(), actor=market.world.actor("alice"))
    market.work(1)
    assert cloud.alive() == []
    assert (Order.objects.get().state, Hold.objects.count()) == ("withdrawn", 0)


def test_a_refusal_that_made_a_whole_server_is_a_success(market, wanted, cloud):
    fail(wanted, cloud, does_and_says(refused("Already there.")))
    assert (wanted.state, wanted.error, Order.objects.get().state) == ("running", "", "done")


def test_a_server_that_vanished_while_it_was_made_is_made_anew_by_a_retry(market, wanted, cloud):
    def vanishes(do):
        cloud.servers.clear()
        raise refused("The server i-1 is gone.", "not_found")

    fail(wanted, cloud, pends("creating", "running"), vanishes)
    assert (wanted.state, wanted.external_id) == ("failed", "")
    retry_resource(wanted, actor=market.world.actor("alice"))
    market.work(1)
    wanted.refresh_from_db()
    assert (wanted.state, len(cloud.alive())) == ("running", 1)


def test_giving_up_leaves_nothing_and_says_so(market, wanted, cloud):
    fail(wanted, cloud, says(refused()))
    order = give_up_order(Order.objects.get(), actor=market.world.actor("alice"))
    assert order.state == "working"
    market.work(1)
    order.refresh_from_db()
    assert (order.state, Resource.objects.get().state, Hold.objects.count()) == ("withdrawn", "gone", 0)
    assert not Notice.objects.filter(topic="order_ready").exists()
    with pytest.raises(Conflict):
        give_up_order(order, actor=market.world.actor("alice"))


def test_giving_up_keeps_what_was_made_whole(market, cloud):
    order = market.place(market.draft("web-1"), market.draft("web-2"))
    market.approve(order)
    cloud.script = [says(refused())]
    market.work(1)
    order.refresh_from_db()
    assert order.state == "failed"
    give_up_order(order, actor=market.world.actor("alice"))
    market.work(1)
    order.refresh_from_db()
    assert (order.state, sorted(Resource.objects.values_list("state", flat=True))) == ("done", ["gone", "running"])


def test_another_organization_retries_and_gives_up_nothing(market, wanted, cloud):
    fail(wanted, cloud, says(refused()))
    for act in (retry_order, give_up_order):
        with pytest.raises(NotFound):
            act(Order.objects.get(), actor=market.world.actor("mallory"))
    with pytest.raises(NotFound):
        retry_resource(wanted, actor=market.world.actor("mallory"))
    assert Order.objects.get().state == "failed"


def test_an_operator_retries_from_the_page_of_failures_and_the_order_follows(market, wanted, cloud):
    fail(wanted, cloud, says(refused()))
    retry_resource(wanted, actor=market.world.actor("dave"))
    retry_resource(wanted, actor=market.world.actor("dave"))
    market.work(1)
    assert (Order.objects.get().state, len(cloud.alive())) == ("done", 1)


def test_a_disabled_connection_is_named(market, wanted, cloud):
    market.aws.state = "disabled"
    market.aws.save()
    fail(wanted, cloud, lambda do: None)
    assert wanted.error == "aws-main is disabled in Concord."
    assert cloud.calls == []


def test_wrong_credentials_are_said_and_new_ones_with_a_retry_work(market):
    right = market.postgres.open_credentials()
    market.postgres.seal_credentials({**right, "password": "wrong"})
    market.postgres.save()
    order = market.place(market.database_draft())
    market.approve(order)
    market.work(1)
    resource = Resource.objects.get()
    order.refresh_from_db()
    assert (resource.error_kind, order.state, Step.objects.get().tries) == ("credentials", "failed", 1)
    assert "new credentials" in Notice.objects.get(topic="resource_failed").params["advice"]
    change_credentials(market.postgres, right, actor=market.world.actor("dave"))
    retry_order(order, actor=market.world.actor("alice"))
    market.work(1)
    order.refresh_from_db()
    assert order.state == "done"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("reset", times=99), "does not answer"),
        (Fault("payload", when=b"POST", payload=http(200, b"<html>Welcome</html>"), times=99), "Not an EC2 answer"),
        (Fault("payload", when=b"POST", payload=http(503), times=99), "HTTP 503"),
        (Fault("cut", when=b"POST", keep=40, times=99), "e"),
    ],
    ids=["down", "garbage", "not well", "cut off"],
)
def test_an_endpoint_in_trouble_is_tried_again_and_then_makes_one_server(market, moto, fault, said):
    with FaultProxy("127.0.0.1", moto) as proxy:
        proxy.fault = fault
        resource = through(market, proxy)
        reconcile(resource.pk)
        step = Step.objects.get()
        assert (step.state, step.failures) == ("asked", 1)
        assert said in step.error
        proxy.fault = None
        market_later(resource)
    assert len(instances(moto)) == 1


def test_a_reply_that_got_lost_or_came_late_makes_one_server(market, moto):
    with FaultProxy("127.0.0.1", moto) as proxy:
        proxy.fault = Fault("drop_reply", when=b"RunInstances")
        resource = through(market, proxy)
        reconcile(resource.pk)
        assert proxy.fault.hits == 1
        proxy.fault = Fault("latency", when=b"DescribeInstances", seconds=1.5)
        market_later(resource)
    resource.refresh_from_db()
    assert [each["InstanceId"] for each in instances(moto)] == [resource.external_id]


def through(market, proxy):
    """An approved server whose cloud is reached by the proxy."""
    market.aws.config = {**market.aws.config, "endpoint": f"http://127.0.0.1:{proxy.port}"}
    market.aws.save()
    market.approve(market.place())
    return Resource.objects.get()


def market_later(resource):
    for minutes in (1, 2, 3):
        with clock.travel(clock.now() + timedelta(minutes=minutes)):
            reconcile(resource.pk)
    resource.refresh_from_db()
    assert (resource.state, resource.error) == ("running", "")


def instances(moto):
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}
    client = boto3.client("ec2", endpoint_url=f"http://127.0.0.1:{moto}", region_name=REGION, **keys)
    groups = client.describe_instances()["Reservations"]
    return [each for group in groups for each in group["Instances"] if each["State"]["Name"] != "terminated"]
