"""Projects and people: every act on a scope, as a browser sends it, and who may not."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from portal.access.models import Assignment, Role, Scope
from portal.approvals.services import publish_policy
from portal.core import clock
from portal.events.models import Event
from portal.provisioning.models import Resource
from portal.tenancy.models import Quota
from portal.tenancy.quotas import place_holds
from tests.cast import give

CAST = ["alice", "bob", "carol", "dave", "erin"]


def role(key):
    return Role.objects.get(key=key, scope=None)


def url(scope, act=""):
    return f"/scopes/{scope.pk}/{act}/" if act else f"/scopes/{scope.pk}/"


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def acts(world):
    """Every act with what a browser sends for it."""
    mine = Assignment.objects.get(user=world.alice)
    given = {"username": "bob", "role": role("viewer").pk, "expires": ""}
    return {
        url(world.retail, "create"): {"kind": "project", "name": "shop"},
        url(world.web, "rename"): {"name": "shop floor"},
        url(world.fleet, "close"): {},
        url(world.web, "roles"): given,
        f"{url(world.web, 'roles')}{mine.pk}/end/": {},
        url(world.web, "quotas"): {"dimension": "servers", "limit": 4},
    }


@pytest.mark.parametrize("name", [*CAST, "mallory"])
def test_only_an_admin_changes_anything(world, signed_in, name):
    wanted = {"erin": {302}, "mallory": {404}}.get(name, {403, 404})
    browser = signed_in(name)
    before = Event.objects.count()
    for address, fields in acts(world).items():
        assert browser.post(address, fields).status_code in wanted, address
    assert (Event.objects.count() == before) == (name != "erin")


@pytest.mark.parametrize("name", CAST)
def test_the_page_shows_only_the_forms_of_what_she_may_do(world, signed_in, in_few_queries, name):
    page = text(in_few_queries(signed_in(name), url(world.web), most=22))
    for act in ("rename", "close", "roles", "quotas"):
        assert (f'action="{url(world.web, act)}"' in page) == (name == "erin"), act


def test_the_crumbs_lead_only_where_she_may_go(world, signed_in):
    assert f'href="{url(world.retail)}"' in text(signed_in("bob").get(url(world.web)))
    assert f'href="{url(world.retail)}"' not in text(signed_in("alice").get(url(world.web)))


def test_every_act_needs_the_token_of_the_form(world):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(world.erin)
    for address, fields in acts(world).items():
        assert browser.post(address, fields).status_code == 403, address


def test_an_act_is_a_post_of_who_signed_in(world, client, signed_in):
    for address, fields in acts(world).items():
        assert client.post(address, fields)["Location"].startswith("/signin/"), address
    browser = signed_in("erin")
    assert all(browser.get(address).status_code == 405 for address in acts(world))


def test_a_role_that_expired_changes_nothing(world, signed_in):
    browser = signed_in("erin")
    world.erin.assignments.update(expires=clock.now())
    for address, fields in acts(world).items():
        assert browser.post(address, fields).status_code == 404, address


def test_a_tenant_and_a_project_in_it_are_made(world, signed_in):
    browser = signed_in("erin")
    browser.post(url(world.nordwind, "create"), {"kind": "tenant", "name": "华东研发中心", "cost_centre": "77"})
    tenant = Scope.objects.get(name="华东研发中心")
    answer = browser.post(url(tenant, "create"), {"kind": "project", "name": "shop"})
    made = Scope.objects.get(name="shop")
    assert answer["Location"] == url(made)
    assert (tenant.cost_centre, made.parent, made.cost_centre) == ("77", tenant, "77")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"kind": "project", "name": "web", "cost_centre": "kept"}, 422),
        ({"kind": "project", "name": "///", "cost_centre": "kept"}, 422),
        ({"kind": "project", "name": "a\x00", "cost_centre": "kept"}, 422),
        ({"kind": "project", "name": "x" * 121, "cost_centre": "kept"}, 422),
        ({"kind": "galaxy", "name": "shop"}, 400),
    ],
)
def test_what_cannot_be_made_is_refused_and_what_was_typed_is_kept(world, signed_in, fields, status):
    before = Scope.objects.count()
    answer = signed_in("erin").post(url(world.retail, "create"), fields)
    assert answer.status_code == status
    assert Scope.objects.count() == before
    if status == 422:
        assert 'value="kept"' in answer.content.decode()
        assert "is-invalid" in answer.content.decode()


def test_a_project_holds_nothing_and_a_tenant_nests_five_deep(world, signed_in):
    browser = signed_in("erin")
    assert browser.post(url(world.web, "create"), {"kind": "tenant", "name": "in a project"}).status_code == 422
    parent = world.retail
    for level in range(4):
        parent = Scope.objects.create(scope_kind="tenant", parent=parent, name=f"l{level}", slug=f"l{level}")
    assert "Tenants nest five levels deep." in text(browser.post(url(parent, "create"), {"kind": "tenant", "name": "deep"}))


def test_a_scope_is_renamed_and_keeps_its_address(world, signed_in):
    browser = signed_in("erin")
    assert browser.post(url(world.web, "rename"), {"name": "shop front"})["Location"] == url(world.web)
    assert "shop front" in text(browser.get(url(world.web)))
    answer = browser.post(url(world.retail, "rename"), {"name": "Logistics"})
    assert answer.status_code == 422
    assert "This name is taken here." in text(answer)
    assert 'value="Logistics"' in text(answer)


def test_closing_says_what_is_still_in_it(market, signed_in):
    world = market.world
    facts = {"connection": market.aws, "region": "r", "capability": "compute", "state": "running", "name": "web-1"}
    Resource.objects.create(project=world.web, plan=market.server, version=market.server.version, **facts)
    browser = signed_in("erin")
    assert "<li>web-1</li>" in text(browser.get(url(world.web)))
    answer = browser.post(url(world.web, "close"))
    assert answer.status_code == 422
    assert "1 thing is still in it: web-1." in text(answer)
    world.web.refresh_from_db()
    assert world.web.state == "active"


def test_what_is_empty_is_closed_and_then_offers_nothing(world, signed_in):
    browser = signed_in("erin")
    assert browser.post(url(world.fleet, "close")).status_code == 302
    page = text(browser.get(url(world.fleet)))
    assert "Closed" in page
    assert url(world.fleet, "roles") not in page
    assert browser.post(url(world.fleet, "close")).status_code == 302
    answer = browser.post(url(world.fleet, "roles"), {"username": "bob", "role": role("member").pk})
    assert answer.status_code == 422
    assert "fleet is closed." in text(answer)


@pytest.mark.parametrize("who", ["bob", "bob@example.org", " BOB@example.org "])
def test_a_role_is_given_by_name_or_mail_until_a_day(world, signed_in, who):
    day = (clock.now() + timedelta(days=3)).date()
    browser = signed_in("erin")
    for _click in range(2):
        answer = browser.post(
            url(world.web, "roles"), {"username": who, "role": role("member").pk, "expires": day.isoformat()}
        )
        assert answer["Location"] == url(world.web)
    given = Assignment.objects.get(user=world.bob, scope=world.web)
    assert (given.role.key, given.expires.date()) == ("member", day)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"username": "nobody"}, "Nobody here is known"),
        ({"username": ""}, "required"),
        ({"username": "system"}, "Nobody here is known"),
        ({"username": "bob\x00"}, "Null characters"),
        ({"username": "erin"}, "Nobody gives herself a role"),
        ({"expires": "2020-01-01"}, "Choose a later day."),
        ({"expires": "someday"}, "valid date"),
        ({"role": "00000000-0000-0000-0000-000000000000"}, "valid choice"),
        ({"role": "x"}, "valid"),
    ],
)
def test_a_role_that_cannot_be_given_is_refused_with_what_was_typed(world, signed_in, fields, said):
    sent = {"username": "bob", "role": role("member").pk, "expires": "", **fields}
    before = Assignment.objects.count()
    answer = signed_in("erin").post(url(world.web, "roles"), sent)
    assert answer.status_code == 422
    assert said in text(answer)
    assert Assignment.objects.count() == before
    if "expires" in fields or "role" in fields:
        assert 'value="bob"' in text(answer)


def test_a_tenant_admin_gives_no_more_than_she_governs(world, signed_in):
    give(world.dave, "tenant_admin", world.retail)
    answer = signed_in("dave").post(url(world.web, "roles"), {"username": "bob", "role": role("organization_admin").pk})
    assert answer.status_code == 422
    assert "may do more than you govern" in text(answer)


def test_a_role_is_ended_and_given_again_in_two_clicks(world, signed_in):
    browser = signed_in("erin")
    mine = Assignment.objects.get(user=world.alice)
    page = text(browser.post(f"{url(world.web, 'roles')}{mine.pk}/end/", follow=True))
    assert "Alice Test is no longer Member here." in page
    assert not Assignment.objects.filter(user=world.alice).exists()
    undo = dict(re.findall(r'name="(username|role|expires)" value="([^"]*)"', page))
    assert browser.post(url(world.web, "roles"), undo).status_code == 302
    assert Assignment.objects.get(user=world.alice).role == role("member")
    assert "is no longer" not in text(browser.get(url(world.web)))


def test_a_second_click_on_end_says_that_it_has_ended(world, signed_in):
    browser = signed_in("erin")
    address = f"{url(world.web, 'roles')}{Assignment.objects.get(user=world.alice).pk}/end/"
    browser.post(address)
    assert "This role has ended already." in text(browser.post(address, follow=True))


def test_a_role_given_above_is_not_ended_here(world, signed_in):
    above = Assignment.objects.get(user=world.bob)
    signed_in("erin").post(f"{url(world.web, 'roles')}{above.pk}/end/")
    assert Assignment.objects.filter(pk=above.pk).exists()


def test_the_last_admin_stays_and_the_page_says_why(world, signed_in):
    own = Assignment.objects.get(user=world.erin)
    page = text(signed_in("erin").post(f"{url(world.nordwind, 'roles')}{own.pk}/end/", follow=True))
    assert "This is the last organization admin." in page
    assert Assignment.objects.filter(pk=own.pk).exists()


def test_a_quota_is_set_and_shown_with_what_is_used(world, signed_in):
    place_holds(world.web, {"servers": 3}, key="a")
    browser = signed_in("erin")
    for limit in (4, 2):
        assert browser.post(url(world.web, "quotas"), {"dimension": "servers", "limit": limit}).status_code == 302
    assert Quota.objects.get(scope=world.web).limit == 2
    page = text(browser.get(url(world.web)))
    assert "Servers in web: 3 of 2" in page
    assert "1 over" in page


@pytest.mark.parametrize(
    "fields",
    [{"limit": "-1"}, {"limit": "many"}, {"limit": str(2**53)}, {"limit": ""}, {"dimension": "V C"}, {"dimension": "d" * 41}],
)
def test_a_quota_that_is_none_is_refused_with_what_was_typed(world, signed_in, fields):
    sent = {"dimension": "servers", "limit": "7", **fields}
    answer = signed_in("erin").post(url(world.web, "quotas"), sent)
    assert answer.status_code == 422
    assert ('value="servers"' if "limit" in fields else 'value="7"') in text(answer)
    assert not Quota.objects.exists()


def test_a_place_is_handed_over_on_its_page(world, signed_in):
    address = f"/scopes/{world.web.pk}/"
    page = text(signed_in("erin").get(address))
    assert "Name an owner" in page
    refused = signed_in("erin").post(f"{address}owner/", {"to": "mallory"})
    assert refused.status_code == 422
    assert "has no role in web that shows it" in text(refused)
    assert 'value="mallory"' in text(refused)
    said = signed_in("erin").post(f"{address}owner/", {"to": "alice"}, follow=True)
    assert "answers for it from now on" in text(said)
    assert "owned by Alice Test" in text(said)
    assert "Hand over" in text(signed_in("alice").get(address))
    assert "Hand over" not in text(signed_in("bob").get(address))
    assert signed_in("bob").post(f"{address}owner/", {"to": "bob"}).status_code == 403
    assert signed_in("mallory").post(f"{address}owner/", {"to": "mallory"}).status_code == 404


def test_a_role_may_begin_on_a_day_to_come(world, signed_in):
    address, erin = f"/scopes/{world.web.pk}/", signed_in("erin")
    day = (clock.now() + timedelta(days=5)).date()
    sent = {"username": "carol", "role": role("viewer").pk, "starts": day.isoformat()}
    assert "From" in text(erin.post(f"{address}roles/", {**sent, "look": "1"}))
    said = text(erin.post(f"{address}roles/", sent, follow=True))
    assert "is Viewer here from" in said
    assert "begins" in said
    given = Assignment.objects.get(user=world.carol, scope=world.web)
    assert given.starts.date() == day
    gone = text(erin.post(f"{address}roles/{given.pk}/end/", follow=True))
    assert f'name="starts" value="{day.isoformat()}"' in gone


@pytest.mark.parametrize(
    ("starts", "expires", "status"),
    [
        ("2020-01-01", "", 422),
        ("soon", "", 422),
        ("9999-12-31", "", 422),
        ("", "9999-12-31", 422),
        ("2999-12-31", "", 302),
        ("2999-02-01", "2999-01-01", 422),
        ("today", "", 302),
    ],
)
def test_a_beginning_is_a_day_before_the_end(world, signed_in, starts, expires, status):
    starts = clock.now().date().isoformat() if starts == "today" else starts
    sent = {"username": "carol", "role": role("viewer").pk, "starts": starts, "expires": expires}
    assert signed_in("erin").post(f"/scopes/{world.web.pk}/roles/", sent).status_code == status


def test_a_role_that_a_policy_asks_about_is_shown_as_waiting(world, signed_in):
    stages = [{"who": {"pick": "role", "role": "approver"}}]
    rule = {"subject_kind": "role", "conditions": [], "stages": stages}
    publish_policy(world.nordwind, "Roles", actor=world.actor("erin"), **rule)
    viewer = Role.objects.get(key="viewer", scope=None)
    erin = signed_in("erin")
    answer = erin.post(f"/scopes/{world.retail.pk}/roles/", {"username": "dave", "role": viewer.pk}, follow=True)
    page = answer.content.decode()
    assert "it waits, and is given once it is approved" in page
    assert "Waits for a decision" in page
    assert not world.dave.assignments.filter(scope=world.retail).exists()
