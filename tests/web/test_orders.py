"""The orders: the list in few queries, one order followed live to its end, and what may be done with it on the way."""

from datetime import timedelta

import pytest
from django.test import Client

from portal.approvals.models import Approval
from portal.approvals.services import vote
from portal.approvals.timeouts import expire
from portal.clouds.base import CloudError
from portal.core import clock
from portal.metering.models import DailyCost
from portal.orders.drafts import ItemDraft
from portal.orders.models import Order, OrderItem
from portal.orders.services import advance
from portal.provisioning import calls
from portal.provisioning.models import Resource
from portal.tenancy.models import Hold
from portal.users.actor import Actor
from tests.cast import give

CAST = ["alice", "bob", "carol", "dave", "erin"]
ACTS = ["withdraw", "retry", "give-up"]


def url(order, act=""):
    return f"/orders/{order.pk}/{act}{'/' if act else ''}"


def text(answer):
    return answer.content.decode()


def fragment(browser, order):
    return text(browser.get(url(order), headers={"HX-Request": "true", "HX-Target": "order-status"}))


def polls(page):
    return 'hx-trigger="every' in page


@pytest.fixture
def no_room(monkeypatch):
    """A cloud that has no room, for as long as the dictionary says so."""
    full, ask = {"is": True}, calls.ask

    def answer(step, resource):
        if full["is"] and step.verb == "ensure":
            raise CloudError("InsufficientInstanceCapacity", kind="capacity", retry=False)
        return ask(step, resource)

    monkeypatch.setattr(calls, "ask", answer)
    return full


@pytest.fixture
def failed(market, no_room):
    order = market.place()
    market.approve(order)
    market.work(1)
    order.refresh_from_db()
    assert order.state == "failed"
    return order


# The list


def test_the_list_takes_few_queries_whatever_the_number_of_orders(market, signed_in, in_few_queries):
    market.place()
    first = OrderItem.objects.get()
    orders = [
        Order(project=market.world.web, requester=market.world.alice, key=f"n{n}", currency="EUR") for n in range(10_000)
    ]
    Order.objects.bulk_create(orders)
    items = [
        OrderItem(order=order, plan=first.plan, connection=first.connection, region="r", spec={"name": f"n-{n}"})
        for n, order in enumerate(orders)
    ]
    OrderItem.objects.bulk_create(items)
    for name in CAST:
        page = text(in_few_queries(signed_in(name), "/orders/"))
        assert page.count('<th scope="row"') == 50
        assert "1 to 50 of 10,001" in page
    assert "n-9999" in text(in_few_queries(signed_in("alice"), "/orders/?q=n-9999"))


def test_a_row_says_what_where_who_and_how_much(market, signed_in):
    order = market.place(market.draft(), market.database_draft(), note="x")
    page = text(signed_in("bob").get("/orders/"))
    for words in ("Linux server, web-1 and 1 more", str(order.number), "web", "Alice Test", "+35.26", "Waiting", url(order)):
        assert words in page


@pytest.mark.parametrize(
    "query", ["q=%00", "q=web", f"q={'9' * 40}", "state=nonsense", "since=x", "page=nonsense", "page=999", "since=2026-01-01"]
)
def test_its_filter_stands_whatever_is_typed(market, signed_in, query):
    market.place()
    assert signed_in("alice").get(f"/orders/?{query}").status_code == 200


def test_its_filter_finds_by_number_name_and_state(market, signed_in):
    order, other = market.place(), market.place(market.draft("batch-7"), key="other")
    browser = signed_in("alice")
    for query, shown, hidden in (
        (f"q={order.number}", order, other),
        ("q=BATCH", other, order),
        ("state=done", None, order),
    ):
        page = text(browser.get(f"/orders/?{query}"))
        assert shown is None or url(shown) in page
        assert url(hidden) not in page
    assert "No order fits this filter" in text(browser.get("/orders/?state=done"))


def test_the_list_honours_the_scope_of_the_page(market, signed_in):
    order = market.place()
    browser = signed_in("erin")
    browser.post("/scope/", {"scope": str(market.world.logistics.pk)})
    assert url(order) not in text(browser.get("/orders/"))
    browser.post("/scope/", {"scope": str(market.world.retail.pk)})
    assert url(order) in text(browser.get("/orders/"))


