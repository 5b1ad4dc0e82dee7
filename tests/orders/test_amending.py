"""An order is changed while nobody decided on it: what it holds moves, votes fall away, and every change is kept."""

import pytest

from portal.approvals.models import Approval, Vote
from portal.approvals.services import publish_policy, vote
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, OverBudget, QuotaExceeded
from portal.events.models import Event
from portal.metering.services import set_budget
from portal.notices.models import Notice
from portal.orders.amending import amend_order, draft_of, resubmit_order
from portal.orders.drafts import ItemDraft
from portal.orders.models import Order, OrderItem, Revision
from portal.orders.queries import items_of
from portal.orders.services import withdraw_order
from portal.provisioning.models import Resource
from portal.tenancy.models import Hold
from portal.tenancy.services import set_quota
from tests.cast import give, person
from tests.races import at_once


@pytest.fixture
def order(market):
    return market.place(note="for the shop")


def amend(market, order, *drafts, who="alice", note="for the shop", **more):
    return amend_order(order, drafts or [market.draft(disk_gib=40)], actor=market.world.actor(who), note=note, **more)


def approval_of(order):
    return Approval.objects.get(subject_id=str(order.pk))


def held(dimension="storage_gib"):
    return sum(Hold.objects.filter(dimension=dimension).values_list("amount", flat=True))


def send_back(market, order, note="Which data is on it?", who="bob"):
    approval = approval_of(order)
    return vote(approval, "return", approval.card_hash, actor=market.world.actor(who), note=note)


def test_the_changed_order_costs_and_holds_what_it_asks_for_now(market, order):
    set_quota(market.world.web, "storage_gib", 100, actor=market.world.actor("erin"))
    before = order.cost_per_month
    amended = amend(market, order, said="It has to hold the pictures, too")
    item = amended.items.get()
    assert (item.spec["disk_gib"], item.position, held(), held("servers")) == (40, 0, 40, 1)
    assert amended.cost_per_month == item.cost_per_month > before
    assert approval_of(order).facts["items"][0]["spec"]["disk_gib"] == 40
    market.approve(amended)
    assert Resource.objects.get().spec["disk_gib"] == 40


def test_every_change_is_kept_with_who_made_it_and_what_she_said(market, order):
    amend(market, order, said="more pictures")
    amend(market, order, market.draft("shop-1", disk_gib=40), note="for the new shop")
    first, second = Revision.objects.filter(order=order)
    assert (first.number, first.made_by, first.note) == (2, market.world.alice, "more pictures")
    assert [each["items"][0]["spec"]["disk_gib"] for each in (first.before, first.after)] == [20, 40]
    assert (second.number, second.after["note"], second.after["items"][0]["name"]) == (3, "for the new shop", "shop-1")
    assert approval_of(order).title == "Linux server, shop-1"
    assert Event.objects.filter(action="orders.amend", target_id=str(order.pk)).count() == 2


def test_votes_given_before_are_void_and_who_gave_them_is_told(market, order):
    both = [{"who": {"pick": "role", "role": "approver", "at": "scope"}, "mode": "all", "due_hours": 24}]
    give(person("dora"), "approver", market.world.retail)
    erin = market.world.actor("erin")
    publish_policy(market.world.nordwind, "Both", subject_kind="order", conditions=[], stages=both, actor=erin)
    order = market.place(market.draft("two"), key="two")
    market.approve(order)
    amend(market, order, market.draft("two", disk_gib=30))
    assert Vote.objects.get().void
    assert Notice.objects.filter(user=market.world.bob, topic="approval_changed").exists()
    assert (Order.objects.get(pk=order.pk).state, approval_of(order).state) == ("waiting", "waiting")


def test_the_card_shown_before_is_refused_after(market, order):
    card = approval_of(order).card_hash
    amend(market, order)
    with pytest.raises(Conflict):
        vote(approval_of(order), "approve", card, actor=market.world.actor("bob"))
    assert Resource.objects.count() == 0


def test_the_same_again_changes_nothing(market, order):
    item = order.items.get()
    amend(market, order, draft_of(item))
    assert (order.items.get().pk, Revision.objects.count(), approval_of(order).revision) == (item.pk, 0, 1)


def test_only_who_asked_changes_it(market, order):
    market.world.people["dora"] = person("dora")
    give(market.world.dora, "member", market.world.web)
    with pytest.raises(Forbidden):
        amend(market, order, who="dora")
    with pytest.raises(Forbidden):
        amend(market, order, who="bob")
    with pytest.raises(NotFound):
        amend(market, order, who="mallory")
    assert order.items.get().spec["disk_gib"] == 20


