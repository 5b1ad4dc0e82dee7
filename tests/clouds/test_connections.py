"""Connecting a cloud as a person does: who may, what is asked of whom, what is kept secret, and what bad input meets."""

from typing import Any

import pytest

from portal.approvals import services as approvals
from portal.approvals.queries import approval_of
from portal.clouds import checking, services
from portal.clouds.base import Check
from portal.clouds.kinds import ConnectionKind
from portal.clouds.models import Connection, ConnectionCheck, ConnectionState, Provider
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.events.models import Event
from tests.cast import World
from tests.clouds import kit
from tests.clouds.scripted import Scripted

CONFIG = {"regions": "eu-west-1"}


@pytest.fixture(autouse=True)
def scripted(settings: Any) -> Any:
    settings.PORTAL_PROVIDERS = kit.SCRIPTED
    Scripted.reset()
    return Scripted


@pytest.fixture
def provider(world: World) -> Provider:
    return kit.provider("scripted")


def connect(world: World, who: str = "dave", **changes: Any) -> Connection:
    """Connect as one of the cast; `changes` are what the test is about."""
    given = {"scope": world.nordwind, "name": "AWS one", "config": CONFIG, "credentials": kit.KEYS, "key": "k1", **changes}
    scope, name, config, credentials = (given.pop(field) for field in ("scope", "name", "config", "credentials"))
    return services.connect_cloud(scope, kit.provider("scripted"), name, config, credentials, actor=world.actor(who), **given)


class TestWhoMay:
    @pytest.mark.parametrize("who", ["alice", "bob"])
    def test_members_and_approvers_may_not_connect(self, world: World, who: str) -> None:
        with pytest.raises((Forbidden, NotFound)):
            connect(world, who)
        assert not Connection.objects.exists()

    def test_finance_may_see_and_not_connect(self, world: World) -> None:
        with pytest.raises(Forbidden):
            connect(world, "carol")
        connection = connect(world)
        with pytest.raises(Forbidden):
            services.check_connection(connection, actor=world.actor("carol"))

    def test_another_organization_does_not_find_it(self, world: World) -> None:
        connection = connect(world)
        mallory = world.actor("mallory")
        for act in (
            lambda: services.change_credentials(connection, kit.KEYS, actor=mallory),
            lambda: services.check_connection(connection, actor=mallory),
            lambda: services.rename_connection(connection, "mine", actor=mallory),
            lambda: services.disable_connection(connection, actor=mallory),
            lambda: connect(world, "mallory", key="k2"),
        ):
            with pytest.raises(NotFound):
                act()

    def test_the_operator_connects_and_its_checks_begin(self, world: World, django_capture_on_commit_callbacks: Any) -> None:
        with django_capture_on_commit_callbacks() as callbacks:
            connection = connect(world)
        assert connection.state == ConnectionState.CHECKING
        check = connection.checks.get()
        assert check.asked_by == world.dave
        assert callbacks


class TestDecisions:
    @pytest.fixture
    def waiting(self, world: World) -> Connection:
        """A connection that erin must decide on."""
        erin = world.actor("erin")
        who = {"pick": "role", "role": "organization_admin", "at": "organization"}
        stage = {"who": who, "mode": "any", "due_hours": 24, "on_timeout": "deny"}
        approvals.publish_policy(
            world.nordwind, "Clouds", subject_kind="connection", conditions=[], stages=[stage], actor=erin
        )
        return connect(world)

    def test_checked_and_approved_it_is_in_use(self, world: World, waiting: Connection) -> None:
        checking.run(waiting.checks.get().pk)
        waiting.refresh_from_db()
        assert waiting.state == ConnectionState.WAITING
        approval = approval_of("connection", waiting.pk)
        assert approval is not None
        with pytest.raises(Forbidden):
            approvals.vote(approval, "approve", approval.card_hash, actor=world.actor("dave"))
        approvals.vote(approval, "approve", approval.card_hash, actor=world.actor("erin"))
        waiting.refresh_from_db()
        assert waiting.state == ConnectionState.READY

    def test_denied_it_is_disabled_and_its_credentials_are_gone(self, world: World, waiting: Connection) -> None:
        approval = approval_of("connection", waiting.pk)
        assert approval is not None
        approvals.vote(approval, "deny", approval.card_hash, actor=world.actor("erin"), note="no")
        waiting.refresh_from_db()
        assert waiting.state == ConnectionState.DISABLED
        assert waiting.open_credentials() == {}

    def test_disabled_while_it_waits_the_question_is_withdrawn(self, world: World, waiting: Connection) -> None:
        services.disable_connection(waiting, actor=world.actor("erin"), reason="a mistake")
        approval = approval_of("connection", waiting.pk)
        assert approval is not None
        assert approval.state == "withdrawn"

    def test_it_keeps_its_name_while_it_waits(self, world: World, waiting: Connection) -> None:
        with pytest.raises(Conflict):
            services.rename_connection(waiting, "other", actor=world.actor("dave"))

    def test_the_card_shows_where_and_as_what_and_no_secret(self, world: World, waiting: Connection) -> None:
        facts = ConnectionKind().facts(waiting)
        assert facts == {
            "name": "AWS one",
            "provider": "scripted",
            "endpoint": "",
            "regions": "eu-west-1",
            "rung": "publish",
        }


