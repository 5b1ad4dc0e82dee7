"""Sharing one thing with one person until a day: what may be, what may not, and how much."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from portal.access import resolver, shares
from portal.access.models import Assignment, Role, Scope, ScopeShare
from portal.core import clock
from portal.core.errors import Forbidden, Invalid, NotFound, Refused
from portal.events.models import Event
from portal.identity.service_accounts import create_service_account
from portal.provisioning.models import ResourceShare
from portal.tenancy import sharing
from tests.cast import give
from tests.races import at_once

DAY = timedelta(days=1)


def share(world, to, permission="view_resource", *, at=None, days=14, by="erin"):
    return sharing.share(at or world.web, to, permission, expires=clock.now() + days * DAY, actor=world.actor(by))


def test_it_lets_one_person_do_one_thing_until_a_moment(world):
    made = share(world, world.mallory)
    assert resolver.holds(world.actor("mallory"), "view_resource", world.web)
    assert not resolver.holds(world.actor("mallory"), "view_order", world.web)
    with clock.travel(made.expires):
        assert not resolver.holds(world.actor("mallory"), "view_resource", world.web)
    sharing.end_share(made, actor=world.actor("erin"))
    assert not resolver.holds(world.actor("mallory"), "view_resource", world.web)


def test_shared_again_its_end_is_moved_and_each_time_is_on_record(world):
    first, second = share(world, world.mallory), share(world, world.mallory, days=30)
    assert first.pk == second.pk
    assert second.expires - first.expires >= 15 * DAY
    assert Event.objects.filter(action="tenancy.share", target_id=str(world.web.pk)).count() == 2


def test_ended_twice_it_is_ended_once(world):
    made = share(world, world.mallory)
    for _click in range(2):
        sharing.end_share(made, actor=world.actor("erin"))
    assert Event.objects.filter(action="tenancy.end_share").count() == 1


@pytest.mark.parametrize("permission", ["view_secret", "operate_resource"])
def test_nobody_shares_what_she_does_not_hold(world, permission):
    with pytest.raises(Forbidden):
        share(world, world.mallory, permission)  # an organization admin administers and does not use


@pytest.mark.parametrize("permission", ["manage_members", "vote", "share_resource", "view_as", "nonsense", ""])
def test_what_governs_is_not_shared(world, permission):
    with pytest.raises(Invalid):
        share(world, world.mallory, permission)


def test_who_may_not_share_does_not(world):
    with pytest.raises(Forbidden):
        share(world, world.mallory, by="alice")
    with pytest.raises(NotFound):
        share(world, world.bob, by="mallory")


@pytest.mark.parametrize("days", [-1, 0, 367, 36_500])
def test_it_ends_within_a_year(world, days):
    with pytest.raises(Invalid):
        share(world, world.mallory, days=days)


def test_nobody_makes_a_role_of_her_own_last_by_sharing_with_herself(world):
    account = create_service_account(world.web, "ci", owner=world.erin, actor=world.actor("erin"))
    for whom in (world.erin, account.user):
        with pytest.raises(Forbidden):
            share(world, whom)


def full(world, count):
    """So many shares of mallory's, on as many projects."""
    seen = Permission.objects.get(codename="view_scope", content_type__model="scope")
    later = clock.now() + DAY
    for number in range(count):
        project = Scope.objects.create(scope_kind="project", parent=world.retail, name=f"p{number}", slug=f"p{number}")
        ScopeShare.objects.create(user=world.mallory, permission=seen, content_object=project, expires=later)


def test_one_person_holds_so_many_and_no_more_of_every_kind_together(world, monkeypatch, market):
    monkeypatch.setattr(sharing, "MOST_SHARES", 3)
    resource = market.active("web-1", key="made")
    full(world, 2)
    made = share(world, world.mallory, at=resource)
    with pytest.raises(Refused, match="Mallory"):
        share(world, world.mallory)
    share(world, world.mallory, at=resource, days=30)  # moving the end of one takes no more
    share(world, world.bob)
    sharing.end_share(made, actor=world.actor("erin"))
    share(world, world.mallory)
    assert shares.count_for(world.mallory) == 3


def test_what_has_ended_does_not_count(world, monkeypatch):
    monkeypatch.setattr(sharing, "MOST_SHARES", 2)
    full(world, 2)
    with clock.travel(clock.now() + 2 * DAY):
        share(world, world.mallory)


def test_two_admins_at_once_do_not_pass_the_most(fresh_db, world, monkeypatch):
    monkeypatch.setattr(sharing, "MOST_SHARES", 1)
    places = [world.web, world.fleet]

    def one(number):
        share(world, world.mallory, at=places[number])

    outcomes = at_once(lambda: one(0), lambda: one(1))
    assert sorted(isinstance(each, Refused) for each in outcomes) == [False, True]
    assert ScopeShare.objects.count() == 1


def test_the_list_of_a_place_holds_what_is_shared_there_and_below_of_every_kind(world, market):
    resource = market.active("web-1", key="made")
    give(world.erin, "tenant_admin", world.nordwind)
    share(world, world.mallory, at=resource, days=3)
    share(world, world.bob, "view_order", at=world.web, days=2)
    share(world, world.carol, "view_scope", at=world.retail, days=1)
    found = shares.loaded(shares.keys_within(world.retail))
    said = [(each.user.username, str(each.content_object)) for each in found]
    assert said == [("carol", "Retail"), ("bob", "web"), ("mallory", "web-1")]
    below = shares.loaded(shares.keys_within(world.web))
    assert [each.user.username for each in below] == ["bob", "mallory"]
    assert [each.user.username for each in shares.loaded(shares.keys_within(world.retail, kind="resource"))] == ["mallory"]
    assert [each.user.username for each in shares.loaded(shares.keys_within(world.retail, who="CARO"))] == ["carol"]
    assert not shares.keys_within(world.retail, kind="nonsense").exists()
    assert shares.holders_within(world.retail, most=2)[0][1] == 1
    with clock.travel(clock.now() + 2 * DAY):
        assert len(shares.keys_within(world.retail)) == 1
    assert ResourceShare.objects.count() == 1


def test_a_role_that_ends_takes_the_right_to_share_with_it(world):
    give(world.alice, "tenant_admin", world.retail)
    made = share(world, world.mallory, by="alice")
    Assignment.objects.filter(user=world.alice, role=Role.objects.get(key="tenant_admin", scope=None)).delete()
    with pytest.raises(Forbidden):
        share(world, world.bob, by="alice")
    with pytest.raises(Forbidden):
        sharing.end_share(made, actor=world.actor("alice"))
