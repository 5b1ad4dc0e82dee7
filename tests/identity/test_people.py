"""Disabling a person: who may, whom, and that whatever she held opens nothing from the next request on."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from portal.core import clock, parcels
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unavailable
from portal.events.models import Event
from portal.identity import people
from portal.identity.models import Session, SessionEnd
from portal.identity.service_accounts import create_service_account
from portal.identity.tokens import actor_by_token, create_token
from portal.users.actor import NEVER, Actor
from portal.users.models import User
from tests.cast import PASSWORD, give, person


def disable(world, name="alice", by="erin", reason="She left."):
    return people.disable_person(world.people[name], actor=world.actor(by), reason=reason)


def token(world, name, **given):
    return create_token(name="t", expires=clock.now() + timedelta(days=1), actor=world.actor(name), **given)[1]


def opens(plain):
    return actor_by_token(plain, address="", correlation_id="") is not None


def sign_in(name, browser=None):
    browser = browser or Client()
    return browser, browser.post("/signin/", {"username": name, "password": PASSWORD}).status_code


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave"])
def test_who_is_no_organization_admin_disables_nobody(world, name):
    for other in set(world.people) - {name}:
        with pytest.raises(NotFound):
            disable(world, other, by=name)


def test_the_admin_of_another_organization_does_not_even_see_her(world):
    with pytest.raises(NotFound):
        disable(world, by="mallory")
    assert world.alice not in people.people_managed_by(world.actor("mallory"))


def test_an_admin_of_a_tenant_alone_manages_no_people(world):
    tenant_admin = person("tina")
    give(tenant_admin, "organization_admin", world.retail)
    world.people["tina"] = tenant_admin
    with pytest.raises(NotFound):
        disable(world, by="tina")


def test_the_next_page_of_a_disabled_person_is_the_sign_in(world):
    browser, _ = sign_in("alice")
    disable(world)
    assert browser.get("/").status_code == 302
    assert Session.objects.get().end == SessionEnd.DISABLED
    assert sign_in("alice", browser)[1] == 422


def test_her_tokens_and_those_of_her_service_accounts_open_nothing(world):
    give(world.alice, "tenant_admin", world.retail)
    robot = create_service_account(world.retail, "robot", actor=world.actor("alice")).user
    hers, its = token(world, "alice"), token(world, "alice", user=robot)
    assert opens(hers)
    assert opens(its)
    cost = people.cost_of_disabling(world.alice)
    assert (cost.tokens, cost.account_tokens, cost.accounts) == (1, 1, [robot])
    disable(world)
    assert not opens(hers)
    assert not opens(its)


def test_the_secret_that_waits_for_her_is_gone(world):
    parcel = parcels.put("a connection string", for_user_id=world.alice.pk, about="resource:1")
    kept = parcels.put("another", for_user_id=world.bob.pk, about="resource:2")
    disable(world)
    assert parcels.take(parcel, for_user_id=world.alice.pk) is None
    assert parcels.take(kept, for_user_id=world.bob.pk) == "another"


def test_what_was_shown_to_end_is_what_the_event_says_has_ended(world):
    sign_in("alice"), sign_in("alice"), token(world, "alice")
    cost = people.cost_of_disabling(world.alice)
    disable(world, reason="  She   left. ")
    event = Event.objects.get(action="identity.disable_person")
    assert (cost.sessions, cost.tokens) == (event.detail["sessions"], event.detail["keys"]) == (2, 1)
    assert (event.reason, event.scope_path, event.target_label) == ("She left.", world.nordwind.scope_path, "")


def test_the_second_click_changes_nothing(world):
    disable(world)
    epoch = User.objects.get(pk=world.alice.pk).access_epoch
    disable(world)
    assert User.objects.get(pk=world.alice.pk).access_epoch == epoch
    assert Event.objects.filter(action="identity.disable_person").count() == 1


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2001, "a\x00b"])
def test_a_reason_is_needed(world, reason):
    with pytest.raises(Invalid):
        disable(world, reason=reason)
    assert User.objects.get(pk=world.alice.pk).is_active


def test_nobody_disables_herself(world):
    with pytest.raises(Forbidden):
        disable(world, "erin")


def test_the_last_organization_admin_stays(world):
    give(world.bob, "organization_admin", world.nordwind)
    disable(world, "erin", by="bob")
    world.people["erin"].refresh_from_db()
    with pytest.raises(Conflict):
        people.disable_person(world.bob, actor=Actor.system(), reason="by command")


def test_a_person_of_two_organizations_is_disabled_by_who_governs_both(world):
    give(world.alice, "viewer", world.other_project)
    with pytest.raises(Refused):
        disable(world)
    assert people.why_not(world.alice, world.actor("erin"))
    give(world.erin, "organization_admin", world.other)
    disable(world)
    paths = set(Event.objects.filter(action="identity.disable_person").values_list("scope_path", flat=True))
    assert paths == {world.nordwind.scope_path, world.other.scope_path}


def test_who_was_not_looked_at_again_disables_nobody(world):
    seen_before = Actor(world.erin, world.actor("erin").auth, checked_at=NEVER)
    with pytest.raises(Unavailable):
        people.disable_person(world.alice, actor=seen_before, reason="She left.")


def test_enabled_again_she_signs_in_and_what_ended_stays_ended(world):
    browser, _ = sign_in("alice")
    hers = token(world, "alice")
    disable(world)
    people.enable_person(world.alice, actor=world.actor("erin"))
    assert browser.get("/").status_code == 302
    assert not opens(hers)
    assert sign_in("alice")[1] == 302
    people.enable_person(world.alice, actor=world.actor("erin"))
    assert Event.objects.filter(action="identity.enable_person").count() == 1


def test_a_service_account_and_the_system_are_no_people(world):
    give(world.alice, "tenant_admin", world.retail)
    robot = create_service_account(world.retail, "robot", actor=world.actor("alice")).user
    give(robot, "viewer", world.web)
    for user in (robot, User.objects.system()):
        for actor in (world.actor("erin"), Actor.system()):
            with pytest.raises(NotFound):
                people.disable_person(user, actor=actor, reason="no")


def test_an_operators_command_disables_who_belongs_to_two_organizations(world):
    give(world.alice, "viewer", world.other_project)
    call_command("disable_person", "alice", reason="by command", stdout=StringIO())
    assert not User.objects.get(pk=world.alice.pk).is_active
    call_command("disable_person", "alice", "--enable", reason="back", stdout=StringIO())
    assert User.objects.get(pk=world.alice.pk).is_active
    with pytest.raises(CommandError):
        call_command("disable_person", "erin", reason="the last one", stdout=StringIO())
    with pytest.raises(CommandError):
        call_command("disable_person", "nobody", reason="x", stdout=StringIO())
