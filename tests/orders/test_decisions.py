"""Who decides on an order, once, and what each decision leaves: never she who placed it, or for whom it is."""

from datetime import timedelta

import pytest

from portal.access.models import Assignment, Scope
from portal.approvals import services as approvals
from portal.approvals.models import Approval, Vote
from portal.approvals.services import vote
from portal.approvals.tasks import expire
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Refused
from portal.events.models import Event
from portal.notices.models import Notice
from portal.orders.models import Order
from portal.orders.services import withdraw_order
from portal.provisioning.models import Resource
from portal.tenancy.models import Hold
from portal.users.models import User, UserKind
from tests.cast import give, person
from tests.races import at_once

RACERS = 16


def robot_of(market, name):
    """A service account of hers that may decide."""
    robot = User.objects.create(kind_of_user=UserKind.SERVICE, owner=market.world.people[name], username=f"{name}s-robot")
    give(robot, "approver", market.world.retail)
    market.world.people["robot"] = robot


def decide(market, order, choice, who="bob", note=""):
    approval = Approval.objects.get(subject_id=str(order.pk))
    return vote(approval, choice, approval.card_hash, actor=market.world.actor(who), note=note)


def test_who_placed_it_cannot_approve_it(market):
    give(market.world.alice, "approver", market.world.retail)
    order = market.place()
    with pytest.raises(Forbidden):
        market.approve(order, who="alice")
    assert (Order.objects.get().state, Resource.objects.count()) == ("waiting", 0)


def test_nor_can_a_service_account_of_hers(market):
    robot_of(market, "alice")
    order = market.place()
    with pytest.raises(Forbidden):
        market.approve(order, who="robot")
    assert Resource.objects.count() == 0


def test_nor_can_she_approve_what_her_service_account_placed(market):
    robot_of(market, "alice")
    give(market.world.robot, "member", market.world.web)
    give(market.world.alice, "approver", market.world.retail)
    order = market.place(who="robot")
    with pytest.raises(Forbidden):
        market.approve(order, who="alice")
    market.approve(order, who="bob")
    assert Resource.objects.count() == 1


def test_nor_can_whom_it_is_for(market):
    give(person("dora"), "approver", market.world.retail)
    order = market.place(beneficiary=market.world.bob)
    with pytest.raises(Forbidden):
        market.approve(order)
    assert Resource.objects.count() == 0


def test_a_member_without_a_vote_and_another_organization_decide_nothing(market):
    order = market.place()
    with pytest.raises(PortalError):
        market.approve(order, who="dave")
    with pytest.raises(NotFound):
        market.approve(order, who="mallory")
    assert Vote.objects.count() == 0


def test_an_approved_order_goes_to_work_for_whom_it_is(market):
    give(market.world.carol, "member", market.world.web)
    order = market.place(beneficiary=market.world.carol)
    market.approve(order)
    resource = Resource.objects.get()
    assert (Order.objects.get().state, resource.requester, resource.cause) == (
        "working",
        market.world.carol,
        f"order:{order.pk}",
    )


def test_approving_twice_makes_one_resource(market):
    order = market.place()
    market.approve(order)
    market.approve(order)
    assert Resource.objects.count() == 1


def test_a_denial_frees_the_quota_and_tells_her_why(market):
    order = market.place()
    with pytest.raises(Invalid):
        decide(market, order, "deny")
    assert Hold.objects.exists()
    decide(market, order, "deny", note="Use the one you have")
    assert (Order.objects.get().state, Hold.objects.count(), Resource.objects.count()) == ("denied", 0, 0)
    notice = Notice.objects.get(user=market.world.alice, topic="approval_denied")
    assert notice.params["note"] == "Use the one you have"
    with pytest.raises(Conflict):
        decide(market, order, "approve")


def test_she_withdraws_what_waits_and_its_quota_is_free(market):
    order = market.place()
    withdrawn = withdraw_order(order, actor=market.world.actor("alice"))
    assert (withdrawn.state, Hold.objects.count()) == ("withdrawn", 0)
    assert withdraw_order(withdrawn, actor=market.world.actor("alice")).state == "withdrawn"
    with pytest.raises(Conflict):
        market.approve(order)
    assert Event.objects.filter(action="orders.withdrawn").count() == 1


