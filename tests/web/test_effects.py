"""What would change, beside the forms: shown before, and nothing is done by looking."""

import pytest
from django.urls import reverse

from portal.access.models import Assignment, Group, Role
from portal.tenancy.custom_roles import edition_of
from tests.cast import give, person


def sent(world, **fields):
    return {"username": "bob", "role": Role.objects.get(key="member", scope=None).pk, "expires": "", "look": "1", **fields}


def test_giving_a_role_is_shown_before_it_is_done(signed_in, world):
    answer = signed_in("erin").post(reverse("scope-role-give", args=[world.web.pk]), sent(world))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "1 person gains; nobody loses." in text
    assert "gains in web and below" in text
    assert "Place and withdraw orders" in text
    assert "See orders" not in text.split('id="effect"')[1].split("</details>")[0]  # an approver sees them already
    assert 'value="bob"' in text
    assert not Assignment.objects.filter(user=world.bob, scope=world.web).exists()


def test_a_role_for_a_group_counts_its_people(signed_in, world):
    group = Group.objects.create(scope=world.nordwind, name="Night shift")
    group.members.add(world.alice, world.bob, person("zoe"))
    fields = sent(world, username="", group=group.pk)
    text = signed_in("erin").post(reverse("scope-role-give", args=[world.web.pk]), fields).content.decode()
    assert "2 people gain; nobody loses." in text
    assert not group.assignments.exists()


def test_what_is_given_already_says_that_its_end_is_moved(signed_in, world):
    fields = sent(world, username="alice", expires="2099-01-01")
    text = signed_in("erin").post(reverse("scope-role-give", args=[world.web.pk]), fields).content.decode()
    assert "Nobody gains or loses anything" in text
    assert "its end is moved" in text
    assert Assignment.objects.get(user=world.alice, scope=world.web).expires is None


@pytest.mark.parametrize("fields", [{"username": "erin"}, {"username": "nobody"}, {"expires": "2001-01-01"}, {"role": "x"}])
def test_what_would_be_refused_is_refused_when_looked_at(signed_in, world, fields):
    answer = signed_in("erin").post(reverse("scope-role-give", args=[world.web.pk]), sent(world, **fields))
    assert answer.status_code == 422
    assert 'id="effect"' not in answer.content.decode()


@pytest.mark.parametrize(("name", "status"), [("alice", 403), ("bob", 403), ("mallory", 404)])
def test_who_may_not_give_roles_learns_nothing(signed_in, world, name, status):
    assert signed_in(name).post(reverse("scope-role-give", args=[world.web.pk]), sent(world)).status_code == status


def test_other_permissions_of_a_role_are_shown_before_they_are_saved(signed_in, world):
    role = Role.objects.create(scope=world.nordwind, key="own", name="Own", permissions=["view_scope", "view_cost"])
    newcomer = person("zoe")
    Assignment.objects.create(user=newcomer, role=role, scope=world.web)
    give(newcomer, "viewer", world.web)
    fields = {"name": "Own", "permissions": ["view_scope", "view_connection"], "seen": edition_of(role), "look": "1"}
    answer = signed_in("erin").post(reverse("role", args=[role.pk]), fields)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "1 person gains; nobody loses." in text  # the viewer's role keeps view_cost
    assert "See connections to clouds" in text.split('id="effect"')[1].split("</details>")[0]
    role.refresh_from_db()
    assert role.permissions == ["view_scope", "view_cost"]
