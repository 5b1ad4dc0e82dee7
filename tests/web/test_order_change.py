"""An order is changed, sent again, ordered again, put aside and ordered for another, on its pages."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.approvals.models import Approval
from portal.approvals.services import vote
from portal.catalogue.drafts import PlanDraft
from portal.catalogue.models import Offering
from portal.catalogue.services import publish_offering
from portal.core import clock
from portal.notices.models import Notice
from portal.orders.models import Order, OrderDraft, Revision
from portal.orders.saving import save_draft
from portal.tenancy.services import set_quota
from tests.cast import give, person
from tests.market import SERVER
from tests.web.test_order_form import answers, send, text, url


@pytest.fixture
def server(market):
    return Offering.objects.get(slug="linux-server")


def send_back(market, order, note="Which shop is it for?"):
    approval = Approval.objects.get(subject_id=str(order.pk))
    return vote(approval, "return", approval.card_hash, actor=market.world.actor("bob"), note=note)


def amend_url(order):
    return f"/orders/{order.pk}/amend/"


# Changing


def test_the_form_opens_with_what_is_asked_for(market, signed_in):
    order = market.place(market.draft(disk_gib=33), note="for the shop")
    page = text(signed_in("alice").get(amend_url(order)))
    for words in ('value="web-1"', 'value="33"', "for the shop", "Change this order", "Votes given so far"):
        assert words in page
    assert "beneficiary" not in page


def test_a_change_is_sent_and_stands_on_the_page_of_the_order(market, signed_in):
    order = market.place()
    browser = signed_in("alice")
    sent = answers(market, **{"spec-disk_gib": "40", "said": "for pictures", "note": "the new shop"})
    assert browser.post(amend_url(order), sent)["Location"] == f"/orders/{order.pk}/"
    page = text(browser.get(f"/orders/{order.pk}/"))
    for words in ("Revision 2", "for pictures", "the new shop", "Changed by Alice Test", '<s class="quiet">20</s>'):
        assert words in page
    assert Order.objects.get().items.get().spec["disk_gib"] == 40


def test_what_is_wrong_stays_in_the_form(market, signed_in):
    order = market.place()
    set_quota(market.world.web, "storage_gib", 30, actor=market.world.actor("erin"))
    browser = signed_in("alice")
    wrong = browser.post(amend_url(order), answers(market, **{"spec-disk_gib": "9000", "said": "kept"}))
    assert (wrong.status_code, "kept" in text(wrong)) == (422, True)
    much = browser.post(amend_url(order), answers(market, **{"spec-disk_gib": "31"}))
    assert "over the quota of web" in text(much)
    assert not Revision.objects.exists()


def test_the_bars_leave_out_what_the_order_holds_itself(market, signed_in):
    set_quota(market.world.web, "storage_gib", 50, actor=market.world.actor("erin"))
    order = market.place(market.draft(disk_gib=40))
    page = signed_in("alice").get(amend_url(order))
    [bar] = [bar for bar in page.context["price"].bars if "Storage" in bar.label]
    assert (bar.used, bar.mine, bar.is_over) == (0, 40, False)


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("mallory", 404)])
def test_nobody_else_gets_the_form(market, signed_in, name, status):
    order = market.place()
    browser = signed_in(name)
    assert browser.get(amend_url(order)).status_code == status
    assert browser.post(amend_url(order), answers(market)).status_code == status
    assert browser.post(f"/orders/{order.pk}/resubmit/").status_code == status
    assert not Revision.objects.exists()


def test_decided_meanwhile_the_page_of_the_order_says_so(market, signed_in):
    order = market.place()
    market.approve(order)
    browser = signed_in("alice")
    for answer in (browser.get(amend_url(order), follow=True), browser.post(amend_url(order), answers(market), follow=True)):
        assert answer.redirect_chain[-1][0] == f"/orders/{order.pk}/"
        assert "It was decided already" in text(answer)


def test_one_of_several_things_is_changed_and_the_others_stay(market, signed_in):
    order = market.place(market.draft("web-1"), market.draft("web-2"))
    first, second = order.items.all()
    browser = signed_in("alice")
    sent = answers(market, **{"spec-name": "web-2", "spec-disk_gib": "30"})
    assert browser.post(f"{amend_url(order)}?item={second.pk}", sent).status_code == 302
    assert [item.spec["disk_gib"] for item in order.items.all()] == [20, 30]
    assert order.items.filter(pk=first.pk).exists()
    assert browser.get(f"{amend_url(order)}?item=nonsense").status_code == 404


# Returned


def test_what_came_back_says_why_and_is_sent_again(market, signed_in):
    order = market.place()
    send_back(market, order)
    browser = signed_in("alice")
    assert "Returned" in text(browser.get("/orders/"))
    page = text(browser.get(f"/orders/{order.pk}/"))
    for words in (
        "It came back to you",
        "Which shop is it for?",
        "Change and send again",
        "Send again as it is",
        "Sent back by",
    ):
        assert words in page
    assert "Waits for Bob" not in page
    browser.post(f"/orders/{order.pk}/resubmit/", {"said": "the one in Bremen"})
    page = text(browser.get(f"/orders/{order.pk}/"))
    assert "the one in Bremen" in page
    assert "Waits for Bob Test" in page
    assert "waits for a decision already" in text(browser.post(f"/orders/{order.pk}/resubmit/", follow=True))


def test_others_see_that_it_came_back_to_her(market, signed_in):
    order = market.place()
    send_back(market, order)
    page = text(signed_in("bob").get(f"/orders/{order.pk}/"))
    assert "It came back to Alice Test" in page
    assert "Send again as it is" not in page


def test_the_list_tells_returned_from_waiting(market, signed_in, in_few_queries):
    back, waits = market.place(key="1"), market.place(market.draft("web-2"), key="2")
    send_back(market, back)
    browser = signed_in("alice")
    listed = {
        state: {row.record.pk for row in in_few_queries(browser, f"/orders/?state={state}").context["table"].rows}
        for state in ("returned", "waiting")
    }
    assert listed == {"returned": {back.pk}, "waiting": {waits.pk}}


# Again


def test_again_says_what_is_not_to_be_had_as_it_was(market, server, signed_in):
    order = market.place(market.draft(disk_gib=77))
    narrowing = {"properties": {"disk_gib": {"default": 20, "minimum": 8, "maximum": 50}}}
    narrower = replace(SERVER, narrowing=narrowing, plans=[PlanDraft("tiny", "Tiny", spec={"size": "t3.small"})])
    publish_offering(market.world.nordwind, narrower, actor=market.world.actor("erin"))
    browser = signed_in("alice")
    page = text(browser.get(browser.get(f"/orders/{order.pk}/").context["picture"].again_url))
    for words in ("Version 2 of the service holds now", "Plan Small is not offered any more", "Disk (GiB): 77"):
        assert words in page


def test_again_is_for_who_sees_the_order(market, server, signed_in):
    item = market.place().items.get()
    browser = signed_in("mallory")
    assert browser.get(f"{url(server)}?again={item.pk}").status_code == 404
    browser = signed_in("alice")
    assert browser.get(f"{url(server)}?again=nonsense").status_code == 404


def test_a_resource_is_ordered_again_from_its_page(market, signed_in):
    resource = market.active()
    page = text(signed_in("alice").get(f"/resources/{resource.pk}/"))
    assert f"?again={resource.order_items.get().pk}" in page
    assert "?again=" not in text(signed_in("carol").get(f"/resources/{resource.pk}/"))


# For a colleague


def test_an_order_for_a_colleague_is_hers(market, server, signed_in):
    dora = person("dora")
    give(dora, "member", market.world.web)
    browser = signed_in("alice")
    assert "Dora Test" in text(browser.get(url(server)))
    send(browser, server, answers(market, beneficiary=dora.pk))
    order = Order.objects.get()
    assert (order.beneficiary, order.requester) == (dora, market.world.alice)
    assert "for Dora Test" in text(browser.get("/orders/"))
    assert Notice.objects.filter(user=dora, topic="order_for_you").count() == 1
    market.approve(order)
    assert Notice.objects.filter(user=dora, topic="approval_approved").exists()


def test_nobody_is_ordered_for_who_does_not_see_the_project(market, server, signed_in):
    answer = send(signed_in("alice"), server, answers(market, beneficiary=market.world.mallory.pk))
    assert answer.status_code == 422
    assert not Order.objects.exists()


def test_who_it_is_for_is_counted_out_before_it_is_placed(market, server, signed_in):
    browser = signed_in("alice")
    page = browser.get(url(server), {"beneficiary": str(market.world.bob.pk), "plan": str(market.server.pk)})
    decision = page.context["price"].preview.decision
    assert market.world.bob not in [person for stage in (decision.stages if decision else []) for person in stage.people]


# Drafts


def test_a_form_is_put_aside_with_what_is_wrong_in_it(market, server, signed_in):
    browser = signed_in("alice")
    sent = answers(market, **{"spec-name": "Not a name", "spec-disk_gib": "", "save": "1"})
    answer = send(browser, server, sent)
    draft = OrderDraft.objects.get()
    assert answer["Location"] == f"{url(server)}?draft={draft.pk}"
    page = text(browser.get(answer["Location"]))
    assert 'value="Not a name"' in page
    assert f'name="draft" value="{draft.pk}"' in page
    assert not Order.objects.exists()
    assert "Not a name" in text(browser.get("/orders/drafts/"))
    assert "/orders/drafts/" in text(browser.get("/orders/"))


def test_saved_again_it_is_the_same_draft_and_sent_it_is_gone(market, server, signed_in):
    browser = signed_in("alice")
    send(browser, server, answers(market, save="1"))
    draft = OrderDraft.objects.get()
    with clock.travel(clock.now() + timedelta(hours=1)):
        send(browser, server, answers(market, save="1", draft=draft.pk, note="later"))
    assert OrderDraft.objects.get().answers["note"] == "later"
    assert send(browser, server, answers(market, draft=draft.pk)).status_code == 302
    assert (OrderDraft.objects.count(), Order.objects.count()) == (0, 1)


def test_a_draft_is_nobody_elses(market, server, signed_in):
    draft = save_draft(server, {"note": "hers"}, actor=market.world.actor("alice"))
    for name in ("bob", "erin", "mallory"):
        browser = signed_in(name)
        assert browser.get(f"{url(server)}?draft={draft.pk}").status_code == 404
        assert browser.post(f"/orders/drafts/{draft.pk}/delete/").status_code == 404
        assert "No draft" in text(browser.get("/orders/drafts/"))
    browser = signed_in("alice")
    browser.post(f"/orders/drafts/{draft.pk}/delete/")
    assert not OrderDraft.objects.exists()
    assert browser.post(f"/orders/drafts/{draft.pk}/delete/").status_code == 404


def test_what_cannot_be_kept_is_said_and_stays(market, server, signed_in):
    answer = send(signed_in("alice"), server, answers(market, save="1", note="x" * 10_001))
    assert answer.status_code == 400
    assert "x" * 10_001 in text(answer)
    assert not OrderDraft.objects.exists()


def test_fifty_drafts_are_listed_in_few_queries(market, server, signed_in, in_few_queries):
    for number in range(50):
        save_draft(server, {"spec-name": f"d-{number}", "project": "nonsense"}, actor=market.world.actor("alice"))
    browser = signed_in("alice")
    in_few_queries(browser, "/orders/drafts/")
    answer = send(browser, server, answers(market, save="1"))
    assert "You have 50 drafts" in text(answer)
