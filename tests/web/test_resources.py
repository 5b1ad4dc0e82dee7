"""Resources: the list, the page, and every act on one, as a browser sends it."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from portal.approvals.models import Approval
from portal.approvals.services import publish_policy
from portal.core import clock, parcels
from portal.events.models import Event
from portal.orders.models import Order
from portal.provisioning.forms import MAY
from portal.provisioning.models import Resource, ResourceShare, ResourceState, Step
from portal.tenancy import services as tenancy
from tests.cast import give

CAST = ["alice", "bob", "carol", "dave", "erin"]
ACTS = ["operate", "retry", "secret", "rotate", "end", "share"]


@pytest.fixture
def server(market):
    """A server of alice's that runs, as the cloud showed it."""
    return a_resource(market)


@pytest.fixture
def database(market):
    spec = {"name": "shop-db", "region": "home", "storage_gib": 2, "connections": 20}
    return a_resource(market, plan=market.database, connection=market.postgres, name="shop-db", spec=spec, region="home")


def a_resource(market, **facts):
    plan = facts.pop("plan", market.server)
    spec = {"name": "web-1", "region": "eu-west-1", "image": market.image, "size": "t3.small", "disk_gib": 20}
    given = {
        "project": market.world.web,
        "connection": market.aws,
        "region": "eu-west-1",
        "name": "web-1",
        "spec": spec,
        "state": "running",
        "external_id": f"i-{Resource.objects.count()}",
        "observed": {"addresses": ["198.51.100.24"], "size": "t3.small", "disk_gib": 20},
        "requester": market.world.alice,
        **facts,
    }
    capability = plan.version.offering.capability
    return Resource.objects.create(plan=plan, version=plan.version, capability=capability, **given)


def found(market, **facts):
    """Something in the cloud that nobody ordered."""
    given = {"name": "left-over", "state": "running", "external_id": "i-found", "region": "eu-west-1", **facts}
    return Resource.objects.create(connection=market.aws, capability="compute", **given)


def url(resource, act=""):
    return f"/resources/{resource.pk}/{act}/" if act else f"/resources/{resource.pk}/"


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.mark.parametrize("name", CAST)
def test_the_list_takes_few_queries_however_many_there_are(market, signed_in, in_few_queries, name):
    plan = market.server
    rows = [
        Resource(
            **{"project": market.world.web, "connection": market.aws, "region": "r", "name": f"n{n}", "state": "running"},
            **{"plan": plan, "version": plan.version, "capability": "compute", "requester": market.world.alice},
        )
        for n in range(10_000)
    ]
    Resource.objects.bulk_create(rows, batch_size=2000)
    answer = in_few_queries(signed_in(name), "/resources/")
    assert answer.status_code == 200
    assert "1 to 50 of 10,000" in text(answer)


def test_mallory_finds_nothing_by_list_id_or_act(market, signed_in, server):
    browser = signed_in("mallory")
    assert "web-1" not in text(browser.get("/resources/"))
    assert browser.get(url(server)).status_code == 404
    assert browser.get(url(server, "end")).status_code == 404
    for act in ACTS:
        assert browser.post(url(server, act), {"verb": "stop", "key": "k"}).status_code == 404, act
    assert browser.post(f"{url(server)}share/1/end/").status_code == 404
    server.refresh_from_db()
    assert server.desired == "running"
    assert not Order.objects.exists()


def test_every_act_needs_the_token_of_the_form(market, server):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(market.world.alice)
    for act in ACTS:
        assert browser.post(url(server, act), {"verb": "stop", "key": "k"}).status_code == 403, act


def test_a_page_is_for_people_who_signed_in(client, server):
    assert client.get(url(server))["Location"].startswith("/signin/")
    assert client.post(url(server, "operate"), {"verb": "stop"})["Location"].startswith("/signin/")


def test_a_role_that_expired_opens_nothing(market, signed_in, server):
    browser = signed_in("alice")
    assert browser.get(url(server)).status_code == 200
    market.world.alice.assignments.update(expires=clock.now())
    assert browser.get(url(server)).status_code == 404
    assert browser.post(url(server, "operate"), {"verb": "stop"}).status_code == 404


