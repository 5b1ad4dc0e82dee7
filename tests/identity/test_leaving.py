"""Letting somebody leave: what is hers goes to others first, then her access ends; nothing is left without an owner."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.access.models import Assignment, Scope, ScopeShare
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unavailable
from portal.events.models import Event
from portal.identity import leaving, people
from portal.identity.heirs import Choice
from portal.identity.models import HandOver, Leaving
from portal.identity.service_accounts import create_service_account
from portal.identity.tokens import actor_by_token, create_token
from portal.notices.models import Notice
from portal.provisioning.models import Resource
from portal.tenancy.belongings import belongings
from portal.tenancy.sharing import share
from portal.users.actor import NEVER, Actor
from portal.users.models import User
from tests.cast import give, person, project


@pytest.fixture(autouse=True)
def dan(world):
    """Another member of the project, whom things may go to."""
    world.people["dan"] = person("dan")
    give(world.dan, "member", world.web)
    return world.dan


@pytest.fixture
def hers(market, world):
    """A resource, a waiting order and a project of alice's, and a service account with a living token."""
    market.active("web-1", key="made")
    market.place(market.draft("web-2"), key="open")
    Scope.objects.filter(pk=world.web.pk).update(owner=world.alice)
    give(world.alice, "tenant_admin", world.retail)
    robot = create_service_account(world.web, "robot", actor=world.actor("alice")).user
    give(robot, "viewer", world.web)
    tomorrow = clock.now() + timedelta(days=1)
    return create_token(name="t", expires=tomorrow, actor=world.actor("alice"), user=robot)[1]


def to(user, **more):
    return Choice(default=str(user.pk), **more)


def go(world, name="alice", by="erin", heirs=None, reason="She left.", at=None, **more):
    chosen = heirs or to(world.dan)
    return leaving.leave(world.people[name], at or world.nordwind, chosen, actor=world.actor(by), reason=reason, **more)


def plan(world, heirs=None, name="alice"):
    return leaving.plan_leaving(world.people[name], world.nordwind, heirs or Choice(), actor=world.actor("erin"))


def what_is_left(world, user, within=None):
    return [thing for each in belongings() for thing in each.of_person(user, within=within or world.nordwind)]


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "mallory"])
def test_only_who_manages_the_organizations_people_lets_somebody_leave(world, name):
    other = "alice" if name != "alice" else "bob"
    with pytest.raises((Forbidden, NotFound)):
        leaving.plan_leaving(world.people[other], world.nordwind, Choice(), actor=world.actor(name))
    with pytest.raises((Forbidden, NotFound)):
        go(world, other, by=name)
    assert not Leaving.objects.exists()


def test_nobody_lets_herself_leave_nor_the_last_admin_go(world):
    with pytest.raises(Forbidden):
        go(world, "erin")
    give(world.bob, "organization_admin", world.nordwind)
    go(world, "erin", by="bob", heirs=to(world.bob))
    with pytest.raises(Conflict, match="last organization admin"):
        leaving.leave(world.bob, world.nordwind, Choice(), actor=Actor.system(), reason="by command")
    assert User.objects.get(pk=world.bob.pk).is_active


def test_who_was_not_looked_at_again_and_a_tenant_are_refused(world):
    stale = Actor(world.erin, world.actor("erin").auth, checked_at=NEVER)
    with pytest.raises(Unavailable):
        leaving.leave(world.alice, world.nordwind, Choice(), actor=stale, reason="x")
    with pytest.raises(Invalid):
        go(world, at=world.retail)
    with pytest.raises(Invalid):
        go(world, reason=" ")


def test_everything_of_hers_is_anothers_and_nothing_she_held_opens_anything(hers, world):
    found = plan(world, to(world.dan))
    assert {each.name: each.count for each in found.holdings} == {"scope": 1, "resource": 1, "order": 1, "account": 1}
    assert not found.refused
    done = go(world)
    assert done.state == "done"
    assert not what_is_left(world, world.alice)
    assert len(what_is_left(world, world.dan)) == 4
    assert not User.objects.get(pk=world.alice.pk).is_active
    assert actor_by_token(hers, address="", correlation_id="").person_id == world.dan.pk
    assert not people.roles_in_force(world.alice)
    assert world.alice in people.people_managed_by(world.actor("erin"))
    assert set(HandOver.objects.values_list("to", flat=True)) == {world.dan.pk}


def test_the_event_names_counts_and_the_heir_is_told_once(hers, world):
    go(world)
    event = Event.objects.get(action="identity.leave")
    assert (event.detail["handed_over"], event.detail["left"], event.reason) == (4, 0, "She left.")
    assert event.detail["counts"]["resource"] == 1
    assert event.scope_path == world.nordwind.scope_path
    told = Notice.objects.get(user=world.dan, topic="handed_over")
    assert told.title == "Handed over to you in Nordwind: 4"


