"""What every adapter must hold. A provider's test class inherits the contract of each of its capabilities."""

import json
import time
from collections.abc import Callable
from typing import Any, ClassVar, get_type_hints

import pytest

from portal.clouds import base
from portal.clouds.base import Done, Pending
from portal.core.schema import secrets_of

MADE_UP = "00000000-0000-7000-8000-000000000000"


def settled(adapter: Any, answer: Any, within_s: float = 30) -> Any:
    """What the pending answer ends in."""
    until = time.monotonic() + within_s
    while isinstance(answer, Pending):
        assert time.monotonic() < until, answer
        time.sleep(min(answer.poll_after_s, 0.2))
        answer = adapter.poll(answer.ref)
    assert isinstance(answer, Done)
    return answer.observed


class CloudContract:
    """What every provider declares and answers. A subclass gives the fixture `account` and the class."""

    provider: ClassVar[type[Any]]

    @pytest.fixture
    def adapter(self, account: base.Account) -> Any:
        return self.provider(account)

    def test_it_has_each_capability_or_says_why_not(self) -> None:
        told = {*self.provider.capabilities, *self.provider.lacks}
        assert told == set(base.CAPABILITIES)
        assert all(self.provider.lacks.values())

    def test_its_secrets_are_write_only(self) -> None:
        names = set(self.provider.credentials["properties"])
        suspicious = {name for name in names if any(word in name for word in ("secret", "password", "token"))}
        assert suspicious
        assert suspicious <= secrets_of(self.provider.credentials)

    def test_every_public_call_has_a_deadline(self) -> None:
        protocols = {"compute": base.Compute, "database": base.Databases}
        for capability in self.provider.capabilities:
            for name in (name for name in vars(protocols[capability]) if not name.startswith("_")):
                assert 0 < getattr(self.provider, name).__dict__["within_s"] <= 300, name
        for name in ("regions", "choices", "limits"):
            assert 0 < getattr(self.provider, name).__dict__["within_s"] <= 300, name

    def test_its_checks_come_in_the_order_declared_and_pass(self, adapter: Any) -> None:
        checks = list(adapter.check())
        assert [check.name for check in checks] == list(self.provider.checks)
        assert all(check.ok for check in checks), checks

    def test_its_region_is_among_its_regions(self, adapter: Any) -> None:
        assert adapter.account.region in {region.key for region in adapter.regions()}

    def test_what_can_be_chosen_is_told_whole(self, adapter: Any) -> None:
        listing = adapter.choices()
        assert listing.complete
        assert len({(choice.kind, choice.key) for choice in listing.items}) == len(listing.items)
        for size in (choice for choice in listing.items if choice.kind == "size"):
            assert size.attributes["vcpu"] > 0
            assert size.attributes["memory_mib"] > 0

    def test_its_limits_are_numbers(self, adapter: Any) -> None:
        assert all(limit.limit >= 0 for limit in adapter.limits())

    def test_an_account_does_not_print_its_secrets(self, account: base.Account) -> None:
        for secret in secrets_of(self.provider.credentials) & set(account.credentials):
            assert account.credentials[secret] not in repr(account)
            assert account.credentials[secret] not in json.dumps(base.plain(account))

    def test_a_strange_reference_is_refused(self, adapter: Any) -> None:
        with pytest.raises(base.CloudError) as caught:
            adapter.poll("nonsense")
        assert not caught.value.retry

    @staticmethod
    def assert_well_formed(seen: Any) -> None:
        """Every field of its declared type, the state in the vocabulary, times aware, and all of it JSON."""
        assert seen.state in base.STATES
        assert seen.created_at is None or seen.created_at.utcoffset() is not None
        assert set(get_type_hints(type(seen))) >= set(json.loads(json.dumps(base.plain(seen))))


