"""Connections in their list, and the page of one: what is shown, what is never shown, what can be done."""

from datetime import timedelta

import pytest

from portal.clouds import syncing
from portal.clouds.base import Choice as Offered
from portal.clouds.base import CloudError
from portal.clouds.models import Health
from portal.core import clock
from portal.provisioning.models import Resource
from tests.clouds import kit
from tests.clouds.scripted import Scripted, size, whole
from tests.web.connections.pages import FRESH, REGION, found, page_of, text_of


class TestTheList:
    def test_with_none_it_says_what_to_do(self, world, signed_in):
        assert "No cloud is connected yet" in signed_in("dave").get("/connections/").content.decode()
        page = signed_in("carol").get("/connections/").content.decode()
        assert "/connections/new/" not in page

    def test_what_fails_is_said_with_its_cause_and_since_when(self, world, signed_in, connection):
        long_ago = clock.now() - timedelta(hours=3)
        connection.health, connection.error_kind, connection.failing_since = Health.FAILING, "unreachable", long_ago
        connection.save()
        Scripted.errors = {REGION: CloudError("no route", retry=True, kind="unreachable")}
        other = kit.connection(world, name="Another", key="2")
        syncing.sync(other.pk)
        page = text_of(signed_in("dave").get("/connections/"))
        assert "The cloud does not answer." in page
        assert "3 h ago" in page
        assert f"{REGION}: The cloud does not answer." in page
        assert "1 is well" in page
        assert "1 failing" in page

    @pytest.mark.parametrize(
        "query", ["q=one", "provider=scripted", "state=ready", "health=well", "state=x", "provider=%00", "q=%00", "page=z"]
    )
    def test_its_filter_stands_whatever_is_typed(self, signed_in, connection, query):
        answer = signed_in("dave").get(f"/connections/?{query}")
        assert answer.status_code == 200

    def test_its_filter_narrows(self, signed_in, connection):
        browser = signed_in("dave")
        assert "Cloud one" in browser.get("/connections/?q=cloud&state=ready").content.decode()
        page = browser.get("/connections/?state=disabled").content.decode()
        assert "Cloud one" not in page
        assert "No connection fits this filter" in page


class TestThePage:
    def test_regions_show_what_can_be_chosen_and_stay_when_the_cloud_is_silent(self, signed_in, connection, scripted):
        scripted.found = {REGION: whole(size("small"), size("big"), Offered("image", "ami-1", "Debian"))}
        with clock.travel(clock.now() - timedelta(hours=5)):
            syncing.sync(connection.pk)
        scripted.errors = {REGION: CloudError("no route", retry=True, kind="unreachable")}
        syncing.sync(connection.pk)
        page = text_of(signed_in("dave").get(page_of(connection)))
        assert 'data-label="Sizes">2<' in page
        assert 'data-label="Images">1<' in page
        assert "5 h ago" in page
        assert "The cloud does not answer." in page
        assert "3 of 20" in page

    def test_unmanaged_servers_are_listed_page_by_page(self, world, signed_in, connection, in_few_queries):
        found(connection, 120)
        page = in_few_queries(signed_in("dave"), page_of(connection), most=24).content.decode()
        assert "old-0000" in page
        assert "old-0050" not in page
        assert "1 to 50 of 120" in page
        assert "t3.small" in page
        assert "old-0050" in signed_in("dave").get(page_of(connection) + "?page=2").content.decode()

    def test_the_count_of_managed_ones_leads_to_their_list(self, market, signed_in):
        market.active()
        browser = signed_in("dave")
        link = f"/resources/?connection={market.aws.pk}"
        assert f'href="{link}">1</a>' in browser.get(page_of(market.aws)).content.decode()
        assert "web-1" in browser.get(link).content.decode()
        assert "web-1" not in browser.get(f"/resources/?connection={market.postgres.pk}").content.decode()
        assert browser.get("/resources/?connection=nonsense").status_code == 200

    def test_one_that_names_itself_in_html_stays_text(self, signed_in, connection):
        found(connection, 1)
        Resource.objects.update(name="<img src=x onerror=alert(1)>", observed={"addresses": [], "size": "<b>"})
        page = signed_in("dave").get(page_of(connection)).content.decode()
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page

    def test_check_now_begins_one_run_however_often(self, signed_in, connection):
        browser = signed_in("dave")
        for _ in range(2):
            assert browser.post(page_of(connection, "check/"))["Location"] == page_of(connection)
        assert connection.checks.count() == 1

    def test_sync_now_asks_for_both(self, signed_in, connection, monkeypatch, django_capture_on_commit_callbacks):
        asked = []
        monkeypatch.setattr("portal.core.queue._send", lambda task, args: asked.append((task, args)))
        with django_capture_on_commit_callbacks(execute=True):
            answer = signed_in("dave").post(page_of(connection, "sync/"))
        assert answer["Location"].startswith(f"{page_of(connection)}?asked=")
        ids = [str(connection.pk)]
        assert asked[-2:] == [("clouds.sync_choices", ids), ("provisioning.sync", ids)]

    def test_what_is_not_in_use_is_not_synced(self, world, signed_in):
        made = kit.connection(world, **FRESH)
        assert signed_in("dave").post(page_of(made, "sync/")).status_code == 409

    def test_new_credentials_replace_the_old_and_are_checked(self, signed_in, connection):
        browser = signed_in("dave")
        url = page_of(connection, "credentials/")
        assert kit.KEYS["access_key_id"] not in browser.get(url).content.decode()
        wrong = browser.post(url, {"credentials-access_key_id": "AKIANEW", "credentials-secret_access_key": ""})
        assert wrong.status_code == 422
        new = {"credentials-access_key_id": "AKIANEW", "credentials-secret_access_key": "sesame-open-1"}
        answer = browser.post(url, new, follow=True)
        assert "sesame-open-1" not in answer.content.decode()
        connection.refresh_from_db()
        assert connection.open_credentials()["secret_access_key"] == "sesame-open-1"
        assert connection.checks.count() == 1

    def test_it_is_renamed_and_a_name_that_is_taken_is_said(self, world, signed_in, connection):
        kit.connection(world, name="Two", key="2")
        browser, url = signed_in("dave"), page_of(connection, "rename/")
        assert browser.post(url, {"name": "Two"}).status_code == 422
        assert browser.post(url, {"name": "Kundenportal-Digitalisierung Mittelstand Phase 2"}).status_code == 302
        connection.refresh_from_db()
        assert connection.name.startswith("Kundenportal")

    def test_disabling_says_what_stops_and_drops_the_credentials(self, signed_in, connection):
        browser, url = signed_in("dave"), page_of(connection, "disable/")
        assert "What stops" in browser.get(url).content.decode()
        assert browser.post(url, {"reason": "the account is closed"}).status_code == 302
        connection.refresh_from_db()
        assert (connection.state, connection.open_credentials()) == ("disabled", {})
        page = browser.get(page_of(connection)).content.decode()
        assert "This connection is disabled." in page
        assert "Sync now" not in page
        assert browser.post(url, {}).status_code == 409
        assert browser.get(page_of(connection, "credentials/")).status_code == 409