def test_each_kind_and_each_thing_can_have_an_heir_of_its_own(hers, market, world):
    second = market.active("web-3", key="third")
    give(world.bob, "viewer", world.web)
    things = {f"resource:{second.pk}": str(world.bob.pk)}
    go(world, heirs=Choice(str(world.erin.pk), {"resource": str(world.dan.pk)}, things))
    owners = dict(Resource.objects.values_list("name", "requester__username"))
    assert owners == {"web-1": "dan", "web-3": "bob"}
    assert Scope.objects.get(pk=world.web.pk).owner == world.erin


def test_without_a_choice_things_go_to_the_owner_of_their_place_or_the_nearest_admin(hers, world):
    found = plan(world)
    assert {move.to for move in found.moves} == {world.erin}
    Scope.objects.filter(pk=world.retail.pk).update(owner=world.bob)
    assert {move.belonging.name: move.to for move in plan(world).moves} == {
        "scope": world.bob, "resource": world.bob, "order": world.erin, "account": world.bob,
    }  # fmt: skip


@pytest.mark.parametrize("why", ["disabled", "stranger", "herself", "robot"])
def test_who_cannot_answer_for_a_thing_is_refused_with_words_and_nothing_is_done(hers, world, why):
    if why == "disabled":
        User.objects.filter(pk=world.dan.pk).update(is_active=False)
    robot = User.objects.get(username__startswith="robot")
    heir = {"disabled": world.dan, "stranger": world.mallory, "herself": world.alice, "robot": robot}[why]
    assert all(move.why for move in plan(world, to(heir)).moves)
    with pytest.raises(Refused) as refused:
        go(world, heirs=to(heir))
    assert len(refused.value.extra["things"]) == 4
    assert User.objects.get(pk=world.alice.pk).is_active
    assert len(what_is_left(world, world.alice)) == 4
    assert not Leaving.objects.exists()


@pytest.mark.parametrize(
    "data", [[], {"default": "x"}, {"kinds": {"cow": "owner"}}, {"things": {"a": "b"}}, {"kinds": "x"}, None]
)
def test_a_choice_that_cannot_be_read_is_said(data):
    with pytest.raises(Invalid):
        Choice.read(data)


def test_the_second_click_changes_nothing(hers, world):
    first = go(world)
    assert go(world) == first
    assert Event.objects.filter(action="identity.leave").count() == 1
    leaving.carry_out(first.pk)
    assert Event.objects.filter(action="identity.leave").count() == 1


def test_of_two_organizations_she_leaves_one_and_keeps_her_account(hers, world):
    give(world.alice, "viewer", world.other_project)
    expires = clock.now() + timedelta(days=1)
    share(world.fleet, world.alice, "view_scope", expires=expires, actor=Actor.system())
    done = go(world)
    assert done.ended["disabled"] is False
    assert User.objects.get(pk=world.alice.pk).is_active
    assert [role.scope for role in people.roles_in_force(world.alice)] == [world.other_project]
    assert not ScopeShare.objects.exists()
    assert not what_is_left(world, world.alice)


def test_what_is_anothers_organizations_is_not_touched(hers, world):
    secret = Scope.objects.get(pk=world.other_project.pk)
    secret.owner = world.alice
    secret.save()
    go(world)
    assert what_is_left(world, world.alice, world.other) == [secret]


def tomorrow(world):
    return clock.now().astimezone(ZoneInfo(world.nordwind.zone)).date() + timedelta(days=1)


def planned(world, **more):
    Scope.objects.filter(pk=world.nordwind.pk).update(zone="Europe/Berlin")
    world.scopes["nordwind"] = Scope.objects.get(pk=world.nordwind.pk)
    return go(world, on=tomorrow(world), **more)


def run(found, after=timedelta(minutes=1)):
    with clock.travel(found.due_at + after):
        for pk in leaving.due(clock.now()):
            leaving.carry_out(pk)
    return Leaving.objects.get(pk=found.pk)


def test_a_planned_leave_waits_for_its_morning_in_the_organizations_zone(hers, world):
    found = planned(world)
    at = found.due_at.astimezone(ZoneInfo("Europe/Berlin"))
    assert (at.hour, at.date()) == (6, tomorrow(world))
    assert run(found, timedelta(minutes=-1)).state == "planned"
    assert User.objects.get(pk=world.alice.pk).is_active
    assert run(found).state == "done"
    assert not User.objects.get(pk=world.alice.pk).is_active
    assert not what_is_left(world, world.alice)
    run(found)
    assert Event.objects.filter(action="identity.leave").count() == 1


@pytest.mark.parametrize("days", [0, -3, 400])
def test_a_day_that_is_over_or_far_off_is_refused(world, days):
    with pytest.raises(Invalid):
        go(world, on=tomorrow(world) + timedelta(days=days - 1))
    assert not Leaving.objects.exists()


