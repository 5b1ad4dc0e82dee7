"""What belongs to others is nothing: every address with an id, by every method, answers as for an id that never was."""

import re
import uuid

import pytest
from django.db import transaction

from portal.access.models import Assignment, Group, Role, Token
from portal.access.permissions import PERMISSIONS
from portal.identity.service_accounts import create_service_account
from portal.tenancy.groups import create_group
from portal.tenancy.models import Acceptance
from portal.web.takes import TAKES, Free, Takes
from portal.web.urls import urlpatterns
from tests.addresses import addresses, never_were, one_of_each

METHODS = ("get", "post", "put", "patch", "delete")
OF_THE_PORTAL = ("directory",)
"""One directory feeds the whole portal; who operates the platform, wherever, operates it."""
OF_ALL = ("calendars", "catalogue", "connections", "budgets", "terms")
"""What an organization has for each of its tenants."""
OF_WHO_HAS_THE_LINK = ("project-join",)
"""What opens for everybody of an organization whom somebody sent the address."""


@pytest.fixture
def theirs(market, settings):
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    return one_of_each(market)


@pytest.fixture
def everything(world, theirs):
    """May do everything: mallory in another organization, bob in another tenant of the same one."""
    role = Role.objects.create(key="everything", name="Everything", permissions=sorted(PERMISSIONS))
    for name, place in (("mallory", world.other), ("bob", world.logistics)):
        Assignment.objects.filter(user=world.people[name]).delete()
        Assignment.objects.create(user=world.people[name], role=role, scope=place)
        Acceptance.objects.create(user=world.people[name], terms_id=theirs["terms"])


@pytest.mark.parametrize("name", ["mallory", "bob"])
def test_an_id_of_others_is_answered_like_one_that_never_was(name, theirs, everything, world, signed_in):
    browser, wrong, count = signed_in(name), [], 0
    never = never_were(theirs)
    ours, nobodys = addresses(urlpatterns, theirs), addresses(urlpatterns, never)
    for (url, path, pattern), (_url, made_up, _pattern) in zip(ours, nobodys, strict=True):
        line = TAKES[url]
        if "pk" not in pattern.pattern.converters or line is Free.OUTSIDE or path.split("/")[0] in OF_THE_PORTAL:
            continue
        if name == "bob" and (path.split("/")[0] in OF_ALL or url in OF_WHO_HAS_THE_LINK):
            continue
        for method in METHODS:
            said, expected = ask(browser, method, f"/{path}"), ask(browser, method, f"/{made_up}")
            allowed = {404} if isinstance(line, Takes) and method in asked(line) else {302, 404, 405}
            if said != expected or said[0] not in allowed:
                wrong.append(f"{method} {url}: {said[0]}, for none {expected[0]}")
            count += 1
    assert not wrong, "\n".join(wrong)
    assert count > 150


def test_an_id_of_others_below_a_thing_of_hers_is_nothing_either(theirs, everything, world, signed_in):
    """Her own scope, group and account in front, and what belongs to others behind."""
    mallory = world.actor("mallory")
    account = create_service_account(world.other, "hers", actor=mallory)
    hers = {
        "scopes": world.other.pk,
        "groups": create_group(world.other, "Hers", actor=mallory).pk,
        "service-accounts": account.pk,
    }
    never = {key: uuid.uuid4() for key in ("assignment_pk", "user_pk", "token_pk")}
    browser, kept, tried = signed_in("mallory"), state_of(theirs), set()
    for (name, path, pattern), (_name, made_up, _pattern) in zip(
        addresses(urlpatterns, theirs | hers), addresses(urlpatterns, theirs | hers | never), strict=True
    ):
        if set(pattern.pattern.converters) & set(never):
            said = ask(browser, "post", f"/{path}")
            assert said == ask(browser, "post", f"/{made_up}"), name
            assert said[0] in (302, 404), name
            browser.post(f"/{path}")
            tried.add(name)
    assert tried == {"scope-role-end", "group-remove", "serviceaccount-rotate", "serviceaccount-revoke"}
    assert state_of(theirs) == kept


def state_of(theirs):
    """What would change if one of those acts had done something."""
    return (
        Assignment.objects.filter(pk=theirs["assignment_pk"]).exists(),
        Group.members.through.objects.filter(group=theirs["groups"], user=theirs["user_pk"]).exists(),
        Token.objects.filter(pk=theirs["token_pk"], revoked_at=None).values("expires").get(),
    )


def asked(line):
    return {method for method, permission in (("get", line.reading), ("post", line.acting)) if permission}


def ask(browser, method, path):
    """Status, where it leads and what it says, without ids and correlation; nothing of it stays."""
    with transaction.atomic():
        answer = getattr(browser, method)(path)
        transaction.set_rollback(True)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|csrfmiddlewaretoken.*?>", "", answer.content.decode())
    text = text.replace(answer.headers["X-Correlation-Id"], "")
    text = re.sub(r'X-CSRFToken": "\w+"', "", text)
    return answer.status_code, re.sub(r"[0-9a-f-]{36}", "", answer.headers.get("Location", "")), text
