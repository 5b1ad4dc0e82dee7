"""The demo fills an empty database with a past that the services themselves wrote, once, and only where it was asked for."""

import json
import stat
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import boto3
import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from portal.access.models import Assignment, Scope
from portal.approvals.queries import inbox_of
from portal.catalogue.models import Offering
from portal.clouds.models import Connection
from portal.core import clock
from portal.events.models import Event
from portal.leases.models import LeaseOffer
from portal.leases.queries import offers_for
from portal.metering.models import Budget, DailyCost, DailyPresence, Export
from portal.notices.models import Delivery, Notice
from portal.notices.tasks import sweep as sweep_mail
from portal.orders.models import Order, OrderState
from portal.orders.services import retry_order
from portal.provisioning.models import Lifeline, Resource, ResourceState, Step
from portal.users.actor import Actor, Auth
from portal.users.models import User

pytestmark = pytest.mark.timeout(400)  # the first test of the folder pays for the seed


def actor(name):
    return Actor(User.objects.get(username=name), Auth("test"))


def servers(port):
    keys = {"aws_access_key_id": "DEMOKEY", "aws_secret_access_key": "any"}
    found = []
    for region in ("eu-west-1", "eu-central-1"):
        client = boto3.client("ec2", endpoint_url=f"http://127.0.0.1:{port}", region_name=region, **keys)
        found += [each for group in client.describe_instances()["Reservations"] for each in group["Instances"]]
    return {each["InstanceId"]: each["State"]["Name"] for each in found if each["State"]["Name"] != "terminated"}


def test_the_cast_can_sign_in(demo, client):
    assert stat.S_IMODE((demo.home / "demo-people.json").stat().st_mode) == 0o600
    assert {person["username"] for person in demo.people} >= {"alice", "bob", "carol", "dave", "erin", "mallory"}
    for person in demo.people:
        answer = client.post("/signin/", {"username": person["username"], "password": person["password"]})
        assert answer.status_code == 302, person
        assert client.get("/").status_code == 200


def test_everything_was_made_by_the_services(demo):
    made = Event.objects.filter(action__in=("tenancy.create_organization", "tenancy.create_tenant", "tenancy.create_project"))
    assert made.count() == Scope.objects.count()
    assert Event.objects.filter(action="tenancy.assign_role").count() == Assignment.objects.count()
    assert Event.objects.filter(action="orders.place").count() == Order.objects.count()
    assert (
        Event.objects.filter(action="provisioning.request").count() == Resource.objects.filter(project__isnull=False).count()
    )
    assert set(Offering.objects.values_list("name", flat=True)) == {"Linux server", "PostgreSQL database"}
    assert {budget.scope.name for budget in Budget.objects.all()} >= {"web", "Retail", "Nordwind Group"}


def test_sixty_days_were_lived_and_nothing_is_dated_ahead(demo):
    now = clock.now()
    began = Event.objects.earliest("at").at
    assert timedelta(days=59) < now - began < timedelta(days=62)
    assert not Event.objects.filter(at__gt=now).exists()
    assert Lifeline.objects.filter(period__startswith__lt=now - timedelta(days=50)).exists()
    assert not Lifeline.objects.filter(period__startswith__gt=now).exists()
    numbers = list(Order.objects.order_by("created_at").values_list("number", flat=True))
    assert numbers == sorted(numbers)
    days = Event.objects.dates("at", "day")
    assert len(days) > 40


def test_what_the_portal_shows_is_what_stands_in_the_clouds(demo):
    there = servers(demo.aws_ports[0])
    ours = Resource.objects.filter(project__isnull=False, capability="compute").exclude(external_id="")
    shown = dict(ours.exclude(state=ResourceState.GONE).values_list("external_id", "state"))
    assert shown == {external: state for external, state in there.items() if external in shown}
    assert len(shown) >= 20
    gone = set(ours.filter(state=ResourceState.GONE).values_list("external_id", flat=True))
    assert gone
    assert not gone & set(there)
    assert Resource.objects.filter(capability="database", state=ResourceState.RUNNING, project__isnull=False).count() == 5
    assert servers(demo.aws_ports[1]) == {}
    assert [connection.name for connection in Connection.objects.all()] == ["AWS Europe", "Managed PostgreSQL"]