@pytest.mark.parametrize("query", ["q=web", "q=%00", "state=nonsense", "capability=x&page=99", "sort=drop", "q=" + "x" * 300])
def test_the_filter_stands_whatever_is_typed(market, signed_in, server, query):
    assert signed_in("alice").get(f"/resources/?{query}").status_code == 200


def test_the_filter_finds_by_address_and_says_where_there_is_no_hit(market, signed_in, server):
    browser = signed_in("alice")
    assert "web-1" in text(browser.get("/resources/?q=198.51.100.24"))
    assert "No resource fits this filter" in text(browser.get("/resources/?state=failed"))


def test_an_empty_list_says_what_will_be_there(market, signed_in):
    assert "Nothing runs here yet" in text(signed_in("alice").get("/resources/"))


def test_the_list_keeps_to_the_scope_chosen(market, signed_in, server):
    a_resource(market, name="van-1", project=market.world.fleet)
    browser = signed_in("dave")
    browser.post("/scope/", {"scope": str(market.world.retail.pk)})
    page = text(browser.get("/resources/"))
    assert "web-1" in page
    assert "van-1" not in page


def test_what_was_found_is_for_who_may_see_the_connection_and_only_to_look_at(market, signed_in):
    thing = found(market)
    assert "left-over" in text(signed_in("dave").get("/resources/?found=1"))
    page = text(signed_in("dave").get(url(thing)))
    assert "Unmanaged" in page
    assert "/operate/" not in page
    assert "/end/" not in page
    for act in ACTS:
        assert signed_in("dave").post(url(thing, act), {"verb": "stop", "key": "k"}).status_code in (403, 404), act
    assert signed_in("alice").get(url(thing)).status_code == 404
    assert "left-over" not in text(signed_in("alice").get("/resources/?found=1"))


@pytest.mark.parametrize("name", CAST)
def test_the_page_shows_what_it_is_and_the_acts_she_may_do(market, signed_in, in_few_queries, server, name):
    page = text(in_few_queries(signed_in(name), url(server), most=25))
    for words in ("web-1", "Active", "198.51.100.24", "Linux server", "t3.small", "aws-main", "Alice Test"):
        assert words in page
    assert ("/operate/" in page) == (name in ("alice", "dave"))
    assert (f"{url(server)}end/" in page) == (name == "alice")
    assert ("/share/" in page) == (name == "erin")


def test_what_differs_from_what_was_ordered_is_shown(market, signed_in):
    thing = a_resource(market, observed={"size": "t3.large", "disk_gib": 20})
    page = text(signed_in("alice").get(url(thing)))
    assert "Ordered, and seen in the cloud" in page
    assert "t3.large" in page


def test_the_page_follows_it_while_it_moves_and_ends_by_itself(market, signed_in, server):
    browser = signed_in("alice")
    assert "every 3s" not in text(browser.get(url(server)))
    Resource.objects.update(desired="stopped")
    assert "every 3s" in text(browser.get(url(server)))
    part = text(browser.get(url(server), headers={"HX-Request": "true"}))
    assert "every 3s" in part
    assert "<html" not in part
    Resource.objects.update(state="stopped")
    assert "every 3s" not in text(browser.get(url(server), headers={"HX-Request": "true"}))


def test_she_stops_it_and_a_second_click_harms_nothing(market, signed_in, server):
    browser = signed_in("alice")
    for _click in range(2):
        assert browser.post(url(server, "operate"), {"verb": "stop"})["Location"] == url(server)
    server.refresh_from_db()
    assert server.desired == "stopped"
    assert Step.objects.count() == 0
    assert "Stop was asked for" in text(browser.get(url(server)))


def test_who_may_only_look_operates_nothing(market, signed_in, server):
    assert signed_in("bob").post(url(server, "operate"), {"verb": "stop"}).status_code == 403
    server.refresh_from_db()
    assert server.desired == "running"


@pytest.mark.parametrize("verb", ["", "explode", "\x00", "stop " * 500])
def test_an_operation_that_is_none_is_said_and_does_nothing(market, signed_in, server, verb):
    browser = signed_in("alice")
    assert "Start, stop or restart." in text(browser.post(url(server, "operate"), {"verb": verb}, follow=True))
    assert not Event.objects.filter(action__startswith="provisioning.ask").exists()


