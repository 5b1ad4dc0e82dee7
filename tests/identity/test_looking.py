"""Looking as another person: who may, what it lends, what ends it, and what is told of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.access.guard import require
from portal.access.models import Assignment, Role
from portal.access.permissions import PERMISSIONS
from portal.access.resolver import scope_ids
from portal.core import clock
from portal.core.errors import Forbidden, Invalid, NotFound, Unavailable
from portal.core.models import new_id
from portal.events.models import Event
from portal.identity import looking
from portal.identity.models import Look, LookEnd, Session, SessionEnd
from portal.identity.service_accounts import create_service_account
from portal.identity.services import check_live
from portal.identity.sessions import end_all
from portal.notices.models import Notice
from portal.provisioning.services import retry_resource
from portal.users.actor import Actor, Auth, Narrowing
from portal.users.models import User
from tests.cast import give, person


def signed_in(world, name):
    """An actor with a session of her own in the store."""
    row = Session.objects.create(user=world.people[name], key=new_id().hex, method="password")
    return Actor(world.people[name], Auth("password", session=str(row.pk), address="127.0.0.1"))


def look(world, who="erin", at="alice", where="nordwind", reason="She cannot find her server.", actor=None):
    actor = actor or signed_in(world, who)
    return looking.begin_view_as(world.people[at], world.scopes[where].pk, actor=actor, reason=reason), actor


def test_an_admin_looks_as_a_member_and_sees_what_she_sees_in_that_organization_alone(world):
    give(world.alice, "member", world.other_project)
    begun, erin = look(world)
    seen = looking.as_seen(begun, erin)
    assert (seen.user, seen.viewed_as_by, seen.auth, seen.checked_at) == (world.alice, world.erin, erin.auth, erin.checked_at)
    assert scope_ids(seen, "view_order") == {world.web.pk}
    assert begun.until - begun.created_at <= timedelta(minutes=15)


@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
def test_while_looking_only_what_shows_is_allowed(world, permission):
    give(world.alice, "organization_admin", world.nordwind)
    role = Role.objects.create(key="all", name="All", permissions=list(PERMISSIONS))
    for user in (world.alice, world.erin):
        Assignment.objects.create(user=user, role=role, scope=world.nordwind)
    begun, erin = look(world)
    seen = looking.as_seen(begun, erin)
    require(erin, permission, world.web)
    if permission.startswith("view_") and permission not in ("view_secret", "view_as"):
        return require(seen, permission, world.web)
    with pytest.raises(Forbidden):
        require(seen, permission, world.web)
    return None


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave"])
def test_who_does_not_manage_people_finds_nobody_to_look_as(world, name):
    with pytest.raises(NotFound):
        look(world, who=name, at="alice" if name != "alice" else "bob")


def test_nobody_looks_as_a_person_or_at_an_organization_that_is_not_hers(world):
    with pytest.raises(NotFound):
        look(world, at="mallory", where="other")
    give(world.alice, "member", world.other_project)
    with pytest.raises(NotFound):
        look(world, where="other", actor=signed_in(world, "erin"))
    assert not Look.objects.exists()


def test_nobody_looks_as_herself_as_who_is_shut_out_nor_from_a_token(world):
    erin = signed_in(world, "erin")
    with pytest.raises(Forbidden, match="yourself already"):
        look(world, at="erin", actor=erin)
    for other in (
        replace(erin, auth=Auth("token", session=erin.auth.session)),
        replace(erin, narrowed_to=Narrowing(), memory={}),
        replace(erin, viewed_as_by=world.bob, memory={}),
        replace(erin, auth=Auth("password", session="")),
        replace(erin, auth=Auth("password", session=str(signed_in(world, "bob").auth.session))),
    ):
        with pytest.raises((Forbidden, NotFound)):
            look(world, actor=other)
    world.alice.is_active = False
    world.alice.save()
    with pytest.raises(Forbidden, match="disabled"):
        look(world, actor=erin)
    with pytest.raises(Unavailable):
        look(world, actor=replace(erin, checked_at=clock.now() - timedelta(seconds=11)))


def test_nobody_looks_as_a_service_account(world):
    give(world.alice, "tenant_admin", world.retail)
    account = create_service_account(world.retail, "robot", actor=world.actor("alice"))
    give(account.user, "viewer", world.retail)
    world.people["robot"] = account.user
    with pytest.raises(NotFound):
        look(world, at="robot")


def test_who_looks_holds_herself_whatever_she_would_see(world):
    """A role made for support opens nobody's cost, events or people that it does not hold itself."""
    support = Role.objects.create(key="support", name="Support", permissions=["view_scope", "view_as", "manage_people"])
    world.people["sue"] = person("sue")
    Assignment.objects.create(user=world.sue, role=support, scope=world.nordwind)
    with pytest.raises(Forbidden, match="view_cost"):
        look(world, who="sue", at="carol")
    assert "manage_members" in looking.sight_of(world.erin, world.actor("sue")).why_not
    support.permissions = [*support.permissions, "view_order", "view_resource", "view_offering", "view_cost", "view_event"]
    support.save()
    begun, sue = look(world, who="sue")
    assert looking.as_seen(begun, sue).user == world.alice


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001, "a\x00b"])
def test_a_look_takes_a_reason(world, reason):
    with pytest.raises(Invalid):
        look(world, reason=reason)


