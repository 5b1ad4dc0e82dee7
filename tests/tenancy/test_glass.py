"""Break-glass: a role at once, for hours, with everybody told, and two people who look at it afterwards."""

from datetime import timedelta

import pytest

from portal.access.models import Assignment, Role
from portal.access.resolver import permissions_at
from portal.approvals import services as approvals
from portal.approvals.cards import card
from portal.approvals.models import Approval
from portal.approvals.queries import inbox_of
from portal.approvals.timeouts import expire
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.models import Event
from portal.notices.models import Notice
from portal.tenancy import glass
from portal.tenancy.models import BreakGlass
from portal.users.actor import Actor, Auth, Narrowing
from portal.users.models import User, UserKind
from tests.cast import give, person, project

HOUR = timedelta(hours=1)


def role(key):
    return Role.objects.get(key=key, scope=None)


def take(world, *, by="alice", at="fleet", key="operator", hours=2, reason="The fleet stands still."):
    return glass.break_glass(world.scopes[at], role(key), hours=hours, reason=reason, actor=world.actor(by))


def review(world, choice="approve", *, by):
    approval = Approval.objects.get(subject_kind="break_glass")
    shown = card(approval, actor=world.actor(by))
    return approvals.vote(approval, choice, shown.hash, actor=world.actor(by), note="I looked at it.")


def may_operate(world, name="alice"):
    return "operate_resource" in permissions_at(world.actor(name), world.fleet.path)


def test_the_role_holds_at_once_and_ends_by_itself(world):
    assert not may_operate(world)
    taken = take(world)
    assert may_operate(world)
    given = Assignment.objects.get(user=world.alice, scope=world.fleet)
    approval = Approval.objects.get()
    assert (given.source, given.expires, given.approval) == ("approval", taken.expires, str(approval.pk))
    with clock.travel(taken.expires):
        assert not may_operate(world)
        assert not taken.is_running
    event = Event.objects.get(action="tenancy.break_glass")
    assert (event.actor, event.reason, event.detail["role"]) == (world.alice, "The fleet stands still.", "operator")


def test_every_admin_and_approver_of_the_place_is_told_at_once_and_cannot_switch_it_off(world):
    world.people["frank"] = person("frank")
    give(world.frank, "tenant_admin", world.logistics)
    take(world)
    told = Notice.objects.filter(topic="glass_broken")
    assert {notice.user.username for notice in told} == {"carol", "erin", "frank"}
    assert "The fleet stands still." in told.first().body
    assert approvals.Approval.objects.get().title == "Emergency: Operator in fleet"


def test_two_different_people_review_it_and_she_is_none_of_them(world):
    give(world.bob, "approver", world.logistics)
    taken = take(world, by="erin", key="member")
    with pytest.raises(Forbidden):
        review(world, by="erin")
    assert not inbox_of(world.actor("erin")).exists()
    assert review(world, by="bob").state == "waiting"
    assert review(world, by="bob").state == "waiting"
    assert review(world, by="carol").state == "approved"
    taken.refresh_from_db()
    assert taken.finding == "confirmed"
    assert taken.is_running
    assert Event.objects.filter(action="tenancy.break_glass_confirmed").count() == 1


def test_found_wrong_it_ends_at_that_moment(world):
    taken = take(world)
    review(world, "deny", by="carol")
    taken.refresh_from_db()
    assert (taken.finding, taken.is_running, may_operate(world)) == ("wrong", False, False)
    assert not Assignment.objects.filter(user=world.alice, scope=world.fleet).exists()
    assert Event.objects.filter(action="tenancy.break_glass_wrong").exists()
    assert {notice.user.username for notice in Notice.objects.filter(topic="glass_wrong")} >= {"alice", "erin"}


def test_nobody_reviewed_in_time_is_said_and_confirms_nothing(world):
    taken = take(world)
    review(world, by="erin")
    with clock.travel(clock.now() + timedelta(days=30)):
        expire(Approval.objects.get().pk, actor=Actor.system())
    taken.refresh_from_db()
    assert taken.finding == "unreviewed"
    assert Notice.objects.filter(topic="glass_unreviewed", user=world.erin).exists()


def test_a_review_is_not_taken_back(world):
    take(world)
    with pytest.raises(Refused):
        approvals.withdraw(Approval.objects.get(), actor=world.actor("alice"))
    assert Approval.objects.get().state == "waiting"


