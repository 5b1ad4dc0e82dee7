"""What must be so in the end, whoever was killed: as the clouds, the journal, the event log, quota and bell have it."""

import os
from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg
from django.db.models import Model

from portal.events.models import Event
from portal.notices.models import Notice
from portal.orders.models import Order
from portal.provisioning.models import Lifeline, Resource, Step
from portal.tenancy.models import Hold
from tests.live.site import Site

DIMENSIONS = {"compute": "servers", "database": "databases"}


def check(site: Site, orders: Iterable[Order]) -> dict[str, int]:
    """Everything ordered was made once and is there, what was ended is gone, nothing else exists. Counts of these orders."""
    ours = list(Resource.objects.filter(project__isnull=False))
    there = [resource for resource in ours if resource.state == "running"]
    ended = [resource for resource in ours if resource.state == "gone"]
    assert len(there) + len(ended) == len(ours), [resource.state for resource in ours]
    check_servers(site, there, ended)
    check_databases(site, there)
    check_records(ours, there, ended)
    theirs = {site.resource(order).pk for order in orders}
    steps = Step.objects.filter(resource__in=theirs)
    return {
        "orders": len(list(orders)),
        "made": steps.filter(verb="ensure", state="done").count(),
        "ended": steps.filter(verb="remove", state="done").count(),
        "asked": sum(steps.values_list("tries", flat=True)),
    }


def check_servers(site: Site, there: list[Resource], ended: list[Resource]) -> None:
    made = site.servers()
    alive = {server["InstanceId"] for server in made if server["State"]["Name"] != "terminated"}
    assert alive == {resource.external_id for resource in there if resource.capability == "compute"}
    assert {server["InstanceId"] for server in made} - alive == {
        resource.external_id for resource in ended if resource.capability == "compute" and resource.external_id
    }


def check_databases(site: Site, there: list[Resource]) -> None:
    """Databases that carry the key of a step of ours; the server is shared with other tests."""
    keys = {step.key for step in Step.objects.filter(verb="ensure", resource__capability="database")}
    with psycopg.connect(os.environ["TEST_ADMIN_URL"]) as admin:
        rows = admin.execute(
            "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
            " WHERE shobj_description(oid, 'pg_database') LIKE '%concord-step%'"
        ).fetchall()
    alive = {name for name, comment in rows if any(key in comment for key in keys)}
    assert alive == {resource.external_id for resource in there if resource.capability == "database"}


def check_records(ours: list[Resource], there: list[Resource], ended: list[Resource]) -> None:
    """One step done, one event, one word to the person for each thing that happened; one open line for each that lives."""
    made = {resource.pk for resource in ours if resource.external_id}
    assert not Step.objects.filter(state__in=("planned", "asked", "waiting")).exists()
    for verb, which in (("ensure", made), ("remove", {resource.pk for resource in ended})):
        done = Counter(Step.objects.filter(verb=verb, state="done").values_list("resource", flat=True))
        events = Counter(Event.objects.filter(action=f"provisioning.{verb}").values_list("target_id", flat=True))
        assert done == Counter(which)
        assert events == Counter(map(str, which))
    alive = Counter(Lifeline.objects.filter(period__endswith=None).values_list("resource", flat=True))
    assert alive == Counter(resource.pk for resource in there)
    held = Counter(Hold.objects.filter(amount=1).values_list("key", "dimension"))
    assert held == Counter((resource.hold_key, DIMENSIONS[resource.capability]) for resource in there)
    assert told("resource_ready", Resource) == Counter(map(str, made))
    for topic, action in (("order_ready", "create"), ("order_moved", "terminate")):
        orders = Order.objects.filter(items__action=action).values_list("pk", flat=True)
        assert told(topic, Order) == Counter(map(str, orders))


def told(topic: str, kind: type[Model]) -> Counter[Any]:
    return Counter(Notice.objects.filter(topic=topic, link_kind=kind._meta.model_name).values_list("link_id", flat=True))