def test_a_look_is_over_after_its_time_and_when_access_changes(world):
    begun, erin = look(world)
    with clock.travel(begun.until), pytest.raises(looking.Refused):
        looking.as_seen(begun, erin)
    world.alice.access_epoch += 1
    world.alice.save()
    with pytest.raises(Forbidden, match="Her access has changed"):
        looking.as_seen(looking.going_on(begun.pk, erin), erin)


@pytest.mark.parametrize("change", ["role of hers", "right", "she became more"])
def test_a_look_is_over_once_it_would_not_be_allowed_any_more(world, change):
    begun, erin = look(world)
    if change == "role of hers":
        Assignment.objects.filter(user=world.alice).delete()
    elif change == "right":
        Assignment.objects.filter(user=world.erin).delete()
        give(world.erin, "tenant_admin", world.nordwind)
    else:
        role = Role.objects.create(key="more", name="More", permissions=["manage_policies"])
        Assignment.objects.create(user=world.alice, role=role, scope=world.nordwind)
        Role.objects.filter(key="organization_admin").update(permissions=["view_as", "manage_people", "view_scope"])
    erin.forget()
    with pytest.raises(Forbidden):
        looking.as_seen(begun, erin)


def test_both_are_in_the_events_and_the_person_is_told_afterwards(world):
    begun, erin = look(world)
    for path in ["/orders/", "/orders/", *(f"/orders/{number}/" for number in range(60))]:
        looking.note_page(begun, path)
        begun.refresh_from_db()
    assert not Notice.objects.filter(user=world.alice).exists()
    looking.end_view_as(begun, LookEnd.STOPPED, actor=looking.looker_of(looking.as_seen(begun, erin)))
    looking.end_view_as(begun, LookEnd.STOPPED, actor=erin)
    began, ended = Event.objects.filter(action__endswith="view_as").order_by("at", "id")
    assert (began.action, began.actor, began.target_id) == ("identity.begin_view_as", world.erin, str(world.alice.pk))
    assert (ended.action, ended.actor, ended.target_id) == ("identity.end_view_as", world.erin, str(world.alice.pk))
    assert began.scope_path == ended.scope_path == world.nordwind.path
    assert (began.reason, began.detail) == ("She cannot find her server.", {"look": str(begun.pk)})
    assert (ended.detail["opened"], len(ended.detail["paths"]), ended.detail["ended_by"]) == (62, 50, "stopped")
    told = Notice.objects.get(user=world.alice)
    assert "Erin Test looked" in told.title
    assert "She cannot find her server." in told.body


def test_what_nobody_came_back_to_is_ended_by_the_sweep(world):
    first, erin = look(world)
    second, _bob = look(world, actor=signed_in(world, "erin"), at="bob")
    end_all(Session.objects.filter(pk=erin.auth.session), why=SessionEnd.SIGNED_OUT)
    assert looking.end_overdue(clock.now()) == 1
    with clock.travel(second.until + timedelta(hours=1)):
        assert looking.end_overdue(clock.now()) == 1
        assert looking.end_overdue(clock.now()) == 0
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.end, second.end) == (LookEnd.SIGNED_OUT, LookEnd.TIME)
    assert second.ended_at == second.until
    assert Notice.objects.filter(topic="seen_as").count() == 2


def test_a_second_look_in_one_session_ends_the_first(world):
    first, erin = look(world)
    look(world, at="bob", actor=erin)
    first.refresh_from_db()
    assert first.end == LookEnd.STOPPED
    assert looking.going_on(first.pk, erin) is None


def test_a_look_belongs_to_the_session_that_began_it(world):
    begun, erin = look(world)
    assert looking.going_on(begun.pk, erin) == begun
    assert looking.going_on(begun.pk, signed_in(world, "erin")) is None


def test_the_live_check_is_that_of_who_looks(world):
    begun, erin = look(world)
    seen = looking.as_seen(begun, erin)
    assert check_live(seen).viewed_as_by == world.erin
    User.objects.filter(pk=world.erin.pk).update(access_epoch=7)
    with pytest.raises(Forbidden):
        check_live(seen)


def test_an_operator_who_is_looked_at_retries_nothing(market):
    world = market.world
    resource = market.active()
    type(resource).objects.filter(pk=resource.pk).update(error="failed")
    begun, erin = look(world, at="dave")
    with pytest.raises(Forbidden):
        retry_resource(resource, actor=looking.as_seen(begun, erin))
