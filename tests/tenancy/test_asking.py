"""Asking for a project or to join one: who may, who decides, what comes of it, and when a project's day comes."""

from datetime import date, timedelta

import pytest

from portal.access.models import Assignment, Role, Scope
from portal.access.resolver import permissions_at
from portal.approvals import services as approvals
from portal.approvals.cards import card
from portal.approvals.models import Approval
from portal.approvals.queries import inbox_of
from portal.approvals.timeouts import expire
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Refused
from portal.events.models import Event
from portal.notices.models import Notice
from portal.tenancy import asking, project_ends, services, tasks
from portal.tenancy.models import JoinAsk, ProjectAsk, ProjectEnd
from portal.users.actor import Actor, Auth, Narrowing
from portal.users.models import User, UserKind
from tests.cast import give, person
from tests.races import at_once


def role(key):
    return Role.objects.get(key=key, scope=None)


def in_days(days):
    return clock.now().date() + timedelta(days=days)


def ask_for(world, name="shop", *, by="alice", at="retail", **more):
    given = {"purpose": "Sell more.", "ends": in_days(90), **more}
    return asking.ask_project(world.scopes[at], name, actor=world.actor(by), **given)


def join(world, *, by="alice", at="fleet", key="member", **more):
    return asking.ask_to_join(world.scopes[at], role(key), reason="I help out.", actor=world.actor(by), **more)


def decide(world, ask, choice="approve", *, by="bob", note="no"):
    approval = Approval.objects.get(subject_id=str(ask.pk))
    shown = card(approval, actor=world.actor(by))
    approvals.vote(approval, choice, shown.hash, actor=world.actor(by), note=note)
    ask.refresh_from_db()
    return approval


def test_what_she_asks_for_becomes_a_project_of_hers(world):
    ask = ask_for(world, "  Web   shop ", cost_centre="4711", environment="produce", data_class="internal")
    assert (ask.name, ask.state, ask.project) == ("Web shop", "waiting", None)
    assert Notice.objects.filter(user=world.bob, topic="vote_needed").count() == 1
    approval = decide(world, ask)
    project = ask.project
    assert (ask.state, project.parent, project.owner) == ("done", world.retail, world.alice)
    assert (project.cost_centre, project.environment, project.data_class) == ("4711", "produce", "internal")
    given = Assignment.objects.get(scope=project)
    assert (given.user, given.role.key, given.source, given.approval) == (world.alice, "member", "approval", str(approval.pk))
    assert "place_order" in permissions_at(world.actor("alice"), project.path)
    end = ProjectEnd.objects.get(project=project)
    assert (end.ends, end.purpose) == (in_days(90), "Sell more.")
    made = Event.objects.get(action="tenancy.create_project")
    assert (made.cause, made.auth["method"]) == (f"approval:{approval.pk}", "system")


def test_the_card_says_what_is_decided_and_names_no_person(world):
    ask = ask_for(world, environment="produce")
    approval = Approval.objects.get()
    assert approval.title == "Project shop"
    facts = card(approval, actor=world.actor("bob")).facts
    assert facts["name"] == "shop"
    assert facts["purpose"] == "Sell more."
    assert facts["project_environment"] == "produce"
    assert facts["ends"] == ask.ends.isoformat()


def test_who_asks_and_for_whom_it_is_never_decides(world):
    give(world.alice, "approver", world.retail)
    give(world.carol, "approver", world.retail)
    ask = ask_for(world, owner=world.carol)
    for name in ("alice", "carol"):
        with pytest.raises(Forbidden):
            decide(world, ask, by=name)
        assert not inbox_of(world.actor(name)).exists()
    decide(world, ask)
    assert (ask.project.owner, ask.asked_by) == (world.carol, world.alice)
    assert Assignment.objects.get(scope=ask.project).user == world.carol


