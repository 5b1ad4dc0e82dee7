"""Nobody changes the rules alone: a policy is in force, or ends, once another agrees, or a day after all were told."""

from datetime import timedelta

import pytest

from portal.approvals import services
from portal.approvals.kinds import kind_named
from portal.approvals.models import Approval, Policy, PolicyChange
from portal.approvals.policies import proposals
from portal.approvals.queries import approval_of, inbox_of
from portal.approvals.replaying import replay
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unavailable
from portal.events.models import Event
from portal.notices.models import Notice
from portal.users.models import User, UserKind
from tests.cast import give, person

APPROVER = {"who": {"pick": "role", "role": "approver"}}
BIG = [{"field": "cost_per_month", "operator": "ge", "value": "100"}]
DAY = timedelta(hours=24)


@pytest.fixture
def two_admins(world):
    world.people["anna"] = person("anna")
    give(world.anna, "organization_admin", world.nordwind)
    return world


def propose(world, who="erin", scope=None, **given):
    rule = {"subject_kind": "order", "conditions": BIG, "stages": [APPROVER], **given}
    return proposals.propose_policy(scope or world.nordwind, rule.pop("name", "Big"), actor=world.actor(who), **rule)


def decide(change, actor, choice="approve"):
    approval = approval_of("policychange", change.pk)
    return services.vote(approval, choice, approval.card_hash, actor=actor, note="No." if choice == "deny" else "")


def state_of(change):
    return PolicyChange.objects.get(pk=change.pk).state


def test_a_policy_is_in_force_once_another_admin_agrees(two_admins):
    world = two_admins
    change = propose(world)
    assert (change.state, Policy.objects.count(), list(inbox_of(world.actor("erin")))) == ("waiting", 0, [])
    assert [approval.subject_id for approval in inbox_of(world.actor("anna"))] == [str(change.pk)]
    decide(change, world.actor("anna"))
    policy = Policy.objects.get()
    assert (policy.name, policy.version, policy.state, policy.made_by) == ("Big", 1, "active", world.erin)
    assert PolicyChange.objects.get().made == policy
    event = Event.objects.get(action="approvals.publish_policy")
    assert (event.actor, event.cause) == (world.anna, f"policychange:{change.pk}")


def test_the_decision_on_a_policy_replays_from_the_record(two_admins):
    change = propose(two_admins)
    decide(change, two_admins.actor("anna"))
    assert [each.fits for each in replay(approval_of("policychange", change.pk))] == [True]


def test_who_proposed_it_does_not_agree_to_it(two_admins):
    change = propose(two_admins)
    with pytest.raises(Forbidden):
        decide(change, two_admins.actor("erin"))
    robot = User.objects.create(kind_of_user=UserKind.SERVICE, owner=two_admins.erin, username="erins-robot")
    give(robot, "organization_admin", two_admins.nordwind)
    two_admins.people["robot"] = robot
    with pytest.raises(Forbidden):
        decide(change, two_admins.actor("robot"))
    assert not Policy.objects.exists()


def test_an_approver_who_is_no_admin_does_not_decide_on_it(two_admins):
    give(two_admins.bob, "approver", two_admins.nordwind)
    with pytest.raises(Forbidden):
        decide(propose(two_admins), two_admins.actor("bob"))


def test_only_who_manages_policies_proposes_and_another_organization_sees_nothing(world):
    for name in ("alice", "bob", "carol", "dave"):
        with pytest.raises((Forbidden, NotFound)):
            propose(world, name)
    with pytest.raises(NotFound):
        propose(world, "mallory")
    assert not PolicyChange.objects.exists()


def test_a_stale_look_at_who_acts_is_not_enough(world):
    actor = world.actor("erin")
    with clock.travel(clock.now() + timedelta(seconds=11)), pytest.raises(Unavailable):
        proposals.propose_policy(world.nordwind, "A", subject_kind="order", conditions=[], stages=[APPROVER], actor=actor)


def test_denied_or_withdrawn_changes_nothing_and_it_can_be_proposed_again(two_admins):
    world = two_admins
    denied = propose(world)
    decide(denied, world.actor("anna"), "deny")
    withdrawn = propose(world)
    proposals.withdraw_change(withdrawn, actor=world.actor("erin"))
    proposals.withdraw_change(withdrawn, actor=world.actor("erin"))
    assert (state_of(denied), state_of(withdrawn), Policy.objects.count()) == ("denied", "withdrawn", 0)
    propose(world)


def test_another_does_not_withdraw_what_waits_for_a_decision(two_admins):
    with pytest.raises(Forbidden):
        proposals.withdraw_change(propose(two_admins), actor=two_admins.actor("anna"))


def test_one_change_of_a_policy_waits_at_a_time(two_admins):
    propose(two_admins)
    with pytest.raises(Conflict):
        propose(two_admins, "anna", conditions=[])


def test_retiring_takes_two_as_well(two_admins):
    world = two_admins
    policy = in_force(world)
    change = proposals.propose_retirement(policy, actor=world.actor("erin"), reason="Too strict.")
    policy.refresh_from_db()
    assert policy.state == "active"
    decide(change, world.actor("anna"))
    policy.refresh_from_db()
    assert (policy.state, state_of(change)) == ("retired", "done")
    with pytest.raises(Conflict):
        proposals.propose_retirement(policy, actor=world.actor("erin"))


def in_force(world, name="Big", **given):
    rule = {"subject_kind": "order", "conditions": BIG, "stages": [APPROVER], **given}
    return services.publish_policy(world.nordwind, name, actor=world.actor("erin"), **rule)


def test_what_changed_meanwhile_is_not_overwritten(two_admins):
    world = two_admins
    in_force(world)
    change = propose(world, conditions=[])
    in_force(world, stages=[{"who": {"pick": "admins"}}])
    with pytest.raises(Refused):
        decide(change, world.actor("anna"))
    assert Policy.objects.get(state="active").version == 2


