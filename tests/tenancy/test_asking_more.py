"""Asking for more quota: who may, who decides, what comes of it, and how it falls back; one tenant lends to another."""

from datetime import timedelta
from decimal import Decimal

import pytest

from portal.access.models import Assignment
from portal.approvals import services as approvals
from portal.approvals.cards import card
from portal.approvals.models import Approval
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded, Refused, Stale
from portal.events.models import Event
from portal.tenancy import asking_more
from portal.tenancy.models import Hold, Quota, QuotaAsk
from portal.tenancy.quotas import place_holds, room_in
from portal.tenancy.services import set_quota
from portal.tenancy.spans import added, running, span
from portal.users.actor import Actor, Auth, Narrowing
from tests.cast import give, scope
from tests.races import at_once

DAY = timedelta(days=1)


@pytest.fixture
def limited(world):
    """Ten servers in retail, eight in logistics, where bob and erin decide."""
    for place, limit in (("retail", 10), ("logistics", 8)):
        set_quota(world.scopes[place], "servers", limit, actor=world.actor("erin"))
    return world


def ask(world, amount=5, *, by="alice", at="retail", dimension="servers", **more):
    given = {"reason": "The season begins.", **more}
    return asking_more.ask_quota(world.scopes[at], dimension, amount, actor=world.actor(by), **given)


def decide(world, asked, choice="approve", *, by="bob"):
    approval = Approval.objects.get(subject_id=str(asked.pk))
    shown = card(approval, actor=world.actor(by))
    approvals.vote(approval, choice, shown.hash, actor=world.actor(by), note="no")
    asked.refresh_from_db()
    return approval


def limit_of(world, at="retail"):
    return next(room for room in room_in(world.scopes[at]) if room.scope == world.scopes[at]).limit


def test_more_for_good_raises_the_limit_once_it_is_approved(limited):
    asked = ask(limited)
    assert limit_of(limited) == 10
    approval = decide(limited, asked)
    assert (asked.state, limit_of(limited)) == ("done", 15)
    assert Quota.objects.get(scope=limited.retail).limit == 15
    made = Event.objects.get(action="tenancy.raise_quota")
    assert (made.cause, made.auth["method"]) == (f"approval:{approval.pk}", "system")
    assert (made.detail["before"], made.detail["limit"]) == (10, 15)


def test_the_card_says_from_what_to_what_and_policies_may_ask_what_is_used(limited):
    place_holds(limited.web, {"servers": 7}, key="thing:1")
    until = clock.now() + 30 * DAY
    approval = Approval.objects.get(subject_id=str(ask(limited, until=until).pk))
    facts = card(approval, actor=limited.actor("bob")).facts
    assert (facts["place"], facts["dimension"], facts["more"]) == ("Retail", "servers", 5)
    assert (facts["limit_from"], facts["limit_to"], facts["reason"]) == (10, 15, "The season begins.")
    assert facts["until"] == until.date().isoformat()
    assert approval.context["used"] == 7
    assert approval.title == "5 more servers in Retail"
    assert "alice" not in str(facts).lower()


def test_until_a_day_it_falls_back_by_itself_and_what_is_used_shows_as_over(limited):
    until = clock.now() + 30 * DAY
    decide(limited, ask(limited, until=until))
    assert limit_of(limited) == 15
    place_holds(limited.web, {"servers": 14}, key="thing:1")
    assert [asked.amount for asked in asking_more.running_at(limited.web)] == [5]
    with clock.travel(until + timedelta(seconds=1)):
        room = next(iter(room_in(limited.web)))
        assert (room.limit, room.used, room.left) == (10, 14, 0)
        assert asking_more.running_at(limited.web) == []
        with pytest.raises(QuotaExceeded) as refusal:
            place_holds(limited.web, {"servers": 1}, key="thing:2")
    assert refusal.value.extra["missing"] == 5
    assert Hold.objects.count() == 1


def test_two_raises_run_side_by_side_and_each_ends_on_its_own_day(limited):
    first, second = clock.now() + 10 * DAY, clock.now() + 20 * DAY
    decide(limited, ask(limited, 5, until=first))
    decide(limited, ask(limited, 3, until=second))
    seen = [limit_of(limited)]
    for later in (first, second):
        with clock.travel(later + timedelta(seconds=1)):
            seen.append(limit_of(limited))
    assert seen == [18, 13, 10]


def test_denied_or_withdrawn_nothing_changes_and_it_can_be_asked_again(limited):
    denied = ask(limited)
    decide(limited, denied, "deny")
    withdrawn = ask(limited, 6)
    for _again in range(2):
        asking_more.withdraw_quota_ask(withdrawn, actor=limited.actor("alice"))
    assert [denied.state, withdrawn.state, limit_of(limited)] == ["denied", "withdrawn", 10]
    with pytest.raises(NotFound):
        asking_more.withdraw_quota_ask(ask(limited, 7), actor=limited.actor("bob"))


def test_twice_is_once_and_in_other_words_it_is_a_conflict(limited):
    assert ask(limited).pk == ask(limited).pk
    assert QuotaAsk.objects.count() == Approval.objects.count() == 1
    with pytest.raises(Conflict):
        ask(limited, 6)


def test_who_asked_never_decides_and_no_vote_counts_on_a_limit_that_moved(limited):
    give(limited.alice, "approver", limited.retail)
    asked = ask(limited)
    with pytest.raises(Forbidden):
        decide(limited, asked, by="alice")
    approval = Approval.objects.get(subject_id=str(asked.pk))
    shown = card(approval, actor=limited.actor("bob"))
    set_quota(limited.retail, "servers", 40, actor=limited.actor("erin"))
    with pytest.raises(Stale):
        approvals.vote(approval, "approve", shown.hash, actor=limited.actor("bob"))
    decide(limited, asked)
    assert limit_of(limited) == 45


