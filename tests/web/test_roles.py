"""The pages of roles and groups, as a browser without a script uses them."""

import re

import pytest

from portal.access.models import Assignment, Group, Role
from tests.cast import give


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def own_role(world, **values):
    given = {"key": "deployer", "name": "Deployer", "permissions": ["view_scope", "operate_resource"], **values}
    return Role.objects.create(scope=world.retail, **given)


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "mallory"])
def test_a_role_of_ones_own_is_nothing_to_who_manages_none(world, signed_in, name):
    role, browser = own_role(world), signed_in(name)
    for address in (f"/roles/{role.pk}/", f"/roles/new/?from={role.pk}"):
        assert browser.get(address).status_code == 404
        assert browser.post(address, {"name": "Mine", "permissions": ["view_scope"]}).status_code == 404
    assert browser.post(f"/roles/{role.pk}/delete/").status_code == 404
    assert browser.get("/roles/").status_code == (200 if name == "mallory" else 404)
    assert Role.objects.get(pk=role.pk).name == "Deployer"


def test_a_role_is_copied_from_a_built_in_one_given_and_shown(world, signed_in):
    browser, member = signed_in("erin"), Role.objects.get(key="member", scope=None)
    page = text(browser.get(f"/roles/new/?from={member.pk}"))
    ticked = re.findall(r'value="(\w+)" id="may-\w+" checked', page)
    assert sorted(ticked) == sorted(member.permissions)
    sent = {"name": "Builder", "scope": world.retail.pk, "permissions": ticked}
    answer = browser.post(f"/roles/new/?from={member.pk}", sent)
    made = Role.objects.get(name="Builder")
    assert answer["Location"] == f"/roles/{made.pk}/"
    browser.post(f"/scopes/{world.web.pk}/roles/", {"username": "bob", "role": made.pk})
    assert "Bob Test" in text(browser.get(f"/roles/{made.pk}/"))


@pytest.mark.parametrize("fields", [{"name": ""}, {"permissions": []}, {"permissions": ["fly"]}, {"name": "Viewer"}])
def test_what_cannot_be_made_is_refused_and_what_was_ticked_is_kept(world, signed_in, fields):
    sent = {"name": "Builder", "scope": world.retail.pk, "permissions": ["view_cost"], **fields}
    answer = signed_in("erin").post("/roles/new/", sent)
    assert answer.status_code == 422
    kept = 'value="Builder"' if "permissions" in fields else 'id="may-view_cost" checked'
    assert kept in text(answer)
    assert not Role.objects.exclude(scope=None).exists()


@pytest.mark.parametrize("asked", ["x", "00000000-0000-0000-0000-000000000000", ""])
def test_a_copy_of_nothing_is_nothing(world, signed_in, asked):
    assert signed_in("erin").get(f"/roles/new/?from={asked}").status_code == 404


def test_who_saves_over_another_admin_sees_the_role_as_it_is_now(world, signed_in):
    role, browser = own_role(world), signed_in("erin")
    seen = re.search(r'name="seen" value="(\w+)"', text(browser.get(f"/roles/{role.pk}/"))).group(1)
    Role.objects.filter(pk=role.pk).update(permissions=["view_scope"])
    answer = browser.post(f"/roles/{role.pk}/", {"name": "Deployer", "permissions": ["view_cost"], "seen": seen})
    assert answer.status_code == 409
    assert "Somebody else changed this role" in text(answer)
    assert Role.objects.get(pk=role.pk).permissions == ["view_scope"]
    now = re.search(r'name="seen" value="(\w+)"', text(answer)).group(1)
    sent = {"name": "Deployer", "permissions": ["view_cost"], "seen": now}
    assert browser.post(f"/roles/{role.pk}/", sent).status_code == 302
    assert Role.objects.get(pk=role.pk).permissions == ["view_cost"]


def test_a_role_that_orders_and_decides_says_so(world, signed_in):
    role = own_role(world, permissions=["view_scope", "vote", "place_order"])
    assert "both orders and decides" in text(signed_in("erin").get(f"/roles/{role.pk}/"))


