"""An operation that a policy asks about: it waits once, is done once, and no other way does it meanwhile."""

from datetime import timedelta

import pytest

from portal.access.models import Assignment
from portal.approvals import services as approvals
from portal.approvals.cards import card
from portal.approvals.models import Approval
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, PortalError, Refused
from portal.events.models import Event
from portal.orders.drafts import ItemDraft
from portal.provisioning.models import OperationAsk, Resource, Step
from portal.provisioning.operating import operate_or_ask, waiting_on
from portal.provisioning.reconcile import reconcile
from portal.provisioning.services import operate
from portal.users.actor import Actor
from tests.races import at_once


@pytest.fixture
def governed(market, running):
    """Bob decides on every stop and restart."""
    rule = [{"field": "action", "operator": "in", "value": ["stop", "restart"]}]
    stages = [{"who": {"pick": "role", "role": "approver"}}]
    given = {"subject_kind": "operation", "conditions": rule, "stages": stages}
    approvals.publish_policy(market.world.nordwind, "Stops", actor=market.world.actor("erin"), **given)
    return market.world


@pytest.fixture
def act(market, running):
    return lambda verb, who="alice": operate_or_ask(running, verb, actor=market.world.actor(who))


def decide(world, choice="approve", *, by="bob"):
    approval = Approval.objects.get(subject_kind="operation", state="waiting")
    return approvals.vote(approval, choice, card(approval, actor=world.actor(by)).hash, actor=world.actor(by), note="no")


def desired():
    return Resource.objects.get().desired


def work(running, cloud):
    reconcile(running.pk)
    return [verb for verb, _ in cloud.calls]


def test_without_a_policy_it_is_done_at_once(running, cloud, act):
    assert isinstance(act("stop"), Resource)
    assert not Approval.objects.filter(subject_kind="operation").exists()
    assert work(running, cloud) == ["stop"]


def test_it_waits_and_is_done_once_when_it_is_approved(governed, running, cloud, act):
    ask = act("stop")
    assert isinstance(ask, OperationAsk)
    assert (desired(), work(running, cloud)) == ("running", [])
    approval = decide(governed)
    assert approval.facts["action"] == "stop"
    assert (approval.facts["resource"], approval.facts["region"]) == (running.name, running.region)
    assert (approval.risk, desired()) == ("medium", "stopped")
    assert work(running, cloud) == ["stop"]
    assert Event.objects.get(action="provisioning.ask_stop").cause == f"approval:{approval.pk}"
    ask.refresh_from_db()
    assert ask.state == "done"


def test_a_restart_is_asked_of_the_cloud_in_the_name_of_who_wanted_it(governed, running, cloud, act):
    act("restart")
    decide(governed)
    assert Step.objects.get(verb="restart").asked_by == governed.alice
    assert work(running, cloud) == ["restart"]


def test_what_no_policy_speaks_of_is_done_at_once_and_what_is_so_already_asks_nobody(governed, act):
    assert isinstance(act("start"), Resource)
    Resource.objects.update(state="stopped", desired="stopped")
    assert isinstance(act("stop"), Resource)
    assert isinstance(act("start"), Resource)
    assert not OperationAsk.objects.exists()


def test_denied_or_withdrawn_nothing_is_done(governed, running, cloud, act):
    act("stop")
    decide(governed, "deny")
    act("stop")
    approvals.withdraw(Approval.objects.get(subject_kind="operation", state="waiting"), actor=governed.actor("alice"))
    assert list(OperationAsk.objects.order_by("created_at").values_list("state", flat=True)) == ["denied", "withdrawn"]
    assert (desired(), work(running, cloud)) == ("running", [])


def test_asked_twice_it_is_the_same_approval(governed, running, act):
    assert act("stop").pk == act("stop").pk
    assert act("restart").pk != act("stop").pk
    assert Approval.objects.filter(subject_kind="operation").count() == 2


def test_asked_twice_at_once_it_is_the_same_approval(fresh_db, governed, act):
    first, second = at_once(lambda: act("stop"), lambda: act("stop"))
    assert first.pk == second.pk
    assert Approval.objects.filter(subject_kind="operation").count() == 1


def test_no_other_way_does_it_meanwhile_and_the_system_is_not_asked(governed, running):
    with pytest.raises(Refused):
        operate(running, "stop", actor=governed.actor("alice"))
    assert desired() == "running"
    assert isinstance(operate_or_ask(running, "stop", actor=Actor.system()), Resource)
    assert desired() == "stopped"


def test_who_may_not_do_it_may_not_ask_for_it(governed, act):
    with pytest.raises(Forbidden):
        act("stop", who="bob")
    with pytest.raises(PortalError):
        act("stop", who="mallory")
    assert not OperationAsk.objects.exists()


def test_who_asked_does_not_decide(governed, act):
    act("stop")
    with pytest.raises(PortalError):
        decide(governed, by="alice")
    assert desired() == "running"


def test_it_still_had_to_be_hers(governed, act):
    act("stop")
    Assignment.objects.filter(user=governed.alice).update(expires=clock.now() - timedelta(seconds=1))
    with pytest.raises(Refused):
        decide(governed)
    assert desired() == "running"


def test_what_is_to_end_is_not_operated_and_can_be_denied(market, governed, running, act):
    act("stop")
    market.approve(market.place(ItemDraft(action="terminate", resource_id=running.pk), key="end"))
    with pytest.raises(Refused):
        decide(governed)
    assert desired() == "gone"
    decide(governed, "deny")
    assert OperationAsk.objects.get().state == "denied"


def test_what_does_not_fit_any_more_undoes_the_vote(governed, running, act):
    act("restart")
    Resource.objects.filter(pk=running.pk).update(state="stopped", desired="stopped")
    with pytest.raises(Conflict):
        decide(governed)
    assert Approval.objects.get(subject_kind="operation").state == "waiting"
    assert OperationAsk.objects.get().state == "waiting"


def test_what_waits_is_named_and_its_decision_only_to_who_may_see_it(governed, running, act):
    ask = act("stop")
    approval = Approval.objects.get(subject_kind="operation")
    assert waiting_on(running, actor=governed.actor("alice")) == [(ask, approval)]
    assert waiting_on(running, actor=governed.actor("mallory")) == [(ask, None)]