def test_an_empty_list_says_what_will_be_here(market, signed_in):
    assert "No order yet" in text(signed_in("alice").get("/orders/"))


# One order


@pytest.mark.parametrize("name", CAST)
def test_an_order_opens_for_everyone_who_may_see_it(market, signed_in, in_few_queries, name):
    order = market.place(note="for the shop")
    page = text(in_few_queries(signed_in(name), url(order), most=35))
    for words in ("Linux server, web-1", "Waits for Bob Test", "for the shop", "See the card", "16.79", order.correlation_id):
        assert words in page
    assert ("Withdraw this order" in page) == (name == "alice")
    assert ("Order again" in page) == (name == "alice")
    assert ("Decide" in page) == (name == "bob")
    assert "Try again as ordered" not in page


def test_another_organization_finds_nothing_and_can_do_nothing(market, signed_in):
    order = market.place()
    browser = signed_in("mallory")
    assert browser.get(url(order)).status_code == 404
    assert [browser.post(url(order, act)).status_code for act in ACTS] == [404] * 3
    assert url(order) not in text(browser.get("/orders/"))
    order.refresh_from_db()
    assert order.state == "waiting"


@pytest.mark.parametrize("act", ACTS)
def test_acts_are_posts_with_the_token_of_the_page(market, signed_in, act):
    order = market.place()
    assert signed_in("alice").get(url(order, act)).status_code == 405
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(market.world.alice)
    assert browser.post(url(order, act)).status_code == 403
    order.refresh_from_db()
    assert order.state == "waiting"


def test_it_is_followed_from_waiting_to_active_and_then_stops_asking(market, signed_in):
    order = market.place()
    browser = signed_in("alice")
    page = fragment(browser, order)
    assert page.lstrip().startswith('<div id="order-status"')
    assert polls(page)
    market.approve(order)
    page = fragment(browser, order)
    assert polls(page)
    assert "Being made" in page
    assert "Approved by Bob Test" in page
    market.work(1)
    page = fragment(browser, order)
    assert "Create the server" in page
    market.work()
    page = fragment(browser, order)
    assert not polls(page)
    resource = Resource.objects.get()
    for words in ("Done", "Active", "web-1 was made on aws-main", resource.external_id):
        assert words in page
    assert "<html" not in page
    assert "<html" in text(browser.get(url(order)))


def test_a_denial_is_said_with_its_reason_and_ends_the_asking(market, signed_in):
    order = market.place()
    approval = Approval.objects.get()
    vote(approval, "deny", approval.card_hash, actor=market.world.actor("bob"), note="Use the one we have.")
    page = fragment(signed_in("alice"), order)
    assert "Denied by Bob Test" in page
    assert "Use the one we have." in page
    assert not polls(page)


def test_nobody_deciding_in_time_is_said(market, signed_in):
    order = market.place()
    with clock.travel(clock.now() + timedelta(days=20)):
        expire(Approval.objects.get().pk, actor=Actor.system())
        page = fragment(signed_in("alice"), order)
    assert "Expired" in page
    assert not polls(page)


def test_an_end_is_a_story_of_its_own_and_costs_less(market, signed_in):
    resource = market.active()
    order = market.place(ItemDraft(action="terminate", resource_id=resource.pk), key="end")
    browser = signed_in("alice")
    assert "End of web-1" in text(browser.get(url(order)))
    assert "−16.79" in text(browser.get(url(order)))
    market.approve(order)
    market.work()
    page = text(browser.get(url(order)))
    assert "web-1 was ended on aws-main" in page
    assert "Create the server" not in page
    first = Order.objects.order_by("number").first()
    page = text(browser.get(url(first)))
    assert "web-1 was made on aws-main" in page
    assert "Remove the server" not in page
    assert "Given up" not in page


def test_order_again_fills_the_form_with_the_same_answers(market, signed_in):
    order = market.place(market.draft(disk_gib=77))
    browser = signed_in("alice")
    again = browser.get(url(order)).context["picture"].again_url
    page = text(browser.get(again))
    assert 'value="77"' in page
    assert 'value="web-1"' not in page, "a name is given once"


def test_cost_so_far_is_what_the_ledger_holds(market, signed_in):
    resource = market.active()
    page = signed_in("alice").get(url(Order.objects.get()))
    assert not DailyCost.objects.exists()
    assert page.context["picture"].so_far == 0
    assert resource.name in text(page)


