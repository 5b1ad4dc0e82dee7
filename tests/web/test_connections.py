"""Connecting a cloud and looking at it, as a browser does: who may, what is shown, what is never shown, what bad input meets."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from portal.access.models import Scope, ScopeKind
from portal.approvals import services as approvals
from portal.clouds import checking, lifecycle, syncing
from portal.clouds.base import Check, CloudError, Listing
from portal.clouds.base import Choice as Offered
from portal.clouds.models import Connection, ConnectionState, Health
from portal.core import clock
from portal.provisioning import syncing as reading
from portal.provisioning.models import Resource, Sync
from tests.clouds import kit
from tests.clouds.scripted import Scripted, size, whole

CAST = ["alice", "bob", "carol", "dave", "erin", "mallory"]
SEE = {"carol", "dave", "erin"}
CHANGE = {"dave", "erin"}
NEW = "/connections/new/scripted/"
REGION = "eu-west-1"
WRONG = Check("credentials", "failed", "AuthFailure: no such key", kind="credentials")
SECRET = kit.KEYS["secret_access_key"]
FRESH = {"state": ConnectionState.CHECKING, "health": Health.UNKNOWN, "approved_at": None, "checked_at": None}


@pytest.fixture(autouse=True)
def scripted(request, settings):
    """The scripted cloud stands alone, except beside the market's real ones."""
    settings.PORTAL_PROVIDERS = [*(settings.PORTAL_PROVIDERS if "market" in request.fixturenames else []), *kit.SCRIPTED]
    Scripted.reset()
    yield Scripted
    Scripted.reset()


@pytest.fixture
def connection(world):
    return kit.connection(world)


def page_of(connection, act=""):
    return f"/connections/{connection.pk}/{act}"