def test_denied_withdrawn_or_expired_nothing_is_made(world):
    denied, withdrawn, expired = (ask_for(world, name) for name in ("one", "two", "three"))
    decide(world, denied, "deny")
    for _again in range(2):
        asking.withdraw_ask(withdrawn, actor=world.actor("alice"))
    with clock.travel(clock.now() + timedelta(days=30)):
        expire(Approval.objects.get(subject_id=str(expired.pk)).pk, actor=Actor.system())
    expired.refresh_from_db()
    assert [ask.state for ask in (denied, withdrawn, expired)] == ["denied", "withdrawn", "expired"]
    assert not Scope.objects.filter(name__in=["one", "two", "three"]).exists()
    with pytest.raises(Conflict):
        asking.withdraw_ask(denied, actor=world.actor("alice"))
    assert ask_for(world, "one").pk != denied.pk


def test_where_no_approver_is_the_admins_above_decide(world):
    ask = ask_for(world, by="carol", at="logistics")
    with pytest.raises(PortalError):
        decide(world, ask)
    decide(world, ask, by="erin")
    assert ask.state == "done"


def test_where_nobody_could_ever_decide_it_is_said_at_once_and_nothing_waits(world):
    for act in (
        lambda: ask_for(world, by="erin", at="logistics"),
        lambda: ask_for(world, by="carol", at="logistics", owner=world.erin),
    ):
        with pytest.raises(Refused):
            act()
    assert not ProjectAsk.objects.exists()
    assert not Approval.objects.exists()


def test_a_policy_that_allows_makes_it_at_once(world):
    cheap = {"field": "project_environment", "operator": "eq", "value": "try"}
    facts = {"subject_kind": "project", "conditions": [cheap], "stages": []}
    approvals.publish_policy(world.nordwind, "Tests", actor=world.actor("erin"), **facts)
    assert ask_for(world, environment="try").project.name == "shop"
    assert ask_for(world, "other", environment="produce").state == "waiting"


def test_she_asks_in_tenants_near_what_she_sees_alone(world):
    assert list(asking.tenants_to_ask_in(world.actor("alice"))) == [world.retail]
    assert [str(tenant) for tenant in asking.tenants_to_ask_in(world.actor("carol"))] == ["Logistics", "Retail"]
    world.people["eve"] = person("eve")
    assert not asking.tenants_to_ask_in(world.actor("eve")).exists()
    for name, where in (("alice", "logistics"), ("alice", "other_tenant"), ("eve", "retail"), ("mallory", "retail")):
        with pytest.raises(NotFound):
            ask_for(world, by=name, at=where)
    for where in ("nordwind", "web"):
        with pytest.raises(NotFound):
            ask_for(world, by="erin", at=where)


