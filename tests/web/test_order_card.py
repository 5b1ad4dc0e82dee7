"""The decision card of an order: what is asked for in words, and the room it leaves."""

from decimal import Decimal

from portal.approvals.models import Approval
from portal.metering.services import set_budget
from portal.orders.drafts import ItemDraft
from portal.tenancy.services import set_quota


def card_of(browser, order):
    approval = Approval.objects.get(subject_kind="order", subject_id=str(order.pk))
    return browser.get(f"/inbox/{approval.pk}/").content.decode()


def test_it_says_what_is_asked_for_and_what_is_left(market, signed_in):
    world = market.world
    set_quota(world.retail, "servers", 5, actor=world.actor("erin"))
    set_budget(world.retail, Decimal(100), actor=world.actor("carol"))
    market.place(market.draft("web-2"), key="other")
    page = card_of(signed_in("bob"), market.place(market.draft("web-1")))
    for text in ("web-1", "Linux server · Small", "aws-main, eu-west-1", "Disk (GiB)", "t3.small"):
        assert text in page
    assert "{&#x27;" not in page
    assert "Servers in Retail: 1 before, 2 after, of 5" in page
    assert "Budget of Retail, this month: 16.79 before, 33.58 after, of 100.00 EUR" in page


def test_an_end_says_that_nothing_is_kept(market, signed_in):
    resource = market.active()
    order = market.place(ItemDraft("terminate", resource_id=resource.pk), key="end")
    page = card_of(signed_in("bob"), order)
    assert "End of web-1" in page
    assert "It is removed with its data" in page
    assert "−16.79" in page
