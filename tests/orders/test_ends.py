"""The order of an end, on a real cloud: decided like any other, done once, and nothing is left that costs."""

import pytest

from portal.clouds.services import disable_connection
from portal.core.errors import Conflict, Forbidden
from portal.notices.models import Notice
from portal.orders import services as orders
from portal.orders.drafts import ItemDraft
from portal.orders.models import Order, OrderItem
from portal.orders.services import give_up_order, retry_order, title_of
from portal.orders.tasks import advance
from portal.pricing.models import Price
from portal.provisioning.models import Lifeline, Resource
from portal.provisioning.services import retry_resource
from portal.tenancy.models import Hold
from tests.orders.test_chain import servers


def end_of(resource):
    return ItemDraft(action="terminate", resource_id=resource.pk)


def vote_down(market, order):
    approval = orders.approval_for(order)
    orders.approvals.vote(approval, "deny", approval.card_hash, actor=market.world.actor("bob"), note="Keep it")


@pytest.fixture
def resource(market):
    return market.active()


def test_an_approved_end_leaves_nothing_in_the_cloud_in_quota_and_in_life(market, resource):
    order = market.place(end_of(resource), key="end")
    assert (order.state, len(servers(market))) == ("waiting", 1)
    market.approve(order)
    market.work()
    order.refresh_from_db()
    resource.refresh_from_db()
    assert (order.state, resource.state, servers(market)) == ("done", "gone", [])
    assert Hold.objects.count() == 0
    assert not Lifeline.objects.filter(period__endswith=None).exists()
    assert Notice.objects.filter(user=market.world.alice, topic="order_moved", link_id=str(order.pk)).count() == 1
    assert not Notice.objects.filter(topic="order_ready", link_id=str(order.pk)).exists()


def test_who_ordered_the_end_does_not_approve_it(market, resource):
    with pytest.raises(Forbidden):
        market.approve(market.place(end_of(resource), key="end"), who="alice")


def test_a_second_order_of_its_end_is_refused_while_the_first_waits_works_or_is_done(market, resource):
    order = market.place(end_of(resource), key="end")
    refused = [lambda: market.place(end_of(resource), key="again")]
    for move in (lambda: None, lambda: market.approve(order), market.work):
        move()
        for place in refused:
            with pytest.raises(Conflict):
                place()
    assert Order.objects.count() == 2


def test_the_same_resource_twice_in_one_order_is_refused(market, resource):
    with pytest.raises(orders.Invalid):
        market.place(end_of(resource), end_of(resource), key="end")


def test_a_denied_end_changes_nothing_and_can_be_ordered_again(market, resource):
    order = market.place(end_of(resource), key="end")
    vote_down(market, order)
    market.work(1)
    resource.refresh_from_db()
    assert (resource.state, resource.desired, len(servers(market))) == ("running", "running", 1)
    assert Hold.objects.filter(key=resource.hold_key).exists()
    assert market.place(end_of(resource), key="again").state == "waiting"


def test_an_end_is_ordered_though_nobody_has_a_price_for_it_any_more(market, resource):
    Price.objects.all().delete()
    order = market.place(end_of(resource), key="end")
    assert (order.cost_per_month, order.currency) == (0, "EUR")


def test_an_end_is_ordered_though_the_offering_is_withdrawn(market, resource):
    offering = market.server.version.offering
    offering.state = "withdrawn"
    offering.save()
    assert market.place(end_of(resource), key="end").state == "waiting"


def test_an_end_that_fails_can_only_be_tried_again(market, resource):
    right = market.aws.state
    order = market.place(end_of(resource), key="end")
    market.approve(order)
    keys = market.aws.open_credentials()
    disable_connection(market.aws, actor=market.world.actor("dave"), reason="A test")
    market.work(1)
    order.refresh_from_db()
    assert order.state == "failed"
    assert "disabled" in Notice.objects.get(topic="order_failed").params["reason"]
    with pytest.raises(Conflict):
        give_up_order(order, actor=market.world.actor("alice"))
    with pytest.raises(Conflict):
        market.place(end_of(resource), key="again")
    assert Hold.objects.filter(key=resource.hold_key).exists()
    market.aws.refresh_from_db()
    market.aws.state = right
    market.aws.seal_credentials(keys)
    market.aws.save()
    retry_order(order, actor=market.world.actor("alice"))
    market.work()
    order.refresh_from_db()
    assert (order.state, servers(market), Hold.objects.count()) == ("done", [], 0)


def test_one_order_makes_and_ends_and_is_done_when_all_of_it_is(market, resource):
    order = market.place(market.draft("web-2"), end_of(resource), key="both")
    assert order.cost_per_month == 0
    assert [item.action for item in order.items.all()] == ["create", "terminate"]
    market.approve(order)
    market.work()
    order.refresh_from_db()
    assert order.state == "done"
    assert {each["InstanceId"] for each in servers(market)} == {Resource.objects.get(name="web-2").external_id}
    assert not OrderItem.objects.filter(is_open=True).exists()


def test_what_is_done_is_looked_at_again_without_harm(market, resource):
    order = Order.objects.get()
    settled = order.settled_at
    advance(str(order.pk))
    advance(str(order.pk))
    retry_resource(resource, actor=market.world.actor("alice"))
    retry_order(order, actor=market.world.actor("alice"))
    order.refresh_from_db()
    assert (order.state, order.settled_at) == ("done", settled)
    assert Notice.objects.filter(topic="order_ready").count() == 1


def test_a_title_names_things(market, resource):
    order = market.place(end_of(resource), market.draft("web-2"), key="both")
    assert title_of(list(order.items.all())) == "End of web-1 and 1 more"
    assert orders.approval_for(order).title == "End of web-1 and 1 more"