def test_a_role_that_has_ended_asks_for_nothing(world):
    Assignment.objects.filter(user=world.alice).update(expires=clock.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        ask_for(world)
    with pytest.raises(NotFound):
        join(world)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "WEB"}, "name"),
        ({"purpose": "  "}, "purpose"),
        ({"purpose": "x" * 2001}, "purpose"),
        ({"purpose": "a\x00b"}, "purpose"),
        ({"ends": date(2020, 1, 1)}, "ends"),
        ({"ends": date.max}, "ends"),
        ({"cost_centre": "x" * 41}, "cost_centre"),
        ({"environment": "x" * 21}, "environment"),
        ({"data_class": "a\x00"}, "data_class"),
        ({"owner": "mallory"}, "owner"),
        ({"owner": "robot"}, "owner"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_nothing_waits(world, change, field):
    world.people["robot"] = User.objects.create(username="robot", kind_of_user=UserKind.SERVICE, owner=world.alice)
    change = {key: world.people[value] if key == "owner" else value for key, value in change.items()}
    with pytest.raises(Invalid) as refused:
        ask_for(world, change.pop("name", "shop"), **change)
    assert list(refused.value.extra["fields"]) == [field]
    assert not Approval.objects.exists()


def test_the_same_asked_twice_is_one_ask(world):
    first = ask_for(world)
    assert ask_for(world, " SHOP").pk == first.pk
    assert join(world).pk == join(world).pk
    assert Approval.objects.count() == 2


def test_asked_otherwise_while_it_waits_is_no_second_click(world):
    ask_for(world)
    join(world)
    with pytest.raises(Conflict, match="in other words"):
        ask_for(world, purpose="Sell less.")
    with pytest.raises(Conflict, match="in other words"):
        join(world, until=clock.now() + timedelta(days=3))
    assert Approval.objects.count() == 2


def test_two_clicks_at_once_make_one_ask(fresh_db, world):
    answers = at_once(*[lambda: ask_for(world)] * 3)
    assert len({answer.pk for answer in answers}) == 1
    assert Approval.objects.count() == 1


def test_ten_things_wait_and_no_more(world):
    for number in range(10):
        ask_for(world, f"shop {number}")
    with pytest.raises(Refused, match="10 things"):
        ask_for(world, "one more")
    with pytest.raises(Refused, match="10 things"):
        join(world)


def test_a_narrowed_token_and_who_looks_as_her_ask_for_nothing(world):
    narrowed = Actor(world.alice, Auth("token"), narrowed_to=Narrowing())
    viewed = Actor(world.alice, Auth("password"), viewed_as_by=world.erin)
    ask = ask_for(world)
    approval = Approval.objects.get()
    for actor in (narrowed, viewed):
        with pytest.raises(Forbidden):
            asking.ask_project(world.retail, "x", purpose="y", ends=in_days(3), actor=actor)
        with pytest.raises(Forbidden):
            asking.ask_to_join(world.fleet, role("member"), reason="y", actor=actor)
        with pytest.raises(Forbidden):
            asking.withdraw_ask(ask, actor=actor)
        with pytest.raises(Forbidden):
            approvals.withdraw(approval, actor=actor)
    assert not asking.project_asks_of(narrowed).exists()


def test_what_changed_meanwhile_is_found_before_it_is_made(world):
    taken, gone, late = (
        ask_for(world, "taken"),
        ask_for(world, "gone", owner=world.carol),
        ask_for(world, "late", ends=in_days(2)),
    )
    services.create_project(world.retail, "Taken", actor=world.actor("erin"))
    User.objects.filter(pk=world.carol.pk).update(is_active=False)
    for ask, said in ((taken, "of this name by now"), (gone, "has left")):
        with pytest.raises(Refused, match=said):
            decide(world, ask)
    with clock.travel(clock.now() + timedelta(days=2)), pytest.raises(Refused, match="to end by now"):
        decide(world, late)
    assert ProjectAsk.objects.filter(state="waiting").count() == 3


def test_nobody_takes_back_what_another_asked_for(world):
    ask = ask_for(world)
    for name in ("bob", "erin", "mallory"):
        with pytest.raises(NotFound):
            asking.withdraw_ask(ask, actor=world.actor(name))


def test_she_joins_by_a_link_and_holds_the_role_until_its_end(world):
    until = clock.now() + timedelta(days=30)
    ask = join(world, until=until)
    approval = Approval.objects.get()
    assert (approval.title, approval.scope) == ("Member in fleet", world.fleet)
    assert card(approval, actor=world.actor("erin")).facts["until"] == until.date().isoformat()
    decide(world, ask, by="erin")
    given = Assignment.objects.get(user=world.alice, scope=world.fleet)
    assert (given.expires, given.source, given.approval, ask.state) == (until, "approval", str(approval.pk), "done")
    assert "place_order" in permissions_at(world.actor("alice"), world.fleet.path)
    with clock.travel(until):
        assert not permissions_at(world.actor("alice"), world.fleet.path)


def test_a_project_of_another_organization_is_not_there(world):
    world.people["eve"] = person("eve")
    for name in ("mallory", "eve"):
        with pytest.raises(NotFound):
            asking.project_to_join(world.actor(name), world.fleet.pk)
        with pytest.raises(NotFound):
            join(world, by=name)
    for scope in (world.retail, world.nordwind):
        with pytest.raises(NotFound):
            asking.project_to_join(world.actor("erin"), scope.pk)


def test_one_asks_for_the_roles_offered_and_for_what_one_has_not(world):
    for key in ("tenant_admin", "approver", "organization_admin"):
        with pytest.raises(Invalid):
            join(world, key=key)
    own = Role.objects.create(key="member", name="Mine", scope=world.nordwind, permissions=["manage_members"])
    with pytest.raises(Invalid):
        asking.ask_to_join(world.fleet, own, reason="x", actor=world.actor("alice"))
    with pytest.raises(Refused, match="already"):
        join(world, at="web", key="viewer")
    robot = User.objects.create(username="robot", kind_of_user=UserKind.SERVICE, owner=world.alice)
    give(robot, "viewer", world.web)
    with pytest.raises(Forbidden):
        asking.ask_to_join(world.fleet, role("viewer"), reason="x", actor=Actor(robot, Auth("token")))
    services.close_scope(world.fleet, actor=world.actor("erin"))
    with pytest.raises(Conflict):
        join(world)


def test_a_role_that_ends_is_asked_for_longer_and_none_is_shortened(world):
    soon, later = clock.now() + timedelta(days=5), clock.now() + timedelta(days=50)
    give(world.alice, "member", world.fleet, expires=soon)
    with pytest.raises(Refused, match="for as long"):
        join(world, until=soon - timedelta(days=1))
    decide(world, join(world, until=later), by="erin")
    with clock.travel(soon + timedelta(days=1)):
        assert "place_order" in permissions_at(world.actor("alice"), world.fleet.path)
    decide(world, join(world), by="erin")
    assert Assignment.objects.get(user=world.alice, scope=world.fleet, source="approval").expires is None


def test_who_left_the_organization_meanwhile_gets_nothing(world):
    owned, joined = ask_for(world), join(world)
    Assignment.objects.filter(user=world.alice).delete()
    with pytest.raises(Refused, match="has left"):
        decide(world, owned)
    with pytest.raises(Refused, match="has left"):
        decide(world, joined, by="erin")
    assert not Scope.objects.filter(name="shop").exists()
    assert not Assignment.objects.filter(user=world.alice).exists()


def test_of_an_owner_elsewhere_the_same_is_said_as_of_nobody(world):
    with pytest.raises(Invalid) as elsewhere:
        ask_for(world, owner=world.mallory)
    with pytest.raises(Invalid) as nobody:
        asking.owner_named("nobody")
    assert elsewhere.value.extra == nobody.value.extra


def test_a_project_closed_meanwhile_takes_nobody_in(world):
    ask = join(world)
    services.close_scope(world.fleet, actor=world.actor("erin"))
    with pytest.raises(Refused, match="fleet is closed"):
        decide(world, ask, by="erin")
    assert JoinAsk.objects.get().state == "waiting"


def test_owner_and_admins_are_told_a_fortnight_before_and_on_the_day_once_each(world):
    ask = ask_for(world, ends=in_days(40))
    decide(world, ask)
    now = clock.now()
    told = []
    for days in (25, 26, 27, 39, 40, 41, 60):
        with clock.travel(now + timedelta(days=days)):
            tasks.tell_project_ends()
            told.append(Notice.objects.filter(topic__in=["project_ends", "project_over"]).count())
    assert told == [0, 2, 2, 2, 4, 4, 4]
    assert set(Notice.objects.filter(topic="project_over").values_list("user__username", flat=True)) == {"alice", "erin"}
    assert Notice.objects.filter(topic="project_ends").first().title == "shop is wanted for 14 days more"
    ask.project.refresh_from_db()
    assert ask.project.state == "active"


def test_the_day_can_be_moved_and_is_told_of_afresh(world):
    ask = ask_for(world, ends=in_days(10))
    decide(world, ask)
    tasks.tell_project_ends()
    with pytest.raises(Forbidden):
        project_ends.set_project_end(ask.project, in_days(99), actor=world.actor("alice"))
    with pytest.raises(NotFound):
        project_ends.set_project_end(ask.project, in_days(99), actor=world.actor("mallory"))
    with pytest.raises(Invalid):
        project_ends.set_project_end(ask.project, in_days(0), actor=world.actor("erin"))
    with pytest.raises(NotFound):
        project_ends.set_project_end(world.retail, in_days(99), actor=world.actor("erin"))
    for _again in range(2):
        project_ends.set_project_end(ask.project, in_days(12), actor=world.actor("erin"))
    assert Event.objects.filter(action="tenancy.set_project_end").count() == 1
    before = Notice.objects.count()
    tasks.tell_project_ends()
    assert Notice.objects.count() == before + 2
    project_ends.set_project_end(ask.project, None, actor=world.actor("erin"))
    project_ends.set_project_end(world.web, in_days(5), actor=world.actor("erin"))
    with clock.travel(clock.now() + timedelta(days=30)):
        assert project_ends.tell_project_ends(actor=Actor.system()) == 1