def text_of(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def sent(world, **changes):
    """The form as dave fills it in."""
    return {
        "name": "AWS lab",
        "scope": str(world.nordwind.pk),
        "rung": "publish",
        "key": "k1",
        "config-regions": REGION,
        "config-endpoint": "",
        "credentials-access_key_id": kit.KEYS["access_key_id"],
        "credentials-secret_access_key": SECRET,
        "credentials-session_token": "",
        **changes,
    }


def found(connection, number, region=REGION):
    """Servers that a listing found."""
    Resource.objects.bulk_create(
        Resource(
            connection=connection,
            region=region,
            capability="compute",
            name=f"old-{index:04}",
            state="running",
            external_id=f"i-{index:04}",
            observed={"size": "t3.small", "addresses": ["10.0.0.1"]},
            seen_at=clock.now(),
        )
        for index in range(number)
    )


class TestWhoMay:
    @pytest.mark.parametrize("name", CAST)
    def test_the_list_is_for_who_sees_connections_in_few_queries(self, world, signed_in, in_few_queries, name):
        for number in range(60):
            made = kit.connection(world, name=f"cloud {number:02}", key=f"k{number}")
            lifecycle.start_check(made, None)
            Sync.objects.create(connection=made, region=REGION, capability="compute", good_at=clock.now())
        found(made, 30)
        answer = in_few_queries(signed_in(name), "/connections/")
        if name in SEE:
            assert "cloud 49" in answer.content.decode()
            assert "1 to 50 of 60" in answer.content.decode()
        else:
            assert answer.status_code == (200 if name == "mallory" else 404)
            assert "cloud 49" not in answer.content.decode()

    @pytest.mark.parametrize("name", CAST)
    def test_the_page_and_every_act_answer_to_each_role(self, world, signed_in, connection, name):
        browser = signed_in(name)
        assert browser.get(page_of(connection)).status_code == (200 if name in SEE else 404)
        refused = 403 if name in SEE else 404
        for act in ("credentials/", "rename/", "disable/"):
            assert browser.get(page_of(connection, act)).status_code == (200 if name in CHANGE else refused)
        for act in ("check/", "sync/", "credentials/", "rename/", "disable/"):
            answer = browser.post(page_of(connection, act), {"name": "", "credentials-surprise": "1", "reason": "x" * 500})
            if name in CHANGE:
                assert answer.status_code in (302, 422)
            else:
                assert answer.status_code == refused
                assert not connection.checks.exists()
        assert Connection.objects.get().state == "ready"

    @pytest.mark.parametrize("name", CAST)
    def test_connecting_is_for_who_may_connect_somewhere(self, world, signed_in, name):
        kit.provider("scripted")
        browser = signed_in(name)
        expected = 200 if name in {*CHANGE, "mallory"} else 403 if name == "carol" else 404
        assert browser.get("/connections/new/").status_code == expected
        assert browser.get(NEW).status_code == expected
        assert browser.post(NEW, sent(world)).status_code == (
            302 if name == "dave" else 422 if name in ("erin", "mallory") else expected
        )
        assert Connection.objects.count() == (1 if name == "dave" else 0)

    def test_where_nobody_else_could_decide_it_is_said_and_nothing_typed_is_lost(self, world, signed_in):
        kit.provider("scripted")
        answer = signed_in("erin").post(NEW, sent(world))
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "Nobody" in page
        assert 'value="AWS lab"' in page
        assert not Connection.objects.exists()

    def test_only_her_own_scopes_are_offered(self, world, signed_in):
        kit.provider("scripted")
        page = signed_in("mallory").get(NEW).content.decode()
        assert "Elsewhere" in page
        assert "Nordwind" not in page
        assert "Nordwind / Retail / web" in signed_in("dave").get(NEW).content.decode()

    @pytest.mark.parametrize("act", ["check/", "sync/"])
    def test_an_act_is_never_a_link(self, signed_in, connection, act):
        assert signed_in("dave").get(page_of(connection, act)).status_code == 405

    def test_every_form_needs_its_token(self, world, connection):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(world.dave)
        for url in (NEW, page_of(connection, "check/"), page_of(connection, "disable/")):
            assert browser.post(url, sent(world)).status_code == 403
        assert (Connection.objects.count(), connection.checks.count()) == (1, 0)

    def test_nothing_of_it_is_for_strangers(self, client, connection):
        for url in ("/connections/", NEW, page_of(connection), page_of(connection, "credentials/")):
            assert client.get(url)["Location"].startswith("/signin/")


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


class TestConnecting:
    @pytest.fixture(autouse=True)
    def _provider(self, world):
        kit.provider("scripted")

    def test_a_cloud_shows_what_it_gives_and_why_it_lacks_the_rest(self, world, signed_in, settings):
        settings.PORTAL_PROVIDERS = ["portal.clouds.adapters.aws.Aws"]
        kit.provider("aws")
        page = text_of(signed_in("dave").get("/connections/new/"))
        assert "Amazon Web Services" in page
        assert "Functions (Lambda) are not offered." in page
        assert "A cloud of the tests" not in page

    def test_the_form_holds_every_field_and_the_permissions_of_every_rung(self, signed_in):
        page = signed_in("dave").get(NEW).content.decode()
        for field in ("config-regions", "config-endpoint", "credentials-access_key_id", "credentials-secret_access_key"):
            assert f'name="{field}"' in page
        assert page.count('class="support mt-0"') == 4
        assert "ec2:RunInstances" in page
        assert 'type="password" name="credentials-secret_access_key"' in page
        assert page.index("credentials-secret_access_key") < page.index("credentials-session_token")

    def test_well_filled_in_it_connects_and_shows_the_page(self, world, signed_in, django_capture_on_commit_callbacks):
        browser = signed_in("dave")
        with django_capture_on_commit_callbacks() as callbacks:
            answer = browser.post(NEW, sent(world, rung="operate"))
        made = Connection.objects.get()
        assert answer["Location"] == page_of(made)
        assert (made.name, made.scope, made.rung, made.made_by) == ("AWS lab", world.nordwind, "operate", world.dave)
        assert made.config == {"regions": REGION}
        assert made.open_credentials() == kit.KEYS
        assert callbacks
        page = browser.get(page_of(made)).content.decode()
        assert "AWS lab" in page
        assert "hx-trigger" in page
        assert SECRET not in page

    def test_a_second_click_is_the_first(self, world, signed_in):
        browser = signed_in("dave")
        first, second = (browser.post(NEW, sent(world)) for _ in range(2))
        assert first["Location"] == second["Location"]
        assert Connection.objects.count() == 1

    def test_each_form_carries_a_key_of_its_own(self, signed_in):
        browser = signed_in("dave")
        keys = {re.search(r'name="key" value="(\w+)"', browser.get(NEW).content.decode()).group(1) for _ in range(2)}
        assert len(keys) == 2

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"name": ""}, "This field is required"),
            ({"name": "x" * 81}, "at most 80 characters"),
            ({"name": "a\x00b"}, "Null characters"),
            ({"key": ""}, "This field is required"),
            ({"scope": ""}, "This field is required"),
            ({"scope": "no-id"}, "not a valid"),
            ({"rung": "own"}, "not one of the available choices"),
            ({"config-regions": "eu west;1"}, "does not fit"),
            ({"config-endpoint": "file:///etc/passwd"}, "does not fit"),
            ({"config-surprise": "1"}, "surprise"),
            ({"credentials-is_admin": "1"}, "is_admin"),
            ({"credentials-secret_access_key": ""}, "This field is required"),
            ({"credentials-secret_access_key": "x" * 20_000}, "at most"),
            ({"config-regions": "<script>alert(1)</script>"}, "does not fit"),
        ],
    )
    def test_what_does_not_fit_is_said_beside_its_field(self, world, signed_in, changes, said):
        answer = signed_in("dave").post(NEW, sent(world, **changes))
        page = answer.content.decode()
        assert answer.status_code == 422
        assert said in page
        assert not Connection.objects.exists()
        assert SECRET not in page
        assert "x" * 20_000 not in page
        assert "<script>alert" not in page
        assert "enter them again" in page

    def test_a_scope_that_is_not_hers_is_none(self, world, signed_in):
        answer = signed_in("dave").post(NEW, sent(world, scope=str(world.other.pk)))
        assert answer.status_code == 422
        assert "Other" not in answer.content.decode()

    def test_a_name_that_is_taken_is_said_at_the_name(self, world, signed_in, connection):
        answer = signed_in("dave").post(NEW, sent(world, name=connection.name))
        assert answer.status_code == 422
        assert "There is a connection of this name already." in answer.content.decode()

    @pytest.mark.parametrize("key", ["nothing", "aws"])
    def test_a_cloud_that_is_not_offered_is_not_found(self, signed_in, key):
        assert signed_in("dave").get(f"/connections/new/{key}/").status_code == 404

    def test_ten_thousand_projects_make_no_endless_list(self, world, signed_in, in_few_queries):
        for number in range(400):
            Scope.objects.create(scope_kind=ScopeKind.PROJECT, parent=world.retail, name=f"p{number}", slug=f"p{number}")
        page = in_few_queries(signed_in("dave"), NEW).content.decode()
        assert page.count("<option") == 300
        last = Scope.objects.get(slug="p399")
        assert signed_in("dave").post(NEW, sent(world, scope=str(last.pk))).status_code == 302