def test_a_role_is_deleted_once_nobody_holds_it(world, signed_in):
    role, browser = own_role(world), signed_in("erin")
    held = Assignment.objects.create(user=world.bob, role=role, scope=world.web)
    assert browser.post(f"/roles/{role.pk}/delete/").status_code == 422
    held.delete()
    assert browser.post(f"/roles/{role.pk}/delete/")["Location"] == "/roles/"
    assert browser.post(f"/roles/{role.pk}/delete/").status_code == 404


def test_the_lists_ask_little_however_long_they_are(world, signed_in, in_few_queries):
    roles = [Role(scope=world.retail, key=f"r{n}", name=f"R{n}", permissions=["view_scope"]) for n in range(120)]
    Role.objects.bulk_create(roles)
    groups = Group.objects.bulk_create([Group(scope=world.retail, name=f"g{n}") for n in range(120)])
    Assignment.objects.bulk_create([Assignment(group=group, role=roles[0], scope=world.web) for group in groups])
    browser = signed_in("erin")
    for address in ("/roles/", f"/roles/{roles[0].pk}/", f"/scopes/{world.web.pk}/groups/", f"/groups/{groups[0].pk}/"):
        assert in_few_queries(browser, address).status_code == 200
        assert browser.get(f"{address}?page=99999999999999999999").status_code == 200


def test_a_group_is_made_filled_given_a_role_and_deleted(world, signed_in):
    browser = signed_in("erin")
    answer = browser.post(f"/scopes/{world.retail.pk}/groups/", {"name": "Team"})
    group = Group.objects.get(name="Team")
    assert answer["Location"] == f"/groups/{group.pk}/"
    viewer = Role.objects.get(key="viewer", scope=None)
    browser.post(f"/groups/{group.pk}/members/", {"username": "alice"})
    sent = {"username": "", "group": group.pk, "role": viewer.pk, "expires": ""}
    assert browser.post(f"/scopes/{world.web.pk}/roles/", sent).status_code == 302
    assert f'href="/groups/{group.pk}/"' in text(browser.get(f"/scopes/{world.web.pk}/"))
    assert "Alice Test" in text(browser.get(f"/groups/{group.pk}/"))
    for _click in range(2):
        assert browser.post(f"/groups/{group.pk}/members/{world.alice.pk}/remove/").status_code == 302
    assert not group.members.exists()
    assert browser.post(f"/groups/{group.pk}/rename/", {"name": "Crew"}).status_code == 302
    assert browser.post(f"/groups/{group.pk}/delete/")["Location"] == f"/scopes/{world.retail.pk}/groups/"
    assert not Assignment.objects.filter(role=viewer).exists()


@pytest.mark.parametrize("both", [True, False])
def test_a_role_is_for_a_person_or_for_a_group(world, signed_in, both):
    group = Group.objects.create(scope=world.retail, name="Team")
    who = {"username": "bob", "group": group.pk} if both else {"username": "", "group": ""}
    sent = {**who, "role": Role.objects.get(key="viewer", scope=None).pk}
    answer = signed_in("erin").post(f"/scopes/{world.web.pk}/roles/", sent)
    assert answer.status_code == 422
    assert "one of the two" in text(answer)


@pytest.mark.parametrize(("name", "wanted"), [("bob", {403}), ("mallory", {404}), ("alice", {404})])
def test_a_group_is_changed_only_by_who_manages_members(world, signed_in, name, wanted):
    group, browser = Group.objects.create(scope=world.retail, name="Team"), signed_in(name)
    group.members.add(world.carol)
    acts = {"members/": {"username": "bob"}, f"members/{world.carol.pk}/remove/": {}, "rename/": {"name": "x"}, "delete/": {}}
    for address, fields in acts.items():
        assert browser.post(f"/groups/{group.pk}/{address}", fields).status_code in wanted, address
    assert browser.post(f"/scopes/{world.retail.pk}/groups/", {"name": "Mine"}).status_code in wanted
    assert [each.name for each in Group.objects.all()] == ["Team"]
    assert list(group.members.all()) == [world.carol]


def test_letting_herself_in_is_refused_beside_the_form(world, signed_in):
    group = Group.objects.create(scope=world.nordwind, name="Team")
    Assignment.objects.create(group=group, role=Role.objects.get(key="member", scope=None), scope=world.web)
    give(world.erin, "viewer", world.web)
    answer = signed_in("erin").post(f"/groups/{group.pk}/members/", {"username": "erin"})
    assert answer.status_code == 422
    assert "Nobody gives herself a role" in text(answer)
