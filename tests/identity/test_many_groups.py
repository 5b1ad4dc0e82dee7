"""A person in a thousand groups, in a real Keycloak: she signs in, her roles are right, and nothing of hers grows but one row."""

import json
import time
from typing import Any

import pytest
from django.contrib.sessions.models import Session as StoredSession
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.access.models import Assignment, Role
from portal.identity import directory_sync, mapping, puller, services, userinfo
from portal.identity.claims import MOST_GROUPS
from portal.identity.models import Compare, Session
from portal.identity.plane import plane
from portal.users.actor import NEVER, Actor, Auth
from portal.users.models import Identity
from tests.identity.saying import saying
from tests.realms import PASSWORD, Person
from tests.scripted import Visitor

GROUPS = 1_000  # Keycloak looks at all that she has for each that it adds: ten thousand are beyond it
PATHS = [f"/team-{number:05}" for number in range(GROUPS)]
LAST = PATHS[-1]


@pytest.fixture(scope="module")
def many(realm) -> Person:
    """She is in all of them. They are imported, which is quicker than one by one."""
    body = json.dumps({"ifResourceExists": "SKIP", "groups": [{"name": path[1:], "path": path} for path in PATHS]})
    assert realm.admin.connection.raw_post(f"admin/realms/{realm.name}/partialImport", data=body).ok
    names = {"username": "many", "firstName": "Many", "lastName": "Test", "email": "many@example.test", "enabled": True}
    known = {"type": "password", "value": PASSWORD, "temporary": False}
    key = realm.admin.create_user({**names, "groups": PATHS, "credentials": [known]})
    return Person(key, "many", PASSWORD, names["email"])


@pytest.fixture
def rules(world) -> None:
    """What her groups give: a role by the last of them at one project, one by beginnings above, none by what is not hers."""
    viewer, erin = Role.objects.get(key="viewer", scope=None), world.actor("erin")
    mapping.add_rule(world.web, viewer, value=LAST, actor=erin)
    mapping.add_rule(world.retail, viewer, value="/team-000", compare=Compare.STARTS, actor=erin)
    mapping.add_rule(world.fleet, viewer, value="/team-", actor=erin)


def roles_of(subject: str) -> set[Any]:
    return {row.scope for row in Assignment.objects.filter(user__identities__subject=subject)}


def sql_of(browser: Visitor, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert browser.portal.get(url).status_code == 200
    return len(queries)


@pytest.mark.proof
def test_who_is_in_so_many_groups_signs_in_and_only_one_row_is_longer(world, rules, realm, many, figures):
    few = realm.person("few", groups=[PATHS[0], LAST])
    browser, other = Visitor(), Visitor()
    other.sign_in("few", PASSWORD)
    back = browser.way_back("many", PASSWORD)
    began = time.monotonic()
    assert browser.portal.get(back).status_code == 302
    took = time.monotonic() - began
    assert roles_of(many.id) == roles_of(few.id) == {world.web, world.retail}
    assert sorted(Identity.objects.get(subject=many.id).claims["groups"]) == PATHS
    hers, others = (Session.objects.get(identity__subject=each.id) for each in (many, few))
    assert abs(len(hers.sealed) - len(others.sealed)) < 200
    kept = [len(StoredSession.objects.get(session_key=row.key).session_data) for row in (hers, others)]
    assert abs(kept[0] - kept[1]) < 100
    assert len(str(browser.portal.cookies)) < 1000
    for url in ("/", "/profile/", f"/scopes/{world.web.pk}/"):
        assert sql_of(browser, url) == sql_of(other, url) <= 40
    figures(groups=GROUPS, sealed_bytes=len(hers.sealed), milliseconds=int(took * 1000))


@pytest.mark.proof
def test_ten_thousand_groups_are_kept_whole_and_her_pages_cost_no_more(world, rules, realm, monkeypatch, figures):
    """What userinfo says is made here, since no Keycloak holds it; all else is the real one's."""
    paths = [f"/team-{number:05}" for number in range(MOST_GROUPS)]
    most, one = realm.person("most"), realm.person("one", groups=[PATHS[0], LAST])
    browser, other = Visitor(), Visitor()
    other.sign_in("one", PASSWORD)
    with saying(json.dumps({"sub": most.id, "groups": paths}).encode()) as said:
        monkeypatch.setattr(userinfo, "issuer", lambda: said.url)
        back = browser.way_back("most", PASSWORD)
        began = time.monotonic()
        assert browser.portal.get(back).status_code == 302
        took = time.monotonic() - began
    assert Identity.objects.get(subject=most.id).claims["groups"] == paths
    assert roles_of(most.id) == roles_of(one.id)
    for url in ("/", "/profile/", f"/scopes/{world.web.pk}/"):
        assert sql_of(browser, url) == sql_of(other, url)
    figures(groups=MOST_GROUPS, milliseconds=int(took * 1000))


def test_her_live_check_and_what_is_read_of_her_later_know_all_of_them(world, rules, realm, many):
    Visitor().sign_in("many", PASSWORD)
    identity = Identity.objects.get(subject=many.id)
    actor = Actor(identity.user, Auth("oidc", session=str(Session.objects.get().pk)), checked_at=NEVER)
    assert services.check_live(actor).checked_at > NEVER
    puller.pull()
    assert plane().groups(many.id) == PATHS
    last = realm.group(LAST)
    realm.admin.group_user_remove(many.id, last)
    try:
        puller.pull()
        identity.refresh_from_db()
        assert identity.claims["groups"] == PATHS[:-1]
        assert roles_of(many.id) == {world.retail}
    finally:
        realm.admin.group_user_add(many.id, last)


def test_the_directory_is_read_with_all_of_them(world, rules, realm, many):
    row = directory_sync.ask(actor=Actor.system())
    directory_sync.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error) == ("done", "")
    assert Identity.objects.get(subject=many.id).claims["groups"] == PATHS
    assert roles_of(many.id) == {world.web, world.retail}
    again = directory_sync.ask(actor=Actor.system())
    directory_sync.run(again.pk)
    again.refresh_from_db()
    assert (again.counts["changed"], again.counts["gained"], again.counts["lost"]) == (0, 0, 0)
