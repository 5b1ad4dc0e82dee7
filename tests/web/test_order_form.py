"""The order form: drawn from the schema, priced while it is filled in, refused with a reason at its place, placed once."""

import threading
from decimal import Decimal

import pytest
from django.db import connections
from django.test import Client

from portal.approvals.services import publish_policy
from portal.catalogue.models import Offering
from portal.clouds.models import ConnectionState
from portal.core.errors import Conflict
from portal.metering.services import set_budget
from portal.orders import services
from portal.orders.models import Order
from portal.provisioning.models import Resource
from portal.tenancy.services import set_quota
from tests.cast import give, project
from tests.market import REGION, choose, connection

LIST_PRICE = ">16.79<"  # (0.0208 + 20 * 0.00011) * 730


@pytest.fixture
def server(market):
    return Offering.objects.get(slug="linux-server")


def url(offering):
    return f"/catalogue/{offering.pk}/"


def text(answer):
    return answer.content.decode()


def answers(market, **changed):
    """What a browser sends for a small server."""
    given = {
        "key": "0123456789abcdef0123456789abcdef",
        "project": market.world.web.pk,
        "connection": market.aws.pk,
        "plan": market.server.pk,
        "note": "",
        "spec-name": "web-1",
        "spec-region": REGION,
        "spec-image": market.image,
        "spec-disk_gib": "20",
    }
    return {name: value for name, value in (given | changed).items() if value is not None}


def send(browser, offering, sent, **headers):
    return browser.post(f"{url(offering)}order/", sent, **headers)


def part(browser, offering, target, query):
    return browser.get(url(offering), query, headers={"HX-Request": "true", "HX-Target": target})


# Who sees what


def test_a_member_gets_the_form_with_price_and_choices(market, server, signed_in, in_few_queries):
    page = text(in_few_queries(signed_in("alice"), url(server), most=45))
    for words in ("Place order", LIST_PRICE, "spec-image", market.image, "aws-main", "Bob Test", "What happens next"):
        assert words in page
    assert "spec-size" not in page, "the plan fixes it"
    assert "spec-ssh_key" not in page, "there is none to choose"
    assert 'name="key" value="' in page


@pytest.mark.parametrize("name", ["bob", "carol", "dave", "erin"])
def test_who_may_not_order_sees_plans_and_prices_only(market, server, signed_in, name):
    browser = signed_in(name)
    page = text(browser.get(url(server)))
    assert "You may look, not order." in page
    assert LIST_PRICE in page
    assert "Place order" not in page
    assert send(browser, server, answers(market)).status_code == 403
    assert not Order.objects.exists()


def test_another_organization_finds_neither_page_nor_form(market, server, signed_in):
    browser = signed_in("mallory")
    assert browser.get(url(server)).status_code == 404
    assert browser.get(f"{url(server)}order/").status_code in (302, 404)
    assert send(browser, server, answers(market)).status_code == 404


def test_an_order_needs_the_token_of_the_form(market, server):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(market.world.alice)
    assert send(browser, server, answers(market)).status_code == 403
    assert not Order.objects.exists()


def test_the_scope_of_the_page_preselects_the_project(market, server, signed_in):
    other = project("zoo", market.world.retail)
    give(market.world.alice, "member", other)
    browser = signed_in("alice")
    browser.post("/scope/", {"scope": str(other.pk)})
    assert f'<option value="{other.pk}" selected>' in text(browser.get(url(server)))
    browser.post("/scope/", {"scope": ""})
    assert f'<option value="{market.world.web.pk}" selected>' in text(browser.get(url(server)))


# Placing


def test_an_order_is_placed_and_followed(market, server, signed_in):
    answer = send(signed_in("alice"), server, answers(market, note="for the shop"))
    order = Order.objects.get()
    assert answer["Location"] == f"/orders/{order.pk}/"
    item = order.items.get()
    assert (order.project, order.note, order.state) == (market.world.web, "for the shop", "waiting")
    assert (item.spec["name"], item.spec["disk_gib"], item.region) == ("web-1", 20, REGION)