def test_a_version_made_from_an_old_one_is_refused(two_admins):
    old = in_force(two_admins)
    in_force(two_admins, conditions=[])
    with pytest.raises(Conflict):
        propose(two_admins, stages=[], seen=old.version)


def test_what_is_in_force_already_is_not_proposed(two_admins):
    in_force(two_admins)
    with pytest.raises(Invalid):
        propose(two_admins)


def test_who_is_alone_waits_a_day_in_sight_of_all(world):
    """DESIGN section 8: a sole admin may change a policy after 24 hours and a notice to all."""
    change = propose(world)
    assert (change.state, change.alone_from is not None, Approval.objects.count()) == ("waiting", True, 0)
    assert set(Notice.objects.filter(topic="policy_alone").values_list("user", flat=True)) == {world.carol.pk}
    with clock.travel(change.alone_from - timedelta(seconds=1)), pytest.raises(Conflict):
        proposals.put_through(change, actor=world.actor("erin"))
    assert not Policy.objects.exists()
    with clock.travel(change.alone_from):
        proposals.put_through(change, actor=world.actor("erin"))
        with pytest.raises(Conflict):
            proposals.put_through(change, actor=world.actor("erin"))
    assert (Policy.objects.get().name, state_of(change)) == ("Big", "done")
    assert Event.objects.filter(action="approvals.put_through_policy").count() == 1


def test_who_is_not_alone_any_more_is_not_let_through(world):
    change = propose(world)
    give(world.carol, "organization_admin", world.nordwind)
    with clock.travel(change.alone_from):
        asked = proposals.put_through(change, actor=world.actor("erin"))
        assert (asked.state, asked.alone_from, Policy.objects.count()) == ("waiting", None, 0)
        decide(change, world.actor("carol"))
    assert Policy.objects.count() == 1


def test_what_stands_in_sight_can_be_withdrawn(world):
    change = propose(world)
    assert proposals.withdraw_change(change, actor=world.actor("erin")).state == "withdrawn"
    with clock.travel(change.alone_from), pytest.raises(Conflict):
        proposals.put_through(change, actor=world.actor("erin"))


def test_who_is_alone_in_a_tenant_asks_the_admins_above(world):
    """An admin of a tenant is not alone: those of the organization decide."""
    give(world.carol, "organization_admin", world.retail)
    change = propose(world, "carol", world.retail)
    assert change.alone_from is None
    decide(change, world.actor("erin"))
    assert Policy.objects.get().scope == world.retail


def test_no_policy_can_take_the_second_pair_of_eyes_away(world):
    with pytest.raises(Invalid):
        propose(world, name="Free", subject_kind="policychange", conditions=[], stages=[])
    with pytest.raises(Invalid):
        in_force(world, name="Free", subject_kind="policychange", conditions=[], stages=[])


def test_a_policy_about_policies_says_who_decides(two_admins):
    world = two_admins
    give(world.bob, "approver", world.nordwind)
    in_force(world, name="Eyes", subject_kind="policychange", conditions=[], stages=[APPROVER])
    change = propose(world)
    decide(change, world.actor("bob"))
    assert state_of(change) == "done"


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"subject_kind": "nothing"}, "subject_kind"),
        ({"name": "  "}, "name"),
        ({"name": "n" * 121}, "name"),
        ({"conditions": "all"}, "rule"),
        ({"conditions": [{"field": "cost_per_month", "operator": "ge", "value": "much"}]}, "rule"),
        ({"conditions": [{"field": "moon", "operator": "eq", "value": "full"}]}, "conditions-0"),
        ({"conditions": [{"field": "budget", "operator": "eq", "value": "empty"}]}, "conditions-0"),
        ({"conditions": [{"field": "cost_per_month", "operator": "has", "value": "1"}]}, "conditions-0"),
        ({"conditions": [{"field": "environment", "operator": "eq", "value": {"a": 1}}]}, "conditions-0"),
        ({"conditions": BIG * 21}, "conditions"),
        ({"stages": [{"who": {"pick": "role", "role": "emperor"}}]}, "stages-0"),
        ({"stages": [{"who": {"pick": "group", "group": "00000000-0000-0000-0000-000000000000"}}]}, "stages-0"),
        ({"stages": [{"who": {"pick": "admins", "at": "00000000-0000-0000-0000-000000000000"}}]}, "stages-0"),
        ({"stages": [{"who": {"pick": "moon"}}]}, "rule"),
        ({"stages": [{"who": {"pick": "admins"}, "due_hours": 0}]}, "rule"),
        ({"stages": [{"who": {"pick": "admins"}, "mode": ["any"]}]}, "rule"),
    ],
)
def test_a_rule_that_cannot_be_says_where(world, given, where):
    with pytest.raises(Invalid) as refused:
        propose(world, **given)
    assert where in refused.value.extra["fields"]
    assert not PolicyChange.objects.exists()


def test_people_of_elsewhere_are_not_named(world):
    with pytest.raises(Invalid):
        propose(world, stages=[{"who": {"pick": "named", "people": [str(world.mallory.pk)]}}])
    propose(world, stages=[{"who": {"pick": "named", "people": [str(world.bob.pk)]}}])


def test_the_facts_are_the_rule_itself(two_admins):
    in_force(two_admins)
    change = propose(two_admins, stages=[])
    facts = kind_named("policychange").facts(change)
    assert (facts["change"], facts["allows"], facts["version"]) == ("publish", True, 1)
    assert facts["was"]["stages"][0]["who"]["role"] == "approver"
    assert facts["becomes"] == {"conditions": BIG, "stages": []}
