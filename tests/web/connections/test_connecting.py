"""Connecting a cloud, as a browser does: who may, and what bad input meets."""

import re

import pytest
from django.test import Client

from portal.access.models import Scope, ScopeKind
from portal.clouds import lifecycle
from portal.clouds.models import Connection
from portal.core import clock
from portal.provisioning.models import Sync
from tests.clouds import kit
from tests.web.connections.pages import NEW, REGION, SECRET, found, page_of, sent, text_of

CAST = ["alice", "bob", "carol", "dave", "erin", "mallory"]
SEE = {"carol", "dave", "erin"}
CHANGE = {"dave", "erin"}


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