def test_whom_a_quota_binds_may_ask_and_nobody_else(limited):
    set_quota(limited.nordwind, "servers", 100, actor=limited.actor("erin"))
    assert ask(limited, at="nordwind").state == "waiting"
    for name, at in (("alice", "logistics"), ("mallory", "retail"), ("alice", "other_tenant")):
        with pytest.raises(NotFound):
            ask(limited, by=name, at=at)
    narrowed = Actor(limited.alice, Auth("token"), narrowed_to=Narrowing(permissions=frozenset({"view_scope"})))
    with pytest.raises(Forbidden):
        asking_more.ask_quota(limited.retail, "servers", 1, reason="x", actor=narrowed)
    Assignment.objects.filter(user=limited.alice).update(expires=clock.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        ask(limited)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 2**53}, "amount"),
        ({"dimension": "unicorns"}, "dimension"),
        ({"reason": " "}, "reason"),
        ({"reason": "a\x00b"}, "reason"),
        ({"until": timedelta(0)}, "until"),
        ({"until": timedelta(days=367)}, "until"),
    ],
)
def test_bad_values_are_named_and_nothing_is_kept(limited, given, field):
    given = {name: clock.now() + each if name == "until" else each for name, each in given.items()}
    with pytest.raises(Invalid) as error:
        ask(limited, **given)
    assert field in error.value.extra["fields"]
    assert not QuotaAsk.objects.exists()


def test_a_policy_that_allows_raises_it_at_once(limited):
    small = [{"field": "more", "operator": "le", "value": 2}, {"field": "for_good", "operator": "eq", "value": False}]
    rule = {"subject_kind": "quota", "conditions": small, "stages": []}
    approvals.publish_policy(limited.nordwind, "A little", actor=limited.actor("erin"), **rule)
    assert ask(limited, 2, until=clock.now() + DAY).state == "done"
    assert limit_of(limited) == 12
    assert ask(limited, 3, until=clock.now() + DAY).state == "waiting"


def test_a_tenant_lends_to_another_until_a_day_and_has_it_back_after(limited):
    until = clock.now() + 7 * DAY
    asked = ask(limited, 3, lender=limited.logistics, until=until)
    approval = Approval.objects.get(subject_id=str(asked.pk))
    assert approval.scope == limited.logistics
    assert approval.title == "3 servers of Logistics lent to Retail"
    assert card(approval, actor=limited.actor("erin")).facts["lender"] == "Logistics"
    with pytest.raises((Forbidden, NotFound)):
        decide(limited, asked, by="bob")
    decide(limited, asked, by="erin")
    assert (limit_of(limited), limit_of(limited, "logistics")) == (13, 5)
    assert sorted(Event.objects.filter(cause=f"approval:{approval.pk}").values_list("action", flat=True)) == [
        "tenancy.borrow_quota",
        "tenancy.lend_quota",
    ]
    with clock.travel(until + timedelta(seconds=1)):
        assert (limit_of(limited), limit_of(limited, "logistics")) == (10, 8)
    assert [each.pk for each in asking_more.running_at(limited.fleet)] == [asked.pk]


def test_nobody_lends_more_than_is_free(limited):
    place_holds(limited.fleet, {"servers": 6}, key="thing:1")
    until = clock.now() + DAY
    with pytest.raises(Refused):
        ask(limited, 3, lender=limited.logistics, until=until)
    asked = ask(limited, 2, lender=limited.logistics, until=until)
    place_holds(limited.fleet, {"servers": 1}, key="thing:2")
    with pytest.raises(Refused):
        decide(limited, asked, by="erin")
    asked.refresh_from_db()
    assert (asked.state, limit_of(limited), limit_of(limited, "logistics")) == ("waiting", 10, 8)


def test_a_loan_has_an_end_and_comes_from_a_tenant_beside(limited):
    inner = scope("Inner", limited.retail)
    set_quota(inner, "servers", 1, actor=limited.actor("erin"))
    assert asking_more.lenders_for(limited.retail) == [limited.logistics]
    assert asking_more.lenders_for(limited.web) == []
    with pytest.raises(Invalid) as error:
        ask(limited, lender=limited.logistics)
    assert "until" in error.value.extra["fields"]
    for lender in (inner, limited.nordwind, limited.other_tenant):
        with pytest.raises(Invalid) as error:
            ask(limited, lender=lender, until=clock.now() + DAY)
        assert "lender" in error.value.extra["fields"]


def test_an_order_and_a_loan_at_once_never_promise_the_same_servers_twice(fresh_db, limited):
    until = clock.now() + DAY
    asked = ask(limited, 8, lender=limited.logistics, until=until)
    approval = Approval.objects.get(subject_id=str(asked.pk))
    shown = card(approval, actor=limited.actor("erin"))

    def lend():
        approvals.vote(approval, "approve", shown.hash, actor=limited.actor("erin"))

    def take():
        place_holds(limited.fleet, {"servers": 1}, key="thing:1")

    answers = at_once(lend, take)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == 1
    assert limit_of(limited, "logistics") - sum(Hold.objects.values_list("amount", flat=True)) in (0, 7)


def test_spans_add_up_exactly_and_only_while_they_run():
    now = clock.now()
    spans = [span(5, now + DAY), span(Decimal("-2.5000"), now + 2 * DAY)]
    assert [added(spans, at) for at in (now, now + DAY, now + 2 * DAY)] == [Decimal("2.5"), Decimal("-2.5"), 0]
    assert len(running(spans, now + DAY)) == 1