def test_nobody_else_withdraws_it_and_nobody_once_it_is_decided(market):
    order = market.place()
    with pytest.raises(Forbidden):
        withdraw_order(order, actor=market.world.actor("bob"))
    market.approve(order)
    with pytest.raises(Conflict):
        withdraw_order(order, actor=market.world.actor("alice"))
    assert Hold.objects.exists()


def test_nobody_decided_in_time_and_the_quota_is_free(market):
    order = market.place()
    with clock.travel(clock.now() + timedelta(days=60)):
        expire()
        expire()
    order.refresh_from_db()
    assert (order.state, Hold.objects.count()) == ("expired", 0)


def test_a_role_that_expired_orders_and_decides_nothing_from_then_on(market):
    order = market.place()
    Assignment.objects.filter(user__in=[market.world.alice, market.world.bob]).update(expires=clock.now())
    for refused in (
        lambda: market.place(key="k2"),
        lambda: market.approve(order),
        lambda: withdraw_order(order, actor=market.world.actor("alice")),
    ):
        with pytest.raises(NotFound):
            refused()
    assert (Order.objects.get().state, Vote.objects.count()) == ("waiting", 0)


def test_a_cloud_disabled_meanwhile_refuses_the_last_vote_and_keeps_it_waiting(market):
    order = market.place()
    market.aws.state = "disabled"
    market.aws.save()
    with pytest.raises(Refused) as refusal:
        market.approve(order)
    assert "aws-main" in str(refusal.value)
    assert (Order.objects.get().state, Vote.objects.count(), Resource.objects.count()) == ("waiting", 0, 0)
    decide(market, order, "deny", note="That cloud is closed")
    assert Order.objects.get().state == "denied"


def test_a_project_closed_meanwhile_refuses_the_last_vote(market):
    order = market.place()
    Scope.objects.filter(pk=market.world.web.pk).update(state="closed")
    with pytest.raises(Refused):
        market.approve(order)
    assert Resource.objects.count() == 0


def test_a_rule_that_allows_starts_it_at_once_and_is_on_record(market):
    cheap = {"field": "cost_per_month", "operator": "le", "value": "20"}
    approvals.publish_policy(
        market.world.nordwind, "Small", subject_kind="order", conditions=[cheap], stages=[], actor=market.world.actor("erin")
    )
    order = market.place()
    assert (order.state, order.rule, Resource.objects.count()) == ("working", "Small, version 1", 1)
    dear = market.place(market.draft("web-2", disk_gib=500), key="k2")
    assert dear.state == "waiting"


def test_a_working_order_that_was_allowed_cannot_be_withdrawn(market):
    approvals.publish_policy(
        market.world.nordwind, "All", subject_kind="order", conditions=[], stages=[], actor=market.world.actor("erin")
    )
    order = market.place()
    with pytest.raises(Conflict):
        withdraw_order(order, actor=market.world.actor("alice"))


def test_sixteen_approvers_at_once_make_one_server(fresh_db, market):
    for number in range(RACERS):
        market.world.people[f"racer{number}"] = person(f"racer{number}")
        give(market.world.people[f"racer{number}"], "approver", market.world.retail)
    order = market.place()
    answers = at_once(*(lambda n=n: market.approve(order, who=f"racer{n}") for n in range(RACERS)))
    assert sum(isinstance(answer, Approval) for answer in answers) == 1
    assert {type(answer) for answer in answers} == {Approval, Conflict}
    assert (Resource.objects.count(), Event.objects.filter(action="orders.start").count()) == (1, 1)


def test_approving_and_withdrawing_at_once_ends_one_way(fresh_db, market):
    order = market.place()
    at_once(
        lambda: market.approve(order),
        lambda: withdraw_order(order, actor=market.world.actor("alice")),
        lambda: decide(market, order, "deny", note="no"),
    )
    order.refresh_from_db()
    made = {"working": 1, "withdrawn": 0, "denied": 0}[order.state]
    assert Resource.objects.count() == made
    assert Hold.objects.exists() == bool(made)