class ComputeContract(CloudContract):
    """Servers. A subclass gives the fixture `spec` as well."""

    @pytest.fixture
    def key(self, request: pytest.FixtureRequest) -> str:
        return f"key-of-{request.node.name}"[:60]

    @pytest.fixture
    def server(self, adapter: Any, spec: base.ServerSpec, key: str) -> Any:
        return settled(adapter, adapter.ensure_server(spec, key))

    def test_a_server_is_made_as_asked(self, server: Any, spec: base.ServerSpec, key: str, adapter: Any) -> None:
        self.assert_well_formed(server)
        assert (server.state, server.key, server.size) == ("running", key, spec.size)
        assert server.region == adapter.account.region
        assert server.vcpu
        assert server.memory_mib
        assert server.created_at is not None

    def test_asked_twice_with_one_key_there_is_one_server(self, adapter: Any, spec: Any, key: str, server: Any) -> None:
        again = settled(adapter, adapter.ensure_server(spec, key))
        assert again.id == server.id
        assert [one.id for one in adapter.list_servers().items if one.key == key] == [server.id]

    def test_another_key_is_another_server(self, adapter: Any, spec: Any, key: str, server: Any) -> None:
        assert settled(adapter, adapter.ensure_server(spec, f"{key}-2")).id != server.id

    def test_a_server_is_found_by_its_key_and_by_its_id(self, adapter: Any, key: str, server: Any) -> None:
        assert adapter.find_server(key).id == server.id
        assert adapter.read_server(server.id).key == key
        assert adapter.find_server(MADE_UP) is None

    def test_it_stops_and_starts_and_doing_so_twice_is_no_error(self, adapter: Any, server: Any) -> None:
        for verb, state in (("stop", "stopped"), ("stop", "stopped"), ("start", "running"), ("start", "running")):
            assert settled(adapter, adapter.operate_server(server.id, verb, MADE_UP)).state == state
        assert settled(adapter, adapter.operate_server(server.id, "restart", MADE_UP)).state == "running"

    def test_a_stopped_server_does_not_restart(self, adapter: Any, server: Any) -> None:
        settled(adapter, adapter.operate_server(server.id, "stop", MADE_UP))
        with pytest.raises(base.CloudError) as caught:
            adapter.operate_server(server.id, "restart", MADE_UP)
        assert caught.value.kind == "refused"

    def test_a_stopped_server_is_adopted_as_it_stands(self, adapter: Any, spec: Any, key: str, server: Any) -> None:
        settled(adapter, adapter.operate_server(server.id, "stop", MADE_UP))
        assert settled(adapter, adapter.ensure_server(spec, key)).state == "stopped"

    def test_removed_twice_it_is_gone_without_an_error(self, adapter: Any, spec: Any, key: str, server: Any) -> None:
        for _ in range(2):
            assert settled(adapter, adapter.remove_server(server.id, MADE_UP)).state == "gone"
        assert adapter.find_server(key) is None
        assert server.id not in {one.id for one in adapter.list_servers().items}

    def test_a_key_whose_server_has_ended_makes_no_second_one(self, adapter: Any, spec: Any, key: str, server: Any) -> None:
        settled(adapter, adapter.remove_server(server.id, MADE_UP))
        with pytest.raises(base.CloudError) as caught:
            adapter.ensure_server(spec, key)
        assert (caught.value.kind, caught.value.retry) == ("refused", False)

    def test_operating_a_server_that_is_not_there_says_so(self, adapter: Any, server: Any) -> None:
        settled(adapter, adapter.remove_server(server.id, MADE_UP))
        with pytest.raises(base.CloudError) as caught:
            adapter.operate_server(server.id, "stop", MADE_UP)
        assert caught.value.kind == "not_found"

    def test_a_listing_is_whole_and_well_formed(self, adapter: Any, server: Any) -> None:
        listing = adapter.list_servers()
        assert listing.complete
        assert server.id in {one.id for one in listing.items}
        for one in listing.items:
            self.assert_well_formed(one)

    def test_a_hostile_name_becomes_a_plain_one(self, adapter: Any, spec: Any, key: str) -> None:
        hostile = "'; DROP TABLE servers; -- <script>\x00\n" + "é" * 300
        server = settled(adapter, adapter.ensure_server(with_name(spec, hostile), key))
        assert server.name.isascii()
        assert not set(server.name) & set("'\";<>\x00\n ")