def test_what_came_up_since_goes_to_the_default_heir(hers, market, world):
    found = planned(world)
    market.active("web-9", key="late")
    run(found)
    assert Resource.objects.get(name="web-9").requester == world.dan


def test_an_heir_who_left_first_is_stood_in_for_by_an_admin(hers, world):
    found = planned(world)
    User.objects.filter(pk=world.dan.pk).update(is_active=False)
    assert run(found).state == "done"
    assert set(HandOver.objects.values_list("to", flat=True)) == {world.erin.pk}


def test_what_nobody_can_take_is_listed_and_told_and_her_access_ends_all_the_same(market, world):
    market.place(market.draft("web-7"), key="x", beneficiary=world.erin)  # so the admin may not decide on it
    found = go(world, "bob", heirs=to(world.carol), on=tomorrow(world))
    Assignment.objects.filter(user=world.carol).delete()
    assert run(found).state == "done"
    assert not User.objects.get(pk=world.bob.pk).is_active
    row = HandOver.objects.get()
    assert (row.thing_label, row.to) == ("Linux server, web-7", None)
    assert "Carol Test has no role" in row.why
    told = Notice.objects.get(user=world.erin, topic="left_without_owner")
    assert told.title == "Left without an owner in Nordwind: 1"
    assert Event.objects.get(action="identity.leave").detail["left"] == 1


def test_the_last_admin_stays_on_her_day_and_why_is_kept(world):
    give(world.bob, "organization_admin", world.nordwind)
    found = go(world, "erin", by="bob", heirs=to(world.bob), on=tomorrow(world))
    Assignment.objects.filter(user=world.bob).delete()
    stopped = run(found)
    assert stopped.state == "planned"
    assert "last organization admin" in stopped.error
    assert User.objects.get(pk=world.erin.pk).is_active
    give(world.bob, "organization_admin", world.nordwind)
    assert run(found).state == "done"


def test_a_planned_leave_is_changed_and_called_off(hers, world):
    found = planned(world)
    later = tomorrow(world) + timedelta(days=5)
    again = go(world, heirs=to(world.carol), on=later, reason="Later.")
    assert again.pk == found.pk
    assert again.due_at > found.due_at
    with pytest.raises((Forbidden, NotFound)):
        leaving.call_off(again, actor=world.actor("bob"))
    for _click in range(2):
        leaving.call_off(again, actor=world.actor("erin"))
    assert run(again).state == "cancelled"
    assert User.objects.get(pk=world.alice.pk).is_active
    assert Event.objects.filter(action="identity.call_off_leave").count() == 1


def test_a_leave_that_was_carried_out_is_not_called_off(world):
    done = go(world)
    with pytest.raises(Conflict):
        leaving.call_off(done, actor=world.actor("erin"))


def test_a_crash_half_way_leaves_nothing_half_done(hers, world, monkeypatch):
    found = planned(world)

    def crash(*_given, **_named):
        raise SystemExit

    with monkeypatch.context() as patched, clock.travel(found.due_at):
        patched.setattr(leaving.people, "disable_person", crash)
        with pytest.raises(SystemExit):
            leaving.carry_out(found.pk)
    assert len(what_is_left(world, world.alice)) == 4
    assert run(found).state == "done"


def test_a_thousand_things_are_planned_in_few_statements_and_handed_over(market, world):
    one = market.active("web-1", key="made")
    rows = [
        Resource(
            project=one.project, connection=one.connection, region=one.region, capability="compute", version=one.version,
            plan=one.plan, name=f"web-{number}", requester=world.alice, state="running",
        )
        for number in range(2, 1001)
    ]  # fmt: skip
    Resource.objects.bulk_create(rows)
    with CaptureQueriesContext(connection) as queries:
        assert plan(world).count == 1000
    assert len(queries) < 60
    found = go(world)
    assert found.state == "planned"
    leaving.carry_out(found.pk)
    assert Leaving.objects.get().state == "done"
    assert not what_is_left(world, world.alice)


def test_more_than_a_request_takes_is_left_to_a_worker(market, world, monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setattr(leaving, "AT_ONCE", 0)
    market.active("web-1", key="made")
    found = go(world)
    assert found.state == "planned"
    leaving.carry_out(found.pk)
    assert Leaving.objects.get().state == "done"


def test_a_project_of_hers_in_a_closed_tenant_and_a_gone_resource_move_nowhere(market, world):
    old = project("old", world.retail)
    Scope.objects.filter(pk=old.pk).update(owner=world.alice, state="closed")
    market.active("web-1", key="made")
    Resource.objects.update(state="gone")
    assert not plan(world).count
    assert go(world).state == "done"