class TestProgress:
    @pytest.fixture
    def checked(self, world):
        """A connection whose checks have begun."""
        made = kit.connection(world, **FRESH)
        return made, lifecycle.start_check(made, world.dave)

    def fragment(self, browser, connection, query=""):
        return browser.get(page_of(connection) + query, headers={"HX-Request": "true"})

    def test_the_fragment_shows_each_check_and_ends_by_itself(self, world, signed_in, checked):
        made, check = checked
        browser = signed_in("dave")
        check.results = [
            {"region": REGION, "name": "credentials", "state": "passed", "detail": "account 1", "needs": "", "kind": ""}
        ]
        check.save()
        page = text_of(self.fragment(browser, made))
        assert "<html" not in page
        assert "hx-trigger" in page
        assert "1 of 2 done" in page
        assert "The credentials are accepted" in page
        assert "account 1" in page
        assert "Checking" in page
        checking.run(check.pk)
        lifecycle.approve(made.pk, actor=world.actor("erin"))
        syncing.sync(made.pk)
        Scripted.list_servers = lambda self: Listing((), complete=True)
        try:
            reading.sync(made.pk)
        finally:
            del Scripted.list_servers
        page = text_of(self.fragment(browser, made))
        assert "hx-trigger" not in page
        assert "Ready" in page

    def test_wrong_credentials_are_said_with_the_cause_and_what_to_do(self, signed_in, checked, scripted):
        made, check = checked
        scripted.results = [WRONG]
        checking.run(check.pk)
        page = text_of(signed_in("dave").get(page_of(made)))
        assert "The cloud does not accept the credentials." in page
        assert "Check that the key is active and complete, then enter it again." in page
        assert "AuthFailure: no such key" in page
        assert "Change credentials" in page
        assert "Not run" in page
        assert "hx-trigger" not in page

    def test_a_permission_above_its_rung_stops_nothing(self, world, signed_in, scripted):
        scripted.results = [
            Check("credentials", "passed"),
            Check("make_server", "failed", "no", "ec2:RunInstances", "permission"),
        ]
        made = kit.connection(world, rung="observe", **FRESH)
        checking.run(lifecycle.start_check(made, None).pk)
        page = text_of(signed_in("dave").get(page_of(made)))
        assert "Not held" in page
        assert "ec2:RunInstances" in page
        assert "so it stops nothing now" in page

    def test_what_waits_for_a_decision_says_for_whom_and_links_the_card(self, world, signed_in):
        who = {"pick": "role", "role": "organization_admin", "at": "organization"}
        stage = {"who": who, "mode": "any", "due_hours": 24, "on_timeout": "deny"}
        erin = world.actor("erin")
        approvals.publish_policy(world.nordwind, "C", subject_kind="connection", conditions=[], stages=[stage], actor=erin)
        kit.provider("scripted")
        browser = signed_in("dave")
        browser.post(NEW, sent(world))
        made = Connection.objects.get()
        page = text_of(browser.get(page_of(made)))
        assert "It waits for a decision." in page
        assert "Erin Test" in page
        assert re.search(r'href="/inbox/[0-9a-f-]{36}/"', page)

    def test_a_sync_that_was_asked_for_is_followed_and_no_longer_than_two_minutes(self, signed_in, connection):
        syncing.sync(connection.pk)
        Sync.objects.create(connection=connection, region=REGION, capability="compute", good_at=clock.now())
        browser = signed_in("dave")
        assert "hx-trigger" not in self.fragment(browser, connection).content.decode()
        later = clock.now() + timedelta(seconds=30)
        with clock.travel(later):
            asked = f"?asked={int(later.timestamp())}"
            assert "hx-trigger" in self.fragment(browser, connection, asked).content.decode()
        with clock.travel(later + timedelta(minutes=3)):
            assert "hx-trigger" not in self.fragment(browser, connection, asked).content.decode()
        for nonsense in ("?asked=x", "?asked=-1", "?asked=99999999999", "?asked=" + "9" * 40):
            assert "hx-trigger" not in self.fragment(browser, connection, nonsense).content.decode()


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
