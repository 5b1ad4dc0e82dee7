"""One order from the click to the server, and from its end to nothing left."""

from portal.orders.models import Order
from portal.provisioning.models import Lifeline, Resource
from tests.market import client_of


def servers(market):
    found = client_of(market.aws).describe_instances()["Reservations"]
    return [each for group in found for each in group["Instances"] if each["State"]["Name"] != "terminated"]


def test_an_approved_order_becomes_a_server(market):
    order = market.place()
    assert Order.objects.get().state == "waiting"
    assert servers(market) == []
    market.approve(order)
    market.work()
    order.refresh_from_db()
    resource = Resource.objects.get()
    assert (order.state, resource.state, resource.desired) == ("done", "running", "running")
    assert [each["InstanceId"] for each in servers(market)] == [resource.external_id]
    assert list(Lifeline.objects.values_list("state", flat=True).order_by("period")) == ["creating", "running"]


def test_a_database_is_made_and_its_secret_is_read_once(market):
    order = market.place(market.database_draft())
    market.approve(order)
    market.work()
    assert Order.objects.get().state == "done"
    assert Resource.objects.get().state == "running"