def test_lives_are_whole_with_stops_and_ends(demo):
    slept = Lifeline.objects.filter(state="stopped").values("resource__name").annotate(times=Count("pk"))
    assert {row["resource__name"] for row in slept} >= {"staging-web", "etl-runner", "portal-dev"}
    for resource in Resource.objects.filter(project__isnull=False).exclude(state=ResourceState.FAILED):
        lines = list(Lifeline.objects.filter(resource=resource).order_by("period"))
        for before, after in pairwise(lines):
            assert before.period.upper == after.period.lower, resource
        assert (lines[-1].period.upper is None) == (resource.state != ResourceState.GONE)
        assert lines[-1].state == resource.state or resource.state == ResourceState.GONE


def test_every_way_an_order_can_go_is_there(demo):
    states = Counter(Order.objects.values_list("state", flat=True))
    assert states[OrderState.DONE] > 25
    assert states[OrderState.WAITING] == 2
    assert states[OrderState.FAILED] == 1
    assert states.keys() >= {"denied", "withdrawn", "expired"}
    assert Order.objects.exclude(rule="").filter(state=OrderState.DONE).exists()


def test_two_orders_wait_for_bob(demo):
    waiting = inbox_of(actor("bob"))
    assert sorted(one.title for one in waiting) == ["Linux server, shop-web-3", "PostgreSQL database, portal-reports"]
    unread = Notice.objects.filter(user__username="bob", topic="vote_needed", read_at=None)
    assert {str(one.pk) for one in waiting} <= set(unread.values_list("link_id", flat=True))


def test_the_failed_order_says_why_and_can_be_tried_again(demo):
    order = Order.objects.get(state=OrderState.FAILED)
    resource = order.items.get().resource
    assert resource.error_kind == "quota"
    assert "current instance limit of 6" in resource.error
    retry_order(order, actor=actor("alice"))
    order.refresh_from_db()
    assert order.state == OrderState.WORKING


def test_no_chart_is_empty(demo):
    days = set(DailyCost.objects.values_list("day", flat=True))
    assert len(days) >= 59
    assert not DailyCost.objects.filter(is_rated=False).exists()
    assert {row.project.name for row in DailyCost.objects.select_related("project")} >= {"web", "fleet", "数据分析平台"}
    presence = DailyPresence.objects.all()
    assert sum(row.hours_seen for row in presence) == sum(row.hours_alive for row in presence)


def test_projects_are_offered_to_read_their_databases(demo):
    offered = LeaseOffer.objects.select_related("scope", "connection")
    assert {offer.connection.name for offer in offered} == {"Managed PostgreSQL"}
    for offer in offered:
        database = Resource.objects.get(external_id=offer.target, connection=offer.connection)
        assert (offer.name, offer.scope) == (f"Read {database.name}", database.project)
    assert "web" in {offer.scope.name for offer in offered}
    assert offers_for(actor("alice")).exists()


def test_its_exports_are_written(demo):
    assert set(Export.objects.values_list("state", flat=True)) == {"ready"}


def test_old_notices_are_read_and_old_mail_has_left(demo):
    old = clock.now() - timedelta(days=2)
    assert Notice.objects.filter(created_at__lt=old).exists()
    assert not Notice.objects.filter(created_at__lt=old, read_at=None).exists()
    assert not Delivery.objects.filter(notice__created_at__lt=old, state="waiting").exists()
    assert Delivery.objects.filter(state="waiting").exists()
    sweep_mail()  # the newer mail is for a worker


def test_nothing_is_left_for_a_worker_to_wonder_at(demo):
    assert not Step.objects.filter(state__in=("planned", "asked", "waiting")).exists()
    assert not Resource.objects.filter(
        project__isnull=False, state__in=("planned", "creating", "unknown", "missing")
    ).exists()


def test_it_is_refused_where_something_is_already(demo):
    before = Event.objects.count()
    with pytest.raises(CommandError, match="an organization already"):
        call_command("seed_demo", verbosity=0)
    assert Event.objects.count() == before
    assert json.loads((demo.home / "demo-people.json").read_text()) == demo.people


@pytest.mark.parametrize("name", ["PORTAL_DEMO", "PORTAL_DEMO_AWS_URLS", "PORTAL_DEMO_PG_URL"])
def test_it_is_refused_where_make_run_did_not_start_the_database(demo, settings, name):
    settings.PORTAL_DEMO, settings.PORTAL_DEMO_AWS_URLS, settings.PORTAL_DEMO_PG_URL = (
        True,
        ["http://127.0.0.1:1"],
        "postgres://x@127.0.0.1:1/x",
    )
    setattr(settings, name, type(getattr(settings, name))())
    before = Scope.objects.count()
    with pytest.raises(CommandError, match="`make run` started"):
        call_command("seed_demo", verbosity=0)
    assert Scope.objects.count() == before