# Acts


def test_who_asked_takes_it_back_with_a_reason_and_frees_what_it_held(market, signed_in):
    order = market.place()
    assert Hold.objects.exists()
    browser = signed_in("alice")
    for _ in range(2):
        assert browser.post(url(order, "withdraw"), {"reason": "Not needed.\x00"})["Location"] == url(order)
    page = text(browser.get(url(order)))
    assert "Withdrawn by Alice Test" in page
    assert "Not needed." in page
    assert not polls(page)
    assert not Hold.objects.exists()


def test_what_was_decided_meanwhile_is_not_taken_back_and_the_page_says_so(market, signed_in):
    order = market.place()
    market.approve(order)
    answer = signed_in("alice").post(url(order, "withdraw"), follow=True)
    assert "It was decided already." in text(answer)
    order.refresh_from_db()
    assert order.state == "working"


def test_nobody_else_takes_it_back(market, signed_in):
    order = market.place()
    give(market.world.bob, "member", market.world.web)
    assert signed_in("bob").post(url(order, "withdraw")).status_code == 403
    order.refresh_from_db()
    assert order.state == "waiting"


def test_a_failure_says_cause_what_exists_what_it_costs_and_what_to_do(market, failed, signed_in):
    page = text(signed_in("alice").get(url(failed)))
    for words in (
        "The cloud has no room for this just now",
        "InsufficientInstanceCapacity",
        "Nothing of it.",
        "Nothing is billed meanwhile.",
        "never made",
        "Try again as ordered",
        "Give up and remove what failed",
        "web-1 could not be made on aws-main",
        f"order {failed.number}  correlation {failed.correlation_id}",
        "aws-main eu-west-1  ensure  try 1",
    ):
        assert words in page
    assert not polls(page)


@pytest.mark.parametrize("name", ["bob", "carol", "dave", "erin"])
def test_who_may_not_order_sees_the_failure_and_no_button(market, failed, signed_in, name):
    browser = signed_in(name)
    page = text(browser.get(url(failed)))
    assert "The cloud has no room for this just now" in page
    assert "Try again as ordered" not in page
    assert [browser.post(url(failed, act)).status_code for act in ("retry", "give-up")] == [403, 403]


def test_a_retry_goes_on_and_ends_active_with_one_server(market, failed, no_room, signed_in):
    no_room["is"] = False
    browser = signed_in("alice")
    for _ in range(2):
        assert browser.post(url(failed, "retry"))["Location"] == url(failed)
    page = fragment(browser, failed)
    assert "Tried again by Alice Test" in page
    assert polls(page)
    market.work()
    page = fragment(browser, failed)
    assert "Done" in page
    assert not polls(page)
    assert Resource.objects.filter(state="running").count() == 1


def test_giving_up_removes_what_failed_frees_the_quota_and_says_so(market, failed, signed_in):
    browser = signed_in("alice")
    for _ in range(2):
        assert browser.post(url(failed, "give-up"))["Location"] == url(failed)
    assert polls(fragment(browser, failed))
    market.work()
    page = fragment(browser, failed)
    assert "Given up by Alice Test" in page
    assert "Given up" in page
    assert not polls(page)
    assert not Hold.objects.exists()


def test_a_part_that_was_made_stands_under_what_exists(market, no_room, signed_in):
    order = market.place(market.draft(), market.database_draft())
    market.approve(order)
    no_room["is"] = False
    market.work(1)
    server = Resource.objects.get(capability="compute")
    Resource.objects.filter(capability="database").update(
        error="No space left", error_kind="capacity", state="failed", external_id=""
    )
    market.work()
    advance(order.pk, actor=Actor.system())
    page = text(signed_in("alice").get(url(order)))
    assert server.external_id in page.split("What exists")[1].split("What does not")[0]
    assert "shop-db" in page.split("What does not")[1].split("Try again")[0]
    assert "0.0230" in page, "what the server costs an hour meanwhile"


def test_a_later_fault_of_the_resource_is_not_this_orders(market, signed_in):
    resource = market.active()
    resource.error, resource.error_kind = "It does not stop.", "refused"
    resource.save()
    page = text(signed_in("alice").get(url(Order.objects.get())))
    assert "It does not stop." not in page
    assert "Try again as ordered" not in page