class TestSecrets:
    def test_credentials_stand_nowhere_in_clear(self, world: World) -> None:
        connection = connect(world)
        services.change_credentials(connection, {**kit.KEYS, "session_token": "sesame-open"}, actor=world.actor("dave"))
        checking.run(connection.checks.get(finished_at=None).pk)
        rows = [*Event.objects.values(), *Connection.objects.values(), *ConnectionCheck.objects.values()]
        everything = repr([{**row, "sealed": bytes(row.get("sealed") or b"")} for row in rows])
        for secret in (kit.KEYS["secret_access_key"], "sesame-open"):
            assert secret not in everything
        connection.refresh_from_db()
        assert connection.open_credentials()["session_token"] == "sesame-open"

    def test_other_credentials_are_checked_again(self, world: World) -> None:
        connection = connect(world)
        first = connection.checks.get()
        services.change_credentials(connection, kit.KEYS, actor=world.actor("dave"))
        first.refresh_from_db()
        assert first.finished_at is not None
        assert connection.checks.filter(finished_at=None).count() == 1

    def test_a_failed_connection_gets_another_chance(self, world: World, scripted: Any) -> None:
        scripted.results = [Check("credentials", "failed", "AuthFailure", kind="credentials")]
        connection = connect(world)
        checking.run(connection.checks.get().pk)
        connection.refresh_from_db()
        assert connection.state == ConnectionState.FAILED
        Scripted.reset()
        services.change_credentials(connection, kit.KEYS, actor=world.actor("dave"))
        connection.refresh_from_db()
        assert connection.is_moving
        checking.run(connection.checks.get(finished_at=None).pk)
        connection.refresh_from_db()
        assert connection.state in (ConnectionState.READY, ConnectionState.WAITING)


class TestInput:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": "  "}, "name"),
            ({"name": "x" * 81}, "name"),
            ({"name": "a\x00b"}, "name"),
            ({"config": {}}, None),
            ({"config": {"regions": "eu west;1"}}, "config-regions"),
            ({"config": {"regions": "eu-west-1", "endpoint": "file:///etc/passwd"}}, "config-endpoint"),
            ({"config": {"regions": "eu-west-1", "endpoint": "http://user:pass@x"}}, "config-endpoint"),
            ({"config": {"regions": "eu-west-1", "surprise": "1"}}, "config-surprise"),
            ({"credentials": {}}, "credentials-access_key_id"),
            ({"credentials": {**kit.KEYS, "secret_access_key": "x" * 10_001}}, "credentials-secret_access_key"),
            ({"credentials": {**kit.KEYS, "is_admin": "1"}}, "credentials-is_admin"),
            ({"rung": "own"}, "rung"),
        ],
    )
    def test_what_does_not_fit_is_named(self, world: World, changes: dict[str, Any], field: str | None) -> None:
        if field is None:
            assert connect(world, **changes).region_keys() == ("eu-west-1",)
            return
        with pytest.raises(Invalid) as caught:
            connect(world, **changes)
        assert field in caught.value.extra["fields"]
        assert not Connection.objects.exists()

    def test_a_double_click_connects_once(self, world: World) -> None:
        assert connect(world).pk == connect(world, name="another").pk

    def test_one_name_once_until_it_is_free_again(self, world: World) -> None:
        first = connect(world)
        with pytest.raises(Invalid):
            connect(world, key="k2")
        services.disable_connection(first, actor=world.actor("dave"))
        assert connect(world, key="k3").pk != first.pk

    def test_a_disabled_connection_takes_nothing_more(self, world: World) -> None:
        connection = services.disable_connection(connect(world), actor=world.actor("dave"))
        for act in (
            lambda: services.change_credentials(connection, kit.KEYS, actor=world.actor("dave")),
            lambda: services.check_connection(connection, actor=world.actor("dave")),
            lambda: services.rename_connection(connection, "x", actor=world.actor("dave")),
        ):
            with pytest.raises(Conflict):
                act()

    def test_every_act_leaves_its_event(self, world: World) -> None:
        connection = kit.connection(world)
        dave = world.actor("dave")
        services.rename_connection(connection, "renamed", actor=dave)
        services.change_credentials(connection, kit.KEYS, actor=dave)
        services.check_connection(connection, actor=dave)
        services.disable_connection(connection, actor=dave, reason="over")
        actions = set(Event.objects.filter(target_id=str(connection.pk)).values_list("action", flat=True))
        assert {
            "clouds.rename_connection",
            "clouds.change_credentials",
            "clouds.ask_check",
            "clouds.disable_connection",
        } <= actions
