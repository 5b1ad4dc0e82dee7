"""The page of tokens for a directory, as a browser uses it."""

import re
from datetime import timedelta

import pytest

from portal.access.models import Assignment, Role, Source
from portal.core import clock
from portal.events.models import Event
from portal.identity.models import MappingRule, ScimToken, scim_issuer
from tests.identity.scim import Directory, token

PLAIN = re.compile(r"scim_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
HERE = "/identity/scim/"


def sent(world, **changes):
    return {"organization": world.nordwind.pk, "name": "Entra", "days": 180, **changes}


def plain_in(answer):
    found = PLAIN.findall(answer.content.decode())
    return found[0] if found else ""


def test_a_token_is_made_shown_once_used_rotated_and_revoked(world, signed_in):
    browser = signed_in("erin")
    assert "No token yet" in browser.get(HERE).content.decode()
    first = plain_in(browser.post(HERE, sent(world), follow=True))
    assert Directory(first).get("Users").status_code == 200
    assert plain_in(browser.get(HERE)) == "", "nobody sees it twice"
    made = ScimToken.objects.get()
    second = plain_in(browser.post(f"{HERE}{made.pk}/rotate/", follow=True))
    assert second != first
    for plain in (first, second):
        assert Directory(plain).get("Users").status_code == 200
    made.refresh_from_db()
    assert made.expires <= clock.now() + timedelta(hours=24)
    newer = ScimToken.objects.exclude(pk=made.pk).get()
    assert (newer.name, round((newer.expires - newer.created_at).days, -1)) == ("Entra", 180)
    for _twice in range(2):
        browser.post(f"{HERE}{newer.pk}/revoke/")
    assert Directory(second).get("Users").status_code == 401
    assert browser.post(f"{HERE}{newer.pk}/rotate/").status_code == 409
    acts = Event.objects.filter(action__contains="scim_token").order_by("at").values_list("action", flat=True)
    assert [act.removeprefix("identity.").removesuffix("_scim_token") for act in acts] == ["make", "rotate", "revoke"]
    assert first not in str(list(Event.objects.values()))


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "mallory"])
def test_only_who_sets_up_sign_in_sees_and_moves_them(world, signed_in, name):
    token(world.nordwind, world.actor("erin"))
    made = ScimToken.objects.get()
    browser = signed_in(name)
    if name != "mallory":
        assert browser.get(HERE).status_code == 404
    else:
        assert made.prefix not in browser.get(HERE).content.decode()
    assert browser.post(HERE, sent(world)).status_code in (404, 422)
    for act in ("rotate", "revoke"):
        assert browser.post(f"{HERE}{made.pk}/{act}/").status_code == 404
    made.refresh_from_db()
    assert made.revoked_at is None
    assert ScimToken.objects.count() == 1


@pytest.mark.parametrize("changes", [{"name": ""}, {"name": "x" * 81}, {"days": 9999}, {"days": "x"}, {"organization": "x"}])
def test_a_form_that_does_not_fit_makes_nothing(world, signed_in, changes):
    assert signed_in("erin").post(HERE, sent(world, **changes)).status_code == 422
    assert not ScimToken.objects.exists()


def test_more_tokens_than_are_needed_are_refused(world, signed_in):
    for _each in range(10):
        token(world.nordwind, world.actor("erin"))
    answer = signed_in("erin").post(HERE, sent(world))
    assert answer.status_code == 422
    assert "Revoke one first" in answer.content.decode()


def test_the_page_asks_few_questions(world, signed_in, in_few_queries):
    for _each in range(8):
        token(world.nordwind, world.actor("erin"))
    assert "Entra" in in_few_queries(signed_in("erin"), f"{HERE}?page=nonsense").content.decode()


def test_a_rule_names_what_scim_says(world, signed_in):
    entra = Directory(token(world.nordwind, world.actor("erin")))
    zoe = entra.user("zoe").json()["id"]
    entra.group("Admins", zoe)
    browser = signed_in("erin")
    assert "SCIM of Nordwind" in browser.get("/mapping/add/").content.decode()
    role = Role.objects.get(key="viewer", scope=None)
    form = {"provider": scim_issuer(world.nordwind), "claim": "groups", "compare": "is", "value": "Admins", "role": role.pk}
    assert browser.post("/mapping/add/", {**form, "scope": world.retail.pk}).status_code == 302
    assert MappingRule.objects.get().is_by_scim
    assert Assignment.objects.get(source=Source.RULE).user.identities.get().scim_user.pk.hex == zoe.replace("-", "")
    assert "pushed by SCIM" in browser.get("/mapping/").content.decode()
    foreign = signed_in("mallory")
    assert foreign.post("/mapping/add/", {**form, "scope": world.other_tenant.pk}).status_code == 422
