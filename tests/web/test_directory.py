"""The page of the directory's syncs."""

import re

import pytest

from portal.identity.models import DirectorySync, SyncState
from portal.users.models import Identity


@pytest.fixture(autouse=True)
def connected(settings):
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_looking_and_syncing_are_asked_for_and_shown(world, signed_in):
    browser = signed_in("dave")
    assert "never read" in text(browser.get("/directory/"))
    browser.post("/directory/", {"only": "look"})
    browser.post("/directory/")
    browser.post("/directory/")
    assert [row.dry_run for row in DirectorySync.objects.order_by("created_at")] == [True, False]
    page = browser.get("/directory/").content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "only looked" in page


def test_without_an_identity_service_the_page_says_so(world, signed_in, settings):
    settings.KEYCLOAK_URL = ""
    page = text(signed_in("dave").get("/directory/"))
    assert "No identity service is connected" in page
    assert "Sync now" not in page


def test_one_that_stopped_names_who_would_leave_and_goes_on_when_told(world, signed_in):
    identity = Identity.objects.create(user=world.alice, issuer="i", subject="s")
    stopped = DirectorySync.objects.create(
        asked_by=world.dave, state=SyncState.STOPPED, counts={"seen": 3, "leaving": 20}, leaving=[str(identity.pk)]
    )
    browser = signed_in("dave")
    page = text(browser.get("/directory/"))
    assert "20 people would lose their access" in page
    assert "Alice" in page
    assert "and others" in page
    browser.post(f"/directory/{stopped.pk}/go-on/")
    assert DirectorySync.objects.order_by("created_at").last().may_remove == 20
    again = browser.post(f"/directory/{stopped.pk}/go-on/", follow=True)
    assert "There is a later sync" in text(again)


@pytest.mark.parametrize("name", ["alice", "bob", "carol"])
def test_who_does_not_operate_the_platform_does_not_find_it(world, signed_in, name):
    stopped = DirectorySync.objects.create(state=SyncState.STOPPED, counts={"leaving": 20})
    browser = signed_in(name)
    assert browser.get("/directory/").status_code == 404
    assert browser.post("/directory/").status_code == 404
    assert browser.post(f"/directory/{stopped.pk}/go-on/").status_code == 404


def test_sixty_syncs_cost_no_more_than_one(world, signed_in, in_few_queries):
    DirectorySync.objects.bulk_create(DirectorySync(asked_by=world.dave, state=SyncState.DONE) for _ in range(60))
    browser = signed_in("dave")
    assert "1 to 50 of 60" in text(in_few_queries(browser, "/directory/"))
