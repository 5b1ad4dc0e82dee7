"""Checks of a connection: run by a worker against a real cloud, followed while they run, believed when they are over."""

from collections.abc import Iterator
from typing import Any

import pytest

from portal.clouds import checking, lifecycle
from portal.clouds.base import Check, CloudError
from portal.clouds.models import Connection, ConnectionCheck, ConnectionState, Health
from portal.events.models import Event
from portal.users.actor import Actor
from tests.cast import World
from tests.clouds import kit
from tests.clouds.scripted import Scripted
from tests.clouds.test_postgresql import account_at as postgres_at
from tests.clouds.test_postgresql import server_port

FRESH = {"state": ConnectionState.CHECKING, "health": Health.UNKNOWN, "approved_at": None, "checked_at": None}
NO = Check("make_server", "failed", "UnauthorizedOperation: no", "ec2:RunInstances", "permission")


@pytest.fixture
def scripted(settings: Any) -> Iterator[type[Scripted]]:
    settings.PORTAL_PROVIDERS = kit.SCRIPTED
    Scripted.reset()
    yield Scripted
    Scripted.reset()


def checked(connection: Connection) -> ConnectionCheck:
    """A run of the checks to its end."""
    check = lifecycle.start_check(connection, None)
    checking.run(check.pk)
    check.refresh_from_db()
    connection.refresh_from_db()
    return check


class TestRealClouds:
    def test_an_aws_account_passes_region_by_region(self, world: World, moto: int) -> None:
        config = {"endpoint": f"http://127.0.0.1:{moto}", "regions": "eu-west-1,eu-central-1"}
        connection = kit.connection(world, "aws", config=config, **FRESH)
        check = checked(connection)
        assert (check.passed, check.percent) == (True, 100)
        assert [result["region"] for result in check.results] == ["eu-west-1"] * 7 + ["eu-central-1"] * 7
        assert check.planned == len(check.results)
        assert (connection.state, connection.health) == (ConnectionState.WAITING, Health.WELL)

    def test_a_postgresql_server_passes(self, world: World) -> None:
        account = postgres_at(server_port())
        connection = kit.connection(world, "postgresql", config=account.config, credentials=account.credentials, **FRESH)
        assert checked(connection).passed

    def test_a_wrong_password_ends_in_a_clear_result(self, world: World) -> None:
        account = postgres_at(server_port(), password="wrong")
        connection = kit.connection(world, "postgresql", config=account.config, credentials=account.credentials, **FRESH)
        check = checked(connection)
        assert check.passed is False
        assert (connection.state, connection.health, connection.error_kind) == ("failed", "failing", "credentials")
        assert "wrong" not in str(check.results)

    def test_an_endpoint_that_is_down_ends_in_a_clear_result(self, world: World) -> None:
        connection = kit.connection(world, "aws", config={"endpoint": "http://127.0.0.1:1", "regions": "eu-west-1"}, **FRESH)
        checked(connection)
        assert (connection.state, connection.error_kind) == ("failed", "unreachable")

    def test_a_forbidden_address_ends_in_a_clear_result(self, world: World, settings: Any) -> None:
        settings.OUTBOUND_ALLOW = []
        connection = kit.connection(world, "aws", config={"endpoint": "http://127.0.0.1:1", "regions": "eu-west-1"}, **FRESH)
        checked(connection)
        assert (connection.state, connection.error_kind) == ("failed", "refused")
        assert "OUTBOUND_ALLOW" in connection.error_detail


class TestProgress:
    def test_each_result_can_be_read_while_the_next_is_awaited(self, world: World, scripted: Any) -> None:
        connection = kit.connection(world, **FRESH)
        seen: list[tuple[int, bool]] = []

        class Watched(Scripted):
            def check(self) -> Iterator[Check]:
                for result in self.results:
                    row = ConnectionCheck.objects.get()
                    seen.append((row.percent, row.is_moving))
                    yield result

        scripted.results = [Check("credentials", "passed"), Check("make_server", "passed")]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("portal.clouds.registry.provider", lambda _kind: Watched)
            checked(connection)
        assert seen == [(0, True), (50, True)]

    def test_while_one_runs_another_is_the_same(self, world: World, scripted: Any) -> None:
        connection = kit.connection(world)
        assert lifecycle.start_check(connection, None) == lifecycle.start_check(connection, None)

    def test_a_run_that_comes_twice_or_late_changes_nothing(self, world: World, scripted: Any) -> None:
        connection = kit.connection(world, **FRESH)
        check = checked(connection)
        before = Event.objects.count()
        scripted.results = [NO]
        checking.run(check.pk)
        connection.refresh_from_db()
        assert connection.state == ConnectionState.WAITING
        assert Event.objects.count() == before

    def test_a_run_replaced_by_another_has_no_say(self, world: World, scripted: Any) -> None:
        connection = kit.connection(world, **FRESH)
        old = lifecycle.start_check(connection, None)
        new = lifecycle.restart_check(connection, None)
        lifecycle.take_check(old, CloudError("late", retry=False, kind="refused"), actor=Actor.system())
        connection.refresh_from_db()
        assert (connection.state, connection.checks.filter(finished_at=None).get()) == (ConnectionState.CHECKING, new)


class TestOutcomes:
    def test_a_failure_above_its_rung_is_only_told(self, world: World, scripted: Any) -> None:
        scripted.results = [Check("credentials", "passed"), NO]
        observing = kit.connection(world, rung="observe", **FRESH)
        assert checked(observing).passed
        publishing = kit.connection(world, name="two", key="2", **FRESH)
        assert not checked(publishing).passed
        assert publishing.error_kind == "permission"

    def test_passed_and_approved_it_is_in_use_and_synced(
        self, world: World, scripted: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        connection = kit.connection(world, **FRESH)
        lifecycle.approve(connection.pk, actor=world.actor("erin"))
        with django_capture_on_commit_callbacks() as callbacks:
            checked(connection)
        assert connection.is_usable
        assert len(callbacks) == 1

    def test_approved_after_its_checks_it_is_in_use_at_once(self, world: World, scripted: Any) -> None:
        connection = kit.connection(world, **FRESH)
        checked(connection)
        assert lifecycle.approve(connection.pk, actor=world.actor("erin")).state == ConnectionState.READY

    def test_in_use_a_failing_check_is_shown_and_takes_nothing_away(self, world: World, scripted: Any) -> None:
        connection = kit.connection(world)
        scripted.results = [Check("credentials", "failed", "timed out", kind="unreachable")]
        checked(connection)
        checked(connection)
        assert (connection.state, connection.health) == (ConnectionState.READY, Health.FAILING)
        assert connection.failing_since is not None
        Scripted.reset()
        checked(connection)
        assert (connection.health, connection.failing_since, connection.error_detail) == (Health.WELL, None, "")
        outcomes = Event.objects.filter(action="clouds.check_connection").order_by("at").values_list("outcome", flat=True)
        assert list(outcomes) == ["failed", "done"]

    def test_a_disabled_connection_is_not_called(self, world: World, scripted: Any) -> None:
        connection = kit.connection(world)
        check = lifecycle.start_check(connection, None)
        lifecycle.disable(connection.pk, actor=world.actor("dave"), reason="")
        checking.run(check.pk)
        connection.refresh_from_db()
        assert scripted.asked == []
        assert connection.state == ConnectionState.DISABLED
        assert connection.open_credentials() == {}
