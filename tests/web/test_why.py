"""The page that says why: who may ask about whom, and what it says."""

from datetime import timedelta

import pytest
from django.urls import reverse

from portal.access.models import Assignment, Group, Role
from portal.access.permissions import PERMISSIONS
from portal.access.why import kinds
from portal.core import clock
from tests.cast import give


def address(thing=None, **asked):
    about = {"kind": thing.kind(), "id": thing.pk} if thing is not None else {}
    return reverse("why") + "?" + "&".join(f"{name}={value}" for name, value in {**about, **asked}.items())


def test_a_member_is_told_why_she_can(signed_in, world, in_few_queries):
    Assignment.objects.update(expires=clock.now() + timedelta(days=3))
    answer = in_few_queries(signed_in("alice"), address(world.web, permission="place_order"), most=16)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Member at web" in text
    assert "One thing carries it" in text
    assert "The last of it ends" in text


def test_a_member_is_told_why_she_cannot_and_who_could_change_it(signed_in, world):
    text = signed_in("alice").get(address(world.web, permission="vote")).content.decode()
    assert "You see it, and may not do this with it." in text
    assert "Member at web" in text
    assert "It reaches here and does not carry this." in text
    assert "Approver" in text
    assert "Erin Test" in text
    assert "Give a role there" not in text


def test_an_admin_asks_about_a_person_and_is_led_to_the_cure(signed_in, world):
    give(world.bob, "member", world.web, expires=clock.now() - timedelta(days=1))
    text = signed_in("erin").get(address(world.web, permission="place_order", person="bob")).content.decode()
    assert "Bob Test" in text
    assert "It carried this while it held." in text
    assert "Give it anew" in text
    assert reverse("scope", args=[world.web.pk]) in text


def test_of_a_person_who_does_not_see_it_that_is_said(signed_in, world):
    text = signed_in("erin").get(address(world.fleet, permission="view_scope", person="alice")).content.decode()
    assert "She cannot even see it" in text
    assert "Member at web" in text
    assert "Give it here, too" in text


def test_a_disabled_person_can_nothing_and_the_page_says_it(signed_in, world):
    world.alice.is_active = False
    world.alice.save()
    text = signed_in("erin").get(address(world.web, permission="place_order", person="alice")).content.decode()
    assert "Disabled: nothing she holds opens anything." in text
    assert ">No</h2>" in text


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave"])
def test_about_others_it_is_told_to_who_gives_roles_there_alone(signed_in, world, name):
    other = "bob" if name == "alice" else "alice"
    answer = signed_in(name).get(address(world.web, permission="vote", person=other))
    assert answer.status_code == 422
    assert "What carries it" not in answer.content.decode()
    assert "Nearest to it" not in answer.content.decode()


def test_an_admin_of_one_tenant_learns_nothing_of_another(signed_in, world):
    give(world.bob, "tenant_admin", world.retail)
    give(world.alice, "approver", world.fleet)
    browser = signed_in("bob")
    text = browser.get(address(world.web, permission="vote", person="alice")).content.decode()
    assert "Nearest to it" in text
    assert "fleet" not in text
    assert browser.get(address(world.fleet, permission="vote", person="alice")).status_code == 404
    assert browser.get(address(world.web, permission="vote", person="mallory")).status_code == 422


def test_a_thing_of_another_organization_is_not_there(signed_in, world):
    browser = signed_in("mallory")
    for asked in ({}, {"permission": "view_scope"}, {"permission": "view_scope", "person": "alice"}):
        assert browser.get(address(world.web, **asked)).status_code == 404


@pytest.mark.parametrize(
    ("kind", "pk"), [("scope", "1"), ("nothing", "0" * 32), ("user", "0" * 32), ("scope", "0" * 32), ("scope", "%00")]
)
def test_nonsense_is_not_found(signed_in, world, kind, pk):
    assert signed_in("erin").get(reverse("why") + f"?kind={kind}&id={pk}&permission=vote").status_code == 404


@pytest.mark.parametrize("asked", [{"permission": "fly"}, {"permission": ""}, {"permission": "vote", "person": "x" * 300}])
def test_a_question_that_cannot_be_read_is_said_in_the_form(signed_in, world, asked):
    assert signed_in("erin").get(address(world.web, **asked)).status_code == 422


def test_without_a_thing_it_asks_where(signed_in, world):
    browser = signed_in("erin")
    text = browser.get(reverse("why")).content.decode()
    assert "Nothing asked yet" in text
    assert str(world.fleet.pk) in text
    assert str(world.other.pk) not in text
    answer = browser.get(address(permission="vote", scope=world.fleet.pk))
    assert "Organization admin at Nordwind" in answer.content.decode()
    assert browser.get(address(permission="vote", scope=world.other.pk)).status_code == 422


def test_a_group_and_who_gave_it_are_named(signed_in, world):
    group = Group.objects.create(scope=world.nordwind, name="Night shift")
    group.members.add(world.alice)
    role = Role.objects.get(key="approver")
    Assignment.objects.create(group=group, role=role, scope=world.retail, granted_by=world.erin)
    text = signed_in("erin").get(address(world.web, permission="vote", person="alice")).content.decode()
    assert "by the group Night shift · from Erin Test" in text


def test_a_refusal_leads_to_why(signed_in, world):
    browser = signed_in("alice")
    text = browser.post(reverse("scope-rename", args=[world.web.pk]), {"name": "shop"}).content.decode()
    expected = address(permission="manage_projects", kind="scope", id=world.web.pk).replace("&", "&amp;")
    assert expected in text
    assert browser.get(expected.replace("&amp;", "&")).status_code == 200


def test_the_pages_of_scope_and_person_lead_here(signed_in, world):
    browser = signed_in("erin")
    assert address(world.web).replace("&", "&amp;") in browser.get(reverse("scope", args=[world.web.pk])).content.decode()
    assert address(person="alice") in browser.get(reverse("person", args=[world.alice.pk])).content.decode()


def test_it_takes_as_many_statements_whatever_there_is(signed_in, world, in_few_queries):
    browser = signed_in("erin")
    for role in Role.objects.filter(scope=None):
        for scope in (world.nordwind, world.retail, world.logistics, world.web):
            Assignment.objects.get_or_create(user=world.alice, role=role, scope=scope, source="rule")
    for permission in ("vote", "manage_people"):
        in_few_queries(browser, address(world.web, permission=permission, person="alice"), most=22)


def test_every_kind_of_thing_can_be_asked_about():
    assert {"scope", "order", "resource", "offering", "connection", "approval"} <= set(kinds())
    assert "vote" in PERMISSIONS