class DatabaseContract(CloudContract):
    """Databases. A subclass gives the fixture `spec`, and `opens(connection string)` that raises when it does not."""

    opens: ClassVar[Callable[[str], Any]]

    @pytest.fixture
    def key(self, request: pytest.FixtureRequest) -> str:
        return f"key-of-{request.node.name}"[:60]

    @pytest.fixture
    def database(self, adapter: Any, spec: base.DatabaseSpec, key: str) -> Any:
        return settled(adapter, adapter.ensure_database(spec, key))

    def test_a_database_is_made_and_its_connection_string_opens_it(self, database: Any, spec: Any, key: str) -> None:
        self.assert_well_formed(database)
        assert (database.state, database.key, database.storage_gib) == ("running", key, spec.storage_gib)
        assert database.size_bytes > 0
        assert database.generation
        type(self).opens(database.secret.reveal())

    def test_the_connection_string_shows_in_one_answer_only(self, adapter: Any, key: str, database: Any) -> None:
        password = database.secret.reveal().split(":")[2].split("@")[0]
        assert password not in repr(database)
        assert password not in json.dumps(base.plain(database))
        assert adapter.find_database(key).secret is None
        assert all(one.secret is None for one in adapter.list_databases().items)

    def test_asked_twice_with_one_key_there_is_one_database(self, adapter: Any, spec: Any, key: str, database: Any) -> None:
        again = settled(adapter, adapter.ensure_database(spec, key))
        assert (again.id, again.generation) == (database.id, database.generation)
        assert len([one for one in adapter.list_databases().items if one.key == key]) == 1
        type(self).opens(again.secret.reveal())

    def test_a_database_is_found_by_its_key_and_by_its_id(self, adapter: Any, key: str, database: Any) -> None:
        assert adapter.find_database(key).id == database.id
        assert adapter.read_database(database.id).key == key
        assert adapter.find_database(MADE_UP) is None
        assert adapter.read_database("no_such_database") is None

    def test_a_rotated_password_opens_and_the_old_one_does_not(self, adapter: Any, database: Any) -> None:
        rotated = settled(adapter, adapter.rotate_database(database.id, MADE_UP))
        type(self).opens(rotated.secret.reveal())
        with pytest.raises(Exception, match="password"):
            type(self).opens(database.secret.reveal())

    def test_a_stopped_database_lets_nobody_in_until_it_starts(self, adapter: Any, database: Any) -> None:
        for _ in range(2):
            assert settled(adapter, adapter.operate_database(database.id, "stop", MADE_UP)).state == "stopped"
        with pytest.raises(Exception, match="not currently accepting connections"):
            type(self).opens(database.secret.reveal())
        assert settled(adapter, adapter.operate_database(database.id, "start", MADE_UP)).state == "running"
        type(self).opens(database.secret.reveal())

    def test_removed_twice_it_is_gone_without_an_error(self, adapter: Any, key: str, database: Any) -> None:
        for _ in range(2):
            assert settled(adapter, adapter.remove_database(database.id, MADE_UP)).state == "gone"
        assert adapter.find_database(key) is None
        assert adapter.read_database(database.id) is None

    def test_a_listing_is_whole_and_well_formed(self, adapter: Any, database: Any) -> None:
        listing = adapter.list_databases()
        assert listing.complete
        assert database.id in {one.id for one in listing.items}
        for one in listing.items:
            self.assert_well_formed(one)

    def test_a_hostile_name_becomes_a_plain_one(self, adapter: Any, spec: Any, key: str) -> None:
        hostile = 'x"; DROP DATABASE postgres; --\x00' + "é" * 300
        database = settled(adapter, adapter.ensure_database(with_name(spec, hostile), key))
        type(self).opens(database.secret.reveal())
        assert database.id.replace("_", "").isalnum()


def with_name(spec: Any, name: str) -> Any:
    return type(spec)(**{**vars(spec), "name": name})