def test_what_no_longer_fits_is_said_above_how_it_stands(market, signed_in, server):
    Resource.objects.update(state="stopped", desired="stopped")
    page = text(signed_in("alice").post(url(server, "operate"), {"verb": "restart"}, follow=True))
    assert "It does not run, so it cannot restart." in page
    assert "Stopped" in page


def test_the_connection_string_is_shown_once_and_never_kept(market, signed_in, database):
    parcels.put("postgres://app:sesame@db/shop", for_user_id=market.world.alice.pk, about=database.hold_key)
    browser = signed_in("alice")
    assert "sesame" not in text(browser.get(url(database)))
    answer = browser.post(url(database, "secret"), follow=True)
    assert "postgres://app:sesame@db/shop" in text(answer)
    assert "no-store" in answer["Cache-Control"]
    assert "sesame" not in text(browser.get(url(database)))
    assert "was read already" in text(browser.post(url(database, "secret"), follow=True))
    assert Event.objects.filter(action="provisioning.take_secret").count() == 1


def test_the_connection_string_is_for_whom_it_was_made(market, signed_in, database):
    parcels.put("sesame", for_user_id=market.world.alice.pk, about=database.hold_key)
    assert signed_in("erin").post(url(database, "secret")).status_code == 403
    give(market.world.bob, "member", market.world.web)
    assert "sesame" not in text(signed_in("bob").post(url(database, "secret"), follow=True))


def test_lost_it_is_rotated_and_the_page_follows(market, signed_in, database):
    browser = signed_in("alice")
    assert "Rotate the connection string" in text(browser.get(url(database)))
    for _click in range(2):
        browser.post(url(database, "rotate"))
    assert Step.objects.get().verb == "rotate"
    assert "every 3s" in text(browser.get(url(database)))


def test_the_end_says_what_is_lost_and_is_an_order_however_often_she_clicks(market, signed_in, server):
    browser = signed_in("alice")
    page = text(browser.get(url(server, "end")))
    assert "What is lost" in page
    assert "A month as it stands" in page
    key = re.search(r'name="key" value="([^"]+)"', page)[1]
    for _click in range(2):
        assert browser.post(url(server, "end"), {"key": key, "note": "not needed"}).status_code == 302
    order = Order.objects.get()
    assert (order.items.get().action, order.items.get().resource, order.note) == ("terminate", server, "not needed")
    page = text(browser.get(url(server)))
    assert f"Order {order.number}" in page
    assert f"{url(server)}end/" not in page


def test_an_end_asked_for_twice_from_two_windows_is_one(market, signed_in, server):
    browser = signed_in("alice")
    browser.post(url(server, "end"), {"key": "one"})
    assert "Its end was ordered already." in text(browser.post(url(server, "end"), {"key": "two"}, follow=True))
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    "fields", [{"key": ""}, {"key": "x" * 121}, {"key": "k", "note": "n" * 2001}, {"key": "k", "note": "\x00"}]
)
def test_an_end_that_cannot_be_read_keeps_what_was_typed(market, signed_in, server, fields):
    answer = signed_in("alice").post(url(server, "end"), {"note": "because", **fields})
    assert answer.status_code == 422
    assert fields.get("note", "because")[:2000] in answer.content.decode()
    assert not Order.objects.exists()


def test_who_may_not_order_does_not_find_the_page_of_its_end(market, signed_in, server):
    assert signed_in("dave").get(url(server, "end")).status_code == 404
    assert signed_in("bob").post(url(server, "end"), {"key": "k"}).status_code == 404


def test_what_failed_says_why_and_is_tried_again(market, signed_in, server):
    Resource.objects.update(
        state=ResourceState.FAILED, error="InsufficientInstanceCapacity", error_kind="capacity", external_id=""
    )
    browser = signed_in("alice")
    page = text(browser.get(url(server)))
    for words in ("The cloud has no room for this just now.", "InsufficientInstanceCapacity", "Try again", "nothing is paid"):
        assert words in page
    assert "/retry/" not in text(signed_in("bob").get(url(server)))
    assert signed_in("alice").post(url(server, "retry")).status_code == 302
    signed_in("dave").post(url(server, "retry"))
    server.refresh_from_db()
    assert server.error == ""
    assert Event.objects.filter(action="provisioning.retry").count() == 1


