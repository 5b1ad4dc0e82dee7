"""The first page of each kind of work: what needs her stands on top, in few queries."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from portal.approvals.models import Approval
from portal.clouds.models import Connection
from portal.core import clock
from portal.metering.models import Budget, DailyCost, DailyPresence, Export
from portal.metering.services import set_budget
from portal.orders.models import Order
from portal.provisioning.models import Resource, Step
from tests.cast import give
from tests.market import REGION
from tests.web.test_resources import a_resource, found

CAST = ["alice", "bob", "carol", "dave", "erin"]


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def spend(resource, cost):
    """One day of cost of a resource, this month."""
    day = clock.now().date()
    place = {"ledger_day": day, "day": day, "project": resource.project, "tenant_path": resource.project.parent.path}
    ids = {"connection_id": resource.connection_id, "resource_id": resource.pk}
    component = resource.version.components.first()
    what = {"offering_id": resource.version.offering_id, "component_id": component.pk, "plan_id": resource.plan_id}
    money = {"quantity": 24, "unit": "Hours", "cost": Decimal(cost), "currency": "EUR", "is_rated": True, "is_flagged": False}
    DailyCost.objects.create(**place, **ids, **what, **money)
    DailyPresence.objects.create(**place, **ids, hours_alive=24, hours_seen=18)


@pytest.fixture
def busy(market):
    """A market where something happened to everybody."""
    world = market.world
    server = a_resource(market)
    spend(server, "120.5")
    spend(a_resource(market, name="van-1", project=world.fleet), "79.5")
    broken = a_resource(market, name="broken", error="no room", error_kind="capacity")
    Step.objects.create(resource=broken, verb="ensure", state="failed", error="no room", settled_at=clock.now())
    Step.objects.create(resource=server, verb="restart")
    found(market)
    Export.objects.create(organization=world.nordwind, period="2026-10", format="csv", asked_by=world.carol)
    for number in range(7):
        market.place(market.draft(f"load-{number}"), market.database_draft(f"db-{number}"), key=f"k{number}", who="alice")
    for scope, amount in ((world.nordwind, 6000), (world.web, 100)):
        set_budget(scope, Decimal(amount), actor=world.actor("carol"))
    return market


@pytest.mark.parametrize("name", CAST)
def test_a_home_takes_few_queries_however_busy_it_is(busy, signed_in, in_few_queries, name):
    assert in_few_queries(signed_in(name), "/").status_code == 200


@pytest.mark.parametrize("name", [*CAST, "mallory"])
def test_a_home_with_nothing_in_it_says_so(world, signed_in, name):
    assert "Nothing waits for you." in text(signed_in(name).get("/"))


def test_a_member_sees_her_orders_her_projects_and_their_cost(busy, signed_in):
    page = text(signed_in("alice").get("/"))
    for words in (
        "Open orders",
        "Linux server, load-6 and 1 more",
        "Being decided",
        "web",
        "120.50",
        "One resource has a problem",
    ):
        assert words in page
    assert page.count("Being decided") == 5
    assert "fleet" not in page
    assert "79.50" not in page


def test_what_failed_stands_on_top_with_its_cause(busy, signed_in):
    Budget.objects.all().delete()
    order = busy.place(busy.draft("unlucky"), key="u")
    busy.approve(order)
    Resource.objects.filter(name="unlucky").update(error="x", error_kind="capacity", state="failed")
    order.__class__.objects.filter(pk=order.pk).update(state="failed")
    page = text(signed_in("alice").get("/"))
    assert page.index("Linux server, unlucky") < page.index("Open orders")
    assert "The cloud has no room for this just now." in page


def test_the_resources_with_a_problem_are_one_click_away(busy, signed_in):
    page = text(signed_in("alice").get("/resources/?trouble=true"))
    assert "broken" in page
    assert "web-1" not in page


def test_an_approver_sees_what_waits_with_age_and_due(busy, signed_in):
    page = text(signed_in("bob").get("/"))
    assert "7 things wait for you, what is due first on top" in page
    assert page.count("Decide on ") == 5
    first = Approval.objects.order_by("decision_due", "id").first()
    assert f"/inbox/{first.pk}/" in page
    busy.approve(Order.objects.order_by("number").first())
    assert "Approved" in text(signed_in("bob").get("/"))


def test_finance_sees_the_month_its_budgets_and_how_complete_it_is(busy, signed_in):
    page = text(signed_in("carol").get("/"))
    for words in ("200.00", "75.0", "36 of 48 hours seen", "Nordwind", "focus-nordwind-2026-10.csv", "over"):
        assert words in page


def test_finance_keeps_to_the_scope_chosen(busy, signed_in):
    browser = signed_in("carol")
    browser.post("/scope/", {"scope": str(busy.world.logistics.pk)})
    page = text(browser.get("/"))
    assert "79.50" in page
    assert "200.00" not in page


def test_an_operator_sees_the_silent_cloud_first_and_retries_what_failed(busy, signed_in):
    Connection.objects.filter(name="postgresql-main").update(
        health="failing", error_kind="unreachable", failing_since=clock.now() - timedelta(minutes=28)
    )
    browser = signed_in("dave")
    page = text(browser.get("/"))
    assert 'postgresql-main</span> <span class="quiet">The cloud does not answer. Since' in page
    assert page.rindex("postgresql-main") < page.rindex("aws-main")
    for words in ("one step under way", "no room", "28 min ago", "failed and waits for someone"):
        assert words in page
    assert browser.post(f"/resources/{Resource.objects.get(name='broken').pk}/retry/").status_code == 302
    assert "Nothing failed that still waits." in text(browser.get("/"))


def test_an_admin_sees_her_tree_her_people_and_what_happened(busy, signed_in):
    give(busy.world.bob, "viewer", busy.world.web, expires=clock.now() + timedelta(days=9))
    page = text(signed_in("erin").get("/"))
    for words in ("2 tenants", "2 projects", "Roles given last", "Viewer", "orders.place", "None: an approver"):
        assert words in page
    assert re.search(r"People with a role</dt><dd class=\"figure\">5<", page)
    assert re.search(r"within 30 days</dt><dd class=\"figure\">1<", page)


def test_another_organization_sees_nothing_of_it(busy, signed_in):
    page = text(signed_in("mallory").get("/"))
    for words in ("web", "load-", "120.50", "Nordwind", "aws-main", REGION):
        assert f">{words}" not in page


def test_whose_role_expired_is_told_what_to_do(busy, signed_in):
    browser = signed_in("alice")
    busy.world.alice.assignments.update(expires=clock.now())
    assert "You have no role yet" in text(browser.get("/"))


def test_a_home_is_for_who_signed_in(db):
    assert Client().get("/")["Location"] == "/signin/?next=/"