def test_what_was_decided_is_not_changed(market, order):
    market.approve(order)
    with pytest.raises(Conflict):
        amend(market, order)
    withdrawn = market.place(market.draft("web-2"), key="2")
    withdraw_order(withdrawn, actor=market.world.actor("alice"))
    with pytest.raises(Conflict):
        amend(market, withdrawn, market.draft("web-3"))
    assert {item.spec["disk_gib"] for item in OrderItem.objects.all()} == {20}


def test_over_quota_it_stays_as_it_was(market, order):
    set_quota(market.world.web, "storage_gib", 50, actor=market.world.actor("erin"))
    with pytest.raises(QuotaExceeded):
        amend(market, order, market.draft(disk_gib=51))
    assert (order.items.get().spec["disk_gib"], held()) == (20, 20)
    amend(market, order, market.draft(disk_gib=50))
    assert held() == 50, "what it held before counts no more"


def test_over_budget_it_stays_as_it_was(market, order):
    set_budget(market.world.web, order.cost_per_month + 1, actor=market.world.actor("carol"))
    with pytest.raises(OverBudget):
        amend(market, order, market.draft(disk_gib=400))
    assert Order.objects.get().cost_per_month == order.cost_per_month


def test_wrong_answers_are_named_and_nothing_is_lost(market, order):
    with pytest.raises(Invalid) as refused:
        amend(market, order, market.draft(disk_gib=9000))
    assert "disk_gib" in refused.value.extra["fields"]
    with pytest.raises(Invalid):
        amend(market, order, note="x" * 2001)
    with pytest.raises(Invalid):
        amend(market, order, said="a\x00b")
    assert order.items.get().spec["disk_gib"] == 20


def test_an_item_that_stays_keeps_its_place_and_its_price(market):
    order = market.place(market.draft("web-1"), market.draft("web-2"), market.database_draft(), key="three")
    first, _second, third = order.items.all()
    amended = amend(market, order, draft_of(first), market.draft("web-2", disk_gib=60), draft_of(third))
    items = list(items_of(amended))
    assert [item.pk for item in items if item.pk in {first.pk, third.pk}] == [first.pk, third.pk]
    assert [item.spec["name"] for item in items] == ["web-1", "web-2", "shop-db"]
    assert (held(), held("servers")) == (20 + 60 + 0, 2)


def test_things_come_and_go(market):
    order = market.place(market.draft("web-1"), market.draft("web-2"), key="two")
    amend(market, order, draft_of(order.items.first()))
    assert (held("servers"), order.items.count()) == (1, 1)
    with pytest.raises(Invalid):
        amend_order(order, [], actor=market.world.actor("alice"))
    assert order.items.count() == 1


def test_the_end_of_a_resource_is_asked_for_with_other_words(market):
    resource = market.active()
    end = market.place(ItemDraft(action="terminate", resource_id=resource.pk), key="end")
    amended = amend(market, end, draft_of(end.items.get()), note="nobody uses it")
    assert (amended.note, amended.items.get().resource) == ("nobody uses it", resource)
    assert approval_of(end).facts["note"] == "nobody uses it"


def test_of_a_vote_and_a_change_at_once_one_is_refused(fresh_db, market):
    order = market.place()
    card = approval_of(order).card_hash

    def approve():
        return vote(approval_of(order), "approve", card, actor=market.world.actor("bob"))

    def change():
        return amend(market, order)

    answers = at_once(approve, change)
    assert sum(isinstance(answer, Exception) for answer in answers) == 1
    specs = {resource.spec["disk_gib"] for resource in Resource.objects.all()}
    assert specs in ({20}, set())
    assert order.items.get().spec["disk_gib"] == (20 if specs else 40)


# Returned


def test_what_came_back_is_changed_and_sent_again(market, order):
    send_back(market, order)
    amend(market, order, said="Pictures only")
    assert (approval_of(order).state, Order.objects.get().state) == ("waiting", "waiting")
    market.approve(order)
    assert Resource.objects.get().spec["disk_gib"] == 40


def test_or_is_sent_again_as_it_is(market, order):
    send_back(market, order)
    with pytest.raises(Forbidden):
        resubmit_order(order, actor=market.world.actor("bob"))
    resubmit_order(order, actor=market.world.actor("alice"), said="It holds pictures only")
    assert approval_of(order).state == "waiting"
    with pytest.raises(Conflict):
        resubmit_order(order, actor=market.world.actor("alice"))
    market.approve(order)
    assert Resource.objects.count() == 1


def test_or_is_taken_back(market, order):
    send_back(market, order)
    withdrawn = withdraw_order(order, actor=market.world.actor("alice"))
    assert (withdrawn.state, approval_of(order).state, held()) == ("withdrawn", "withdrawn", 0)