def test_no_policy_makes_the_review_smaller(world):
    rule = {"subject_kind": "break_glass", "conditions": [], "stages": []}
    approvals.publish_policy(world.nordwind, "Never mind", actor=world.actor("erin"), **rule)
    one = [{"who": {"pick": "role", "role": "finance"}}]
    approvals.publish_policy(world.nordwind, "One is enough", actor=world.actor("erin"), **{**rule, "stages": one})
    take(world)
    review(world, by="carol")
    assert Approval.objects.get().state == "waiting"
    review(world, by="erin")
    assert Approval.objects.get().state == "waiting"
    review(world, by="carol")
    assert Approval.objects.get().state == "approved"


def test_where_not_two_could_review_it_nothing_is_taken(world):
    Assignment.objects.filter(user=world.carol).delete()
    with pytest.raises(Refused):
        take(world)
    assert not BreakGlass.objects.exists()
    assert not Assignment.objects.filter(user=world.alice, scope=world.fleet).exists()


def test_twice_is_once_and_what_she_holds_already_is_not_taken(world):
    assert take(world).pk == take(world, hours=4).pk
    assert Approval.objects.count() == 1
    with pytest.raises(Refused):
        take(world, at="web", key="viewer")
    give(world.alice, "auditor", world.fleet, expires=clock.now() + HOUR / 2)
    Assignment.objects.filter(role__key="auditor").update(source="approval")
    with pytest.raises(Conflict):
        take(world, key="auditor")


def test_she_gives_it_back_and_the_review_goes_on(world):
    taken = take(world)
    for _again in range(2):
        glass.end_break_glass(taken, actor=world.actor("alice"))
    taken.refresh_from_db()
    assert (taken.is_running, may_operate(world)) == (False, False)
    assert Event.objects.filter(action="tenancy.end_break_glass").count() == 1
    review(world, by="carol")
    assert review(world, by="erin").state == "approved"
    with pytest.raises(NotFound):
        glass.end_break_glass(taken, actor=world.actor("erin"))


def test_no_role_that_decides_or_governs_all_is_offered(world):
    offered = {each.key for each in glass.roles_to_take()}
    assert offered == {"tenant_admin", "member", "viewer", "operator", "auditor"}
    own = Role.objects.create(key="own", name="Own", permissions=["view_scope"], scope=world.nordwind)
    for key in ("organization_admin", "approver", "finance"):
        with pytest.raises(Invalid):
            take(world, key=key)
    with pytest.raises(Invalid):
        glass.break_glass(world.fleet, own, hours=1, reason="x", actor=world.actor("alice"))


def test_who_may(world):
    world.people["eve"] = person("eve")
    for name, at in (("eve", "fleet"), ("mallory", "fleet"), ("alice", "other_project")):
        with pytest.raises(NotFound):
            take(world, by=name, at=at)
    robot = User.objects.create(username="robot", kind_of_user=UserKind.SERVICE, owner=world.alice)
    give(robot, "member", world.web)
    narrowed = Actor(world.alice, Auth("token"), narrowed_to=Narrowing(permissions=frozenset({"view_scope"})))
    for actor in (Actor(robot, Auth("token")), narrowed):
        with pytest.raises(Forbidden):
            glass.break_glass(world.fleet, role("operator"), hours=1, reason="x", actor=actor)
    Assignment.objects.filter(user=world.alice).update(expires=clock.now() - HOUR)
    with pytest.raises(NotFound):
        take(world)


@pytest.mark.parametrize("given", [{"hours": 0}, {"hours": 5}, {"hours": -1}, {"reason": "  "}, {"reason": "a" * 2001}])
def test_bad_values_take_nothing(world, given):
    with pytest.raises(Invalid):
        take(world, **given)
    assert not BreakGlass.objects.exists()


def test_a_place_is_named_whole_and_others_are_not_there(world):
    alice = world.actor("alice")
    assert glass.place_named(alice, " fleet ") == world.fleet
    assert glass.place_named(alice, "logistics / FLEET") == world.fleet
    project("web", world.logistics)
    with pytest.raises(Invalid):
        glass.place_named(alice, "web")
    assert glass.place_named(alice, "Nordwind/Retail/web") == world.web
    for words in ("secret", "Elsewhere / secret", "fle", "", "/", "Retail / fleet", "x" * 400, "\x00"):
        with pytest.raises(Invalid):
            glass.place_named(alice, words)
