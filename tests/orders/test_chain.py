"""One order from the click to the server, and from its end to nothing left."""

import boto3

from portal.orders.models import Order
from portal.provisioning.models import Lifeline, Resource
from tests.market import REGION


def servers(moto):
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}
    client = boto3.client("ec2", endpoint_url=f"http://127.0.0.1:{moto}", region_name=REGION, **keys)
    found = client.describe_instances()["Reservations"]
    return [each for group in found for each in group["Instances"] if each["State"]["Name"] != "terminated"]


def test_an_approved_order_becomes_a_server(market, moto):
    order = market.place()
    assert Order.objects.get().state == "waiting"
    assert servers(moto) == []
    market.approve(order)
    market.work()
    order.refresh_from_db()
    resource = Resource.objects.get()
    assert (order.state, resource.state, resource.desired) == ("done", "running", "running")
    assert [each["InstanceId"] for each in servers(moto)] == [resource.external_id]
    assert list(Lifeline.objects.values_list("state", flat=True).order_by("period")) == ["creating", "running"]


def test_a_database_is_made_and_its_secret_is_read_once(market):
    order = market.place(market.database_draft())
    market.approve(order)
    market.work()
    assert Order.objects.get().state == "done"
    assert Resource.objects.get().state == "running"
