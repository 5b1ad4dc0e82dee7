"""A connection on its way: its checks as they come, and a sync that was asked for."""

import re
from datetime import timedelta

import pytest

from portal.approvals import services as approvals
from portal.clouds import checking, lifecycle, syncing
from portal.clouds.base import Check, Listing
from portal.clouds.models import Connection
from portal.core import clock
from portal.provisioning import syncing as reading
from portal.provisioning.models import Sync
from tests.clouds import kit
from tests.clouds.scripted import Scripted
from tests.web.connections.pages import FRESH, NEW, REGION, page_of, sent, text_of

WRONG = Check("credentials", "failed", "AuthFailure: no such key", kind="credentials")


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