def test_an_admin_shares_it_with_one_person_until_a_day(market, signed_in, server):
    day = (clock.now() + timedelta(days=9)).date().isoformat()
    give_share = {"user": "mallory@example.org", "permission": "view_resource", "expires": day}
    browser = signed_in("erin")
    for _click in range(2):
        assert browser.post(url(server, "share"), give_share).status_code == 302
    share = ResourceShare.objects.get()
    assert "Mallory Test" in text(browser.get(url(server)))
    assert signed_in("mallory").get(url(server)).status_code == 200
    assert "web-1" in text(signed_in("mallory").get("/resources/"))
    assert signed_in("alice").post(f"{url(server)}share/{share.pk}/end/").status_code == 403
    assert signed_in("erin").post(f"{url(server)}share/{share.pk}/end/").status_code == 302
    assert signed_in("mallory").get(url(server)).status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "nobody"},
        {"user": "a\x00"},
        {"expires": "2020-01-01"},
        {"expires": "soon"},
        {"permission": "view_secret"},
        {"permission": "manage_members"},
    ],
)
def test_a_share_that_cannot_be_is_refused_beside_its_field(market, signed_in, server, fields):
    day = (clock.now() + timedelta(days=9)).date().isoformat()
    sent = {"user": "bob", "permission": "view_resource", "expires": day, **fields}
    answer = signed_in("erin").post(url(server, "share"), sent)
    assert answer.status_code == 422
    assert "is-invalid" in answer.content.decode()
    if "user" not in fields:
        assert 'value="bob"' in answer.content.decode()
    assert not ResourceShare.objects.exists()


def test_who_may_not_share_is_refused(market, signed_in, server):
    day = (clock.now() + timedelta(days=9)).date().isoformat()
    sent = {"user": "bob", "permission": "view_resource", "expires": day}
    assert signed_in("alice").post(url(server, "share"), sent).status_code == 403


def test_a_tenant_admin_may_share_all_that_the_form_names(market, signed_in, server):
    assert set(MAY) == set(ResourceShare.offered)
    role = market.world.erin.assignments.get().role.__class__.objects.get(key="tenant_admin")
    tenancy.assign_role(market.world.dave, role, market.world.retail, actor=market.world.actor("erin"))
    page = text(signed_in("dave").get(url(server)))
    assert all(f'value="{name}"' in page for name in MAY)


def test_the_story_tells_who_asked_and_what_the_cloud_did(market, signed_in):
    resource = market.active()
    page = text(signed_in("alice").get(url(resource)))
    for words in ("Its making began", "set off by Bob Test", "Make it in the cloud", "What is counted", "Active"):
        assert words in page


def test_who_answers_for_it_hands_it_over_on_its_page(market, signed_in, server):
    assert "Hand it over" in text(signed_in("alice").get(url(server)))
    assert "Hand it over" not in text(signed_in("bob").get(url(server)))
    refused = signed_in("alice").post(url(server, "owner"), {"to": "mallory"})
    assert refused.status_code == 422
    assert 'value="mallory"' in text(refused)
    said = signed_in("alice").post(url(server, "owner"), {"to": "dave"}, follow=True)
    assert "answers for it from now on" in text(said)
    server.refresh_from_db()
    assert server.requester.username == "dave"
    assert signed_in("mallory").post(url(server, "owner"), {"to": "mallory"}).status_code == 404


def test_an_operation_that_a_policy_asks_about_is_shown_as_waiting(market, server, signed_in):
    rule = {"subject_kind": "operation", "conditions": [], "stages": [{"who": {"pick": "role", "role": "approver"}}]}
    publish_policy(market.world.nordwind, "Stops", actor=market.world.actor("erin"), **rule)
    answer = signed_in("alice").post(url(server, "operate"), {"verb": "stop"}, follow=True)
    approval = Approval.objects.get(subject_kind="operation")
    assert "it waits, and is done once it is approved" in text(answer)
    assert "Waits for a decision" in text(answer)
    assert f'href="/inbox/{approval.pk}/"' in text(answer)
    server.refresh_from_db()
    assert server.desired == "running"
    assert url(server) in text(signed_in("bob").get(f"/inbox/{approval.pk}/"))
