"""Sharing where a policy asks: it waits, is given in the name of who asked, and no other way gives it meanwhile."""

from datetime import timedelta

import pytest

from portal.access import resolver
from portal.access.models import Assignment, ScopeShare
from portal.approvals import services as approvals
from portal.approvals.cards import card
from portal.approvals.models import Approval
from portal.approvals.queries import approvals_visible_to
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, PortalError, Refused
from portal.events.models import Event
from portal.provisioning.models import ResourceShare
from portal.tenancy import sharing
from portal.tenancy.models import ShareAsk
from portal.tenancy.share_asking import share_or_ask, waiting_of, waiting_within

DAY = timedelta(days=1)


@pytest.fixture
def until():
    return clock.now() + 14 * DAY


@pytest.fixture
def governed(world):
    """Bob decides on what is shared with people of no role in the organization."""
    rule = [{"field": "is_outside", "operator": "eq", "value": True}]
    stages = [{"who": {"pick": "role", "role": "approver"}}]
    given = {"subject_kind": "share", "conditions": rule, "stages": stages}
    approvals.publish_policy(world.nordwind, "Outside", actor=world.actor("erin"), **given)
    return world


def ask(world, until, who="mallory", permission="view_resource", *, thing=None, by="erin"):
    return share_or_ask(thing or world.web, world.people[who], permission, expires=until, actor=world.actor(by))


def decide(world, choice="approve", *, by="bob"):
    approval = Approval.objects.get(subject_kind="share", state="waiting")
    return approvals.vote(approval, choice, card(approval, actor=world.actor(by)).hash, actor=world.actor(by), note="no")


def may_see(world):
    return resolver.holds(world.actor("mallory"), "view_resource", world.web)


def test_without_a_policy_it_is_shared_at_once(world, until):
    assert isinstance(ask(world, until), ScopeShare)
    assert not Approval.objects.exists()


def test_it_waits_and_is_shared_in_the_name_of_who_asked(governed, until):
    wanted = ask(governed, until)
    assert isinstance(wanted, ShareAsk)
    assert not may_see(governed)
    approval = decide(governed)
    assert may_see(governed)
    made = ScopeShare.objects.get()
    assert (made.granted_by, made.approval, made.expires) == (governed.erin, str(approval.pk), until)
    assert (approval.facts["with"], approval.facts["permission"]) == (str(governed.mallory), "view_resource")
    assert Event.objects.get(action="tenancy.share").cause == f"approval:{approval.pk}"
    wanted.refresh_from_db()
    assert wanted.state == "done"


def test_who_is_of_another_organization_follows_no_decision_of_this_one(governed, until):
    ask(governed, until)
    assert not approvals_visible_to(governed.actor("mallory")).exists()


def test_what_no_policy_speaks_of_is_shared_at_once(governed, until):
    assert isinstance(ask(governed, until, "carol", "view_order"), ScopeShare)


def test_denied_or_withdrawn_nothing_is_shared(governed, until):
    ask(governed, until)
    decide(governed, "deny")
    ask(governed, until)
    approvals.withdraw(Approval.objects.get(state="waiting"), actor=governed.actor("erin"))
    assert list(ShareAsk.objects.order_by("created_at").values_list("state", flat=True)) == ["denied", "withdrawn"]
    assert not may_see(governed)


def test_shared_twice_it_waits_once_and_until_another_day_it_is_a_conflict(governed, until):
    assert ask(governed, until).pk == ask(governed, until).pk
    with pytest.raises(Conflict):
        ask(governed, until + DAY)
    assert Approval.objects.count() == 1


def test_no_other_way_shares_it_meanwhile(governed, until):
    with pytest.raises(Refused):
        sharing.share(governed.web, governed.mallory, "view_resource", expires=until, actor=governed.actor("erin"))
    assert not may_see(governed)


def test_who_may_not_share_may_not_ask_for_it(governed, until):
    for who in ("alice", "bob", "mallory"):
        with pytest.raises(PortalError):
            ask(governed, until, "mallory", by=who)
    with pytest.raises(Forbidden):
        ask(governed, until, permission="view_secret")
    assert not ShareAsk.objects.exists()


def test_who_asked_and_who_gets_it_do_not_decide(governed, until):
    rule = {"subject_kind": "share", "conditions": [], "stages": [{"who": {"pick": "role", "role": "approver"}}]}
    approvals.publish_policy(governed.nordwind, "All", actor=governed.actor("erin"), **rule)
    ask(governed, until, "alice", "view_cost")
    for who in ("erin", "alice"):
        with pytest.raises(PortalError):
            decide(governed, by=who)


def test_it_still_had_to_be_hers_to_share(governed, until):
    ask(governed, until)
    Assignment.objects.filter(user=governed.erin).update(expires=clock.now() - timedelta(seconds=1))
    with pytest.raises(Refused):
        decide(governed)
    assert not may_see(governed)


def test_too_late_or_gone_it_is_refused(governed):
    soon = clock.now() + timedelta(hours=1)
    wanted = ask(governed, soon)
    with clock.travel(soon), pytest.raises(Refused):
        decide(governed)
    ShareAsk.objects.filter(pk=wanted.pk).update(thing_id=wanted.pk)
    with pytest.raises(Refused):
        decide(governed)
    assert not ScopeShare.objects.exists()


def test_a_resource_waits_as_well_and_both_pages_name_it(governed, market, until):
    server = market.active()
    wanted = ask(governed, until, thing=server)
    approval = Approval.objects.get(subject_kind="share")
    erin = governed.actor("erin")
    assert waiting_of(server, actor=erin) == waiting_within(governed.nordwind, actor=erin) == [(wanted, approval)]
    assert waiting_within(governed.fleet, actor=erin) == []
    decide(governed)
    assert ResourceShare.objects.get().content_object == server
    assert waiting_of(server, actor=erin) == []
