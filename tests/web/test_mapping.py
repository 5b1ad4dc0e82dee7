"""The page of rules from groups to roles, as a browser uses it."""

import re

import pytest

from portal.access.models import Assignment, Role, Source
from portal.identity.models import MappingRule
from portal.users.models import Identity
from tests.identity import upstream

ADMINS = {"groups": ["/cloud/admins"]}


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def fields(world, **changes):
    role = Role.objects.get(key="viewer", scope=None)
    given = {"provider": "", "claim": "groups", "compare": "is", "value": "/cloud/admins", "role": role.pk}
    return {**given, "scope": world.retail.pk, **changes}


@pytest.fixture
def known(world):
    return Identity.objects.create(user=world.alice, issuer="i", subject="s", claims=ADMINS)


def test_a_rule_is_added_seen_and_removed(world, known, signed_in):
    browser = signed_in("erin")
    assert "No rule yet" in text(browser.get("/mapping/"))
    answer = browser.post("/mapping/add/", fields(world), follow=True)
    assert "groups is /cloud/admins said by the identity service itself Viewer Retail 1" in text(answer)
    assert Assignment.objects.get(user=world.alice, source=Source.RULE).scope == world.retail
    rule = MappingRule.objects.get()
    browser.post(f"/mapping/{rule.pk}/remove/")
    assert browser.post(f"/mapping/{rule.pk}/remove/").status_code == 404
    assert not Assignment.objects.filter(source=Source.RULE).exists()


def test_a_rule_names_its_provider_as_people_do(world, signed_in):
    alias = upstream.oidc(world, name="The partner").alias
    answer = signed_in("erin").post("/mapping/add/", fields(world, provider=alias, value="staff"), follow=True)
    assert "groups is staff said by The partner Viewer Retail 0" in text(answer)


def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays(world, signed_in):
    browser = signed_in("erin")
    browser.post("/mapping/add/", fields(world))
    answer = browser.post("/mapping/add/", fields(world))
    assert answer.status_code == 422
    assert "There is this rule already" in text(answer)
    assert 'value="/cloud/admins"' in answer.content.decode()


@pytest.mark.parametrize(
    "changes", [{"value": ""}, {"value": "x" * 301}, {"role": "7"}, {"scope": "x"}, {"compare": "like"}, {"claim": "c" * 101}]
)
def test_nonsense_makes_no_rule(world, signed_in, changes):
    assert signed_in("erin").post("/mapping/add/", fields(world, **changes)).status_code == 422
    assert not MappingRule.objects.exists()


def test_another_organizations_scope_is_no_choice_and_its_rules_are_not_there(world, signed_in):
    browser = signed_in("erin")
    assert browser.post("/mapping/add/", fields(world, scope=world.other.pk)).status_code == 422
    browser.post("/mapping/add/", fields(world, value="/of/nordwind"))
    rule = MappingRule.objects.get()
    stranger = signed_in("mallory")
    assert "/of/nordwind" not in stranger.get("/mapping/").content.decode()
    assert stranger.post(f"/mapping/{rule.pk}/remove/").status_code == 404


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave"])
def test_who_gives_no_roles_does_not_find_the_page(world, signed_in, name):
    browser = signed_in(name)
    assert browser.get("/mapping/").status_code == 404
    assert browser.post("/mapping/add/", fields(world)).status_code == 404
    assert browser.post("/mapping/preview/", {"username": "alice"}).status_code == 404


def test_the_preview_of_a_person_says_what_she_keeps(world, known, signed_in):
    browser = signed_in("erin")
    browser.post("/mapping/add/", fields(world))
    assert "Viewer at Retail groups /cloud/admins Keeps" in text(browser.post("/mapping/preview/", {"username": "alice"}))


def test_the_preview_of_claims_with_a_person_says_what_she_would_lose(world, known, signed_in):
    browser = signed_in("erin")
    browser.post("/mapping/add/", fields(world))
    answer = browser.post("/mapping/preview/", {"username": "alice", "claims": '{"groups": []}'})
    assert "Viewer at Retail Loses" in text(answer)
    assert Assignment.objects.filter(source=Source.RULE).count() == 1


def test_the_preview_of_claims_alone_says_what_anybody_would_gain(world, signed_in):
    browser = signed_in("erin")
    browser.post("/mapping/add/", fields(world))
    assert "Gains" in text(browser.post("/mapping/preview/", {"claims": '{"groups": "/cloud/admins"}'}))
    assert "fits these claims" in text(browser.post("/mapping/preview/", {"claims": "{}"}))


@pytest.mark.parametrize("claims", ["", "groups", "[]", '"x"', "{", "[" * 100_000, "x" * 200_001, '{"a": "\x00"}'])
def test_a_preview_of_nonsense_says_what_to_paste(world, signed_in, claims):
    answer = signed_in("erin").post("/mapping/preview/", {"claims": claims})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()


def test_fifty_rules_cost_no_more_than_one(world, known, signed_in, in_few_queries):
    role = Role.objects.get(key="viewer", scope=None)
    rules = [MappingRule(value=f"/g/{n}", role=role, scope=world.retail, author=world.erin) for n in range(60)]
    MappingRule.objects.bulk_create(rules)
    browser = signed_in("erin")
    assert "/g/59" not in text(in_few_queries(browser, "/mapping/"))
    assert "/g/9" in text(browser.get("/mapping/?page=2"))