def test_two_clicks_are_one_order(market, server, signed_in):
    browser = signed_in("alice")
    first, second = (send(browser, server, answers(market)) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Order.objects.count() == 1


def test_a_form_sent_again_with_other_answers_does_not_lose_them(market, server, signed_in):
    browser = signed_in("alice")
    send(browser, server, answers(market))
    answer = send(browser, server, answers(market, **{"spec-name": "web-2"}))
    page = text(answer)
    assert answer.status_code == 409
    assert "placed order" in page
    assert 'value="web-2"' in page
    sent = answers(market, **{"spec-name": "web-2", "key": answer.context["sheet"].key})
    assert send(browser, server, sent).status_code == 302
    assert Order.objects.count() == 2


def test_a_rule_that_allows_is_said_before_and_makes_it_at_once(market, server, signed_in):
    cheap = [{"field": "cost_per_month", "operator": "lt", "value": "20"}]
    publish_policy(
        market.world.nordwind, "Small", subject_kind="order", conditions=cheap, stages=[], actor=market.world.actor("erin")
    )
    browser = signed_in("alice")
    assert "Nobody has to decide" in text(browser.get(url(server)))
    dear = part(browser, server, "quote", {"spec-disk_gib": "100"})
    assert "Nobody has to decide" not in text(dear)
    assert "Bob Test" in text(dear)
    send(browser, server, answers(market))
    assert Order.objects.get().state == "working"
    assert Resource.objects.count() == 1


# What does not fit


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("spec-name", "", "This field is required"),
        ("spec-name", "Web One", "This value does not fit"),
        ("spec-name", "a" * 41, "at most 40 characters"),
        ("spec-name", "x\x00y", "Null characters"),
        ("spec-name", "<script>alert(1)</script>", "This value does not fit"),
        ("spec-disk_gib", "7", "greater than or equal to 8"),
        ("spec-disk_gib", "501", "less than or equal to 500"),
        ("spec-disk_gib", "9" * 400, "less than or equal to 500"),
        ("spec-disk_gib", "1e3", "Enter a whole number"),
        ("spec-disk_gib", "NaN", "Enter a whole number"),
        ("spec-region", "mars-1", "Select a valid choice"),
        ("spec-image", "ami-somebody-elses", "Select a valid choice"),
        ("spec-user_data", "#!/bin/sh", "is not known here"),
        ("plan", "nonsense", "Choose one of those shown"),
        ("plan", None, "This field is required"),
        ("connection", "0190", "Choose one of those shown"),
        ("note", "n" * 2001, "at most 2000 characters"),
        ("key", "", "Key"),
        ("key", "k" * 121, "Key"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field_and_nothing_is_lost(market, server, signed_in, field, value, said):
    sent = answers(market, **{"note": "keep me", field: value})
    answer = send(signed_in("alice"), server, sent)
    page = text(answer)
    assert answer.status_code == 422
    assert said in page
    assert "<script>alert" not in page
    assert (field == "note") or "keep me</textarea>" in page
    assert (field == "spec-name") or 'value="web-1"' in page
    assert not Order.objects.exists()


def test_the_size_that_the_plan_fixes_cannot_be_answered_otherwise(market, server, signed_in):
    send(signed_in("alice"), server, answers(market, **{"spec-size": "m5.24xlarge"}))
    assert Order.objects.get().items.get().spec["size"] == "t3.small"


def test_a_project_of_another_tenant_is_no_choice(market, server, signed_in):
    for scope in (market.world.other_project, market.world.fleet):
        answer = send(signed_in("alice"), server, answers(market, project=scope.pk))
        assert answer.status_code == 422
        assert "Choose one of those shown" in text(answer)
    assert not Order.objects.exists()


def test_a_role_that_expired_orders_nothing(market, server, signed_in):
    browser = signed_in("alice")
    market.world.alice.assignments.all().delete()
    assert send(browser, server, answers(market)).status_code == 404
    assert not Order.objects.exists()


def test_a_plan_that_the_cloud_lacks_is_said_at_the_plan(market, server, signed_in):
    market.aws.choices.filter(choice_kind="size").delete()
    answer = send(signed_in("alice"), server, answers(market))
    assert answer.status_code == 422
    assert "Size: This cloud does not offer it there." in text(answer)


def test_over_the_quota_says_how_much_is_missing_beside_the_bars(market, server, signed_in):
    erin = market.world.actor("erin")
    set_quota(market.world.retail, "storage_gib", 30, actor=erin)
    browser = signed_in("alice")
    answer = send(browser, server, answers(market, **{"spec-disk_gib": "40"}))
    page = text(answer)
    assert answer.status_code == 422
    assert "Over the quota" in page
    assert "10 storage_gib over the quota of Retail" in page
    assert "10 too much" in page
    assert 'value="web-1"' in page
    assert not Order.objects.exists()
    assert send(browser, server, answers(market, **{"spec-disk_gib": "30"})).status_code == 302


def test_a_plan_over_the_quota_says_so_before_it_is_chosen(market, server, signed_in):
    set_quota(market.world.web, "servers", 0, actor=market.world.actor("erin"))
    assert "Servers: 1 over the quota of web" in text(signed_in("alice").get(url(server)))


def test_over_the_budget_says_how_much_is_missing(market, server, signed_in):
    set_budget(market.world.web, Decimal(10), actor=market.world.actor("carol"))
    answer = send(signed_in("alice"), server, answers(market))
    page = text(answer)
    assert answer.status_code == 422
    assert "Over the budget" in page
    assert "6.79 EUR over the monthly budget of web" in page
    assert "Nothing was ordered." in page
    assert not Order.objects.exists()


def test_the_bars_show_before_after_and_left(market, server, signed_in):
    set_budget(market.world.web, Decimal(100), actor=market.world.actor("carol"))
    set_quota(market.world.web, "servers", 5, actor=market.world.actor("erin"))
    market.place()
    page = text(signed_in("alice").get(url(server)))
    assert "Budget of web, this month: 16.79 before, 33.58 after, of 100.00 EUR" in page
    assert "Servers in web: 1 before, 2 after, of 5" in page
    assert "3 left" in page


def test_without_a_price_it_says_who_can_set_one(market, server, signed_in, monkeypatch):
    monkeypatch.setattr("portal.pricing.quotes.price_rows", lambda *_args, **_kwargs: [])
    browser = signed_in("alice")
    assert "Ask finance to set one" in text(browser.get(url(server)))
    answer = send(browser, server, answers(market))
    assert answer.status_code == 422
    assert "Ask finance to set one" in text(answer)


def test_without_a_cloud_it_cannot_be_placed_and_says_why(market, server, signed_in):
    market.aws.state = ConnectionState.DISABLED
    market.aws.save()
    browser = signed_in("alice")
    assert "No cloud for this is connected for web" in text(browser.get(url(server)))
    assert send(browser, server, answers(market)).status_code == 422


def test_a_new_version_between_look_and_click_is_said(market, server, signed_in, monkeypatch):
    def changed(*_args, **_kwargs):
        raise Conflict("This offering has a new version. Look at it again, then order.")

    monkeypatch.setattr("portal.web.ordering.place_order", changed)
    answer = send(signed_in("alice"), server, answers(market))
    assert answer.status_code == 409
    assert "new version" in text(answer)
    assert 'value="web-1"' in text(answer)


# Redrawn while it is filled in


def test_htmx_gets_the_price_alone_at_the_answers_so_far(market, server, signed_in):
    browser = signed_in("alice")
    page = text(part(browser, server, "quote", {"plan": market.server.pk, "spec-disk_gib": "100"}))
    assert page.lstrip().startswith('<div id="quote"')
    assert ">23.21<" in page  # (0.0208 + 100 * 0.00011) * 730
    assert "<form" not in page
    page = text(part(browser, server, "quote", {"spec-disk_gib": "9999"}))
    assert "Another value is needed for: Disk (GiB)." in page


def test_another_cloud_redraws_the_choices_and_keeps_the_answers(market, server, signed_in):
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}
    second = connection(
        market.world, "aws", {"regions": "us-east-1, us-west-2", "endpoint": "http://127.0.0.1:1"}, keys, name="aws-two"
    )
    for region in ("us-east-1", "us-west-2"):
        choose(second, region, "region", region, at="")
        choose(second, region, "image", f"ami-{region}")
        choose(second, region, "size", "t3.small")
    browser = signed_in("alice")
    sent = answers(market, connection=second.pk, note="keep me")
    page = text(part(browser, server, "order-form", sent))
    assert page.lstrip().startswith('<form id="order-form"')
    assert "ami-us-east-1" in page
    assert market.image not in page
    assert 'value="web-1"' in page
    assert "keep me</textarea>" in page
    assert sent["key"] in page
    assert "field-error" not in page
    page = text(part(browser, server, "order-form", sent | {"spec-region": "us-west-2"}))
    assert "ami-us-west-2" in page
    assert "ami-us-east-1" not in page


def test_without_a_script_a_button_redraws_and_places_nothing(market, server, signed_in):
    browser = signed_in("alice")
    page = text(browser.get(url(server)))
    assert 'name="redraw"' in page
    answer = send(browser, server, answers(market, redraw="1", **{"spec-name": "", "spec-disk_gib": "100"}))
    assert answer.status_code == 200
    assert ">23.21<" in text(answer)
    assert "field-error" not in text(answer)
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "query",
    ["spec-name=%00", "spec-disk_gib=-1", "plan=x&project=y&connection=z", "spec-region[]=1", "key=%3Cscript%3E", "spec-x=1"],
)
def test_the_page_stands_whatever_its_address_says(market, server, signed_in, query):
    answer = signed_in("alice").get(f"{url(server)}?{query}")
    assert answer.status_code == 200
    assert "<script>" not in text(answer).split("</head>")[1].split("<script src")[0]


def test_the_form_at_order_leads_back_to_the_service(market, server, signed_in):
    assert signed_in("alice").get(f"{url(server)}order/")["Location"] == url(server)


def test_a_database_has_its_own_fields(market, signed_in):
    database = Offering.objects.get(slug="postgresql-database")
    page = text(signed_in("alice").get(url(database)))
    assert "spec-storage_gib" in page
    assert "spec-image" not in page
    assert "postgresql-main" in page
    assert "aws-main" not in page


def test_of_two_clicks_at_the_same_moment_one_makes_the_order(fresh_db, market):
    """Both have looked for an order of this key and found none before either writes."""
    found, meet = [], threading.Barrier(2)
    actual = services.item_from

    def slow(*args, **kwargs):
        item = actual(*args, **kwargs)
        meet.wait(10)
        return item

    def click():
        try:
            found.append(market.place(key="one").pk)
        finally:
            connections.close_all()

    services.item_from = slow
    try:
        clicks = [threading.Thread(target=click) for _ in range(2)]
        for each in clicks:
            each.start()
        for each in clicks:
            each.join()
    finally:
        services.item_from = actual
    assert len(found) == 2
    assert len(set(found)) == 1
    assert Order.objects.count() == 1
