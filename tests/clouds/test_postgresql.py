"""The PostgreSQL adapter against the real server of the test run: the contract, walls, limits and faults."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from portal.clouds import calls
from portal.clouds.adapters import pg
from portal.clouds.adapters.postgresql import HOME, Postgresql
from portal.clouds.base import Account, CloudError, DatabaseSpec
from scripts.launcher.parts import temporary_folder
from scripts.launcher.postgres import Postgres
from tests.clouds.contract import MADE_UP, DatabaseContract, settled
from tests.clouds.faults import Fault, FaultProxy

STATEMENTS = ("CREATE DATABASE", "COMMENT ON", "REVOKE ALL", "CREATE ROLE", "GRANT CONNECT", "ALLOW_CONNECTIONS true")


@pytest.fixture(scope="module", autouse=True)
def own_server() -> Iterator[None]:
    """A server of this module's own: its tests remove every database that carries a key, whoever made it."""
    home = temporary_folder()
    server = Postgres(home)
    before = os.environ["TEST_ADMIN_URL"]
    try:
        server.start(fsync="off", synchronous_commit="off", full_page_writes="off")
        os.environ["TEST_ADMIN_URL"] = server.url("postgres", "admin")
        yield
    finally:
        os.environ["TEST_ADMIN_URL"] = before
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def account_at(port: int, **credentials: Any) -> Account:
    admin = urlsplit(os.environ["TEST_ADMIN_URL"])
    keys = {"user": admin.username, "password": admin.password, **credentials}
    config = {"host": "127.0.0.1", "port": port, "database": "postgres", "sslmode": "disable"}
    return Account(config, keys, HOME, ("127.0.0.0/8",))


def server_port() -> int:
    return urlsplit(os.environ["TEST_ADMIN_URL"]).port or 5432


@pytest.fixture
def account() -> Iterator[Account]:
    """The server's administrator; what a test made is gone after it."""
    admin = account_at(server_port())
    yield admin
    adapter = Postgresql(admin)
    for database in adapter.list_databases().items:
        if database.key:
            adapter.remove_database(database.id, MADE_UP)


@pytest.fixture
def spec() -> DatabaseSpec:
    return DatabaseSpec("shop", storage_gib=2, connections=3)


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with FaultProxy("127.0.0.1", server_port()) as standing:
        yield standing


def opened(text: str) -> "closing[psycopg.Connection[Any]]":
    return closing(psycopg.connect(text, connect_timeout=5, autocommit=True))


def opens(text: str) -> None:
    """Use it as a tenant would."""
    with opened(text) as link:
        link.execute("CREATE TABLE IF NOT EXISTS goods (id int)")
        link.execute("INSERT INTO goods VALUES (1)")


def error_of(call: Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        call()
    return caught.value


def made(account: Account, spec: DatabaseSpec, key: str) -> Any:
    adapter = Postgresql(account)
    return settled(adapter, adapter.ensure_database(spec, key))


class TestPostgresql(DatabaseContract):
    provider = Postgresql
    opens = staticmethod(opens)


class TestWalls:
    def test_one_tenant_cannot_enter_the_database_of_another(self, account: Account, spec: DatabaseSpec) -> None:
        mine, theirs = made(account, spec, "k1"), made(account, spec, "k2")
        text = mine.secret.reveal().rpartition("/")[0] + f"/{theirs.id}"
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            opens(text)

    @pytest.mark.parametrize(
        "statement",
        [
            "COMMENT ON DATABASE {} IS '{{}}'",
            "ALTER DATABASE {} CONNECTION LIMIT 1000",
            "ALTER DATABASE {} RENAME TO stolen",
            "ALTER ROLE {} CONNECTION LIMIT 1000",
            "ALTER ROLE {} CREATEDB",
            "SET temp_file_limit = '-1'",
            "CREATE DATABASE another",
            "CREATE ROLE another",
        ],
    )
    def test_a_tenant_cannot_change_her_own_limits_or_our_note(
        self, account: Account, spec: DatabaseSpec, statement: str
    ) -> None:
        database = made(account, spec, "k")
        with opened(database.secret.reveal()) as link, pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute(sql.SQL(statement).format(sql.Identifier(database.id)))

    def test_connections_end_at_the_limit(self, account: Account, spec: DatabaseSpec) -> None:
        text = made(account, spec, "k").secret.reveal()
        with opened(text), opened(text), opened(text), pytest.raises(psycopg.OperationalError, match="too many connections"):
            opens(text)

    def test_a_statement_ends_at_the_time_bought(self, account: Account, spec: DatabaseSpec) -> None:
        database = made(account, replace(spec, statement_timeout_s=1), "k")
        with opened(database.secret.reveal()) as link, pytest.raises(psycopg.errors.QueryCanceled):
            link.execute("SELECT pg_sleep(5)")

    def test_the_server_keeps_only_a_verifier_of_the_password(self, account: Account, spec: DatabaseSpec) -> None:
        database = made(account, spec, "k")
        with pg.connected(account) as link:
            (kept,) = pg.only(link.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (database.id,)))
        assert kept.startswith("SCRAM-SHA-256$")

    def test_stopping_ends_who_is_connected(self, account: Account, spec: DatabaseSpec) -> None:
        database = made(account, spec, "k")
        with opened(database.secret.reveal()) as link:
            Postgresql(account).operate_database(database.id, "stop", MADE_UP)
            with pytest.raises(psycopg.OperationalError):
                link.execute("SELECT 1")

    def test_what_it_holds_and_who_is_connected_is_measured(self, account: Account, spec: DatabaseSpec) -> None:
        database = made(account, spec, "k")
        with opened(database.secret.reveal()) as link:
            link.execute("CREATE TABLE heavy AS SELECT repeat('x', 500) FROM generate_series(1, 4000)")
            seen = Postgresql(account).read_database(database.id)
        assert seen is not None
        assert seen.size_bytes is not None
        assert seen.size_bytes > database.size_bytes + 1_000_000
        assert (seen.connections, seen.connection_limit) == (1, 3)


class TestWhatIsNotOurs:
    @pytest.fixture
    def foreign(self) -> Iterator[str]:
        name = f"foreign_{os.getpid()}"
        with psycopg.connect(os.environ["TEST_ADMIN_URL"], autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            yield name
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))

    def test_it_is_listed_without_a_key(self, account: Account, foreign: str) -> None:
        found = {one.id: one.key for one in Postgresql(account).list_databases().items}
        assert found[foreign] == ""
        assert "postgres" not in found

    def test_it_is_never_touched(self, account: Account, foreign: str) -> None:
        adapter = Postgresql(account)
        for call in (
            lambda: adapter.remove_database(foreign, MADE_UP),
            lambda: adapter.rotate_database(foreign, MADE_UP),
            lambda: adapter.operate_database(foreign, "stop", MADE_UP),
        ):
            assert error_of(call).kind == "refused"
        assert adapter.read_database(foreign) is not None

    def test_the_administration_database_is_out_of_reach(self, account: Account) -> None:
        assert error_of(lambda: Postgresql(account).operate_database("postgres", "stop", MADE_UP)).kind == "not_found"
        Postgresql(account).remove_database("postgres", MADE_UP)
        assert Postgresql(account).list_databases().complete

    @pytest.mark.parametrize("comment", ["a note of somebody", "[]", '{"concord-step": 7}', '{"other": "x"}'])
    def test_a_comment_of_somebody_elses_is_no_key(self, account: Account, foreign: str, comment: str) -> None:
        with pg.connected(account) as link:
            link.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(foreign), sql.Literal(comment)))
        seen = Postgresql(account).read_database(foreign)
        assert seen is not None
        assert seen.key == ""


class TestCrashes:
    @pytest.mark.parametrize(
        "cut_at",
        ["CREATE DATABASE", "COMMENT ON DATABASE", "REVOKE ALL", "CREATE ROLE", "GRANT CONNECT", "ALLOW_CONNECTIONS true"],
    )
    def test_a_reply_lost_at_any_statement_is_adopted_not_doubled(
        self, account: Account, proxy: FaultProxy, spec: DatabaseSpec, cut_at: str
    ) -> None:
        proxy.fault = Fault("drop_reply", when=cut_at.encode())
        adapter = Postgresql(account_at(proxy.port))
        error = error_of(lambda: adapter.ensure_database(spec, "k"))
        assert (error.kind, error.retry) == ("unreachable", True)
        database = made(account_at(proxy.port), spec, "k")
        assert [one.id for one in adapter.list_databases().items if one.key or one.id.startswith("shop")] == [database.id]
        opens(made(account, spec, "k").secret.reveal())

    def test_what_a_cut_off_creation_left_broken_is_made_anew(self, account: Account, spec: DatabaseSpec) -> None:
        database = made(account, spec, "k")
        with pg.connected(account) as link:
            link.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = %s", (database.id,))
        again = made(account, spec, "k")
        assert again.id == database.id
        assert again.generation != database.generation
        opens(again.secret.reveal())

    def test_two_workers_at_once_make_one_database(self, account: Account, spec: DatabaseSpec) -> None:
        found: list[Any] = []
        workers = [threading.Thread(target=lambda: found.append(made(account, spec, "k"))) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert len({(one.id, one.generation) for one in found}) == 1
        assert len(found) == 4

    def test_a_half_removed_database_is_removed_to_the_end(self, account: Account, spec: DatabaseSpec) -> None:
        database = made(account, spec, "k")
        with pg.connected(account) as link:
            link.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(database.id)))
        Postgresql(account).remove_database(database.id, MADE_UP)
        with pg.connected(account) as link:
            assert link.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (database.id,)).fetchone() is None


class TestRefusalsAndFaults:
    def test_a_wrong_password_is_said_and_not_repeated(self) -> None:
        wrong = account_at(server_port(), password="wrong-and-secret")
        error = error_of(Postgresql(wrong).list_databases)
        assert (error.kind, error.retry) == ("credentials", False)
        assert "wrong-and-secret" not in repr(error) + error.message
        assert [(check.name, check.state) for check in Postgresql(wrong).check()] == [("credentials", "failed")]

    def test_an_administrator_without_rights_is_told_which(self, account: Account) -> None:
        with pg.connected(account) as link:
            link.execute("DROP ROLE IF EXISTS concord_weak")
            link.execute("CREATE ROLE concord_weak LOGIN PASSWORD 'weak'")
        try:
            weak = account_at(server_port(), user="concord_weak", password="weak")
            checks = {check.name: check for check in Postgresql(weak).check()}
            assert (checks["make_database"].state, checks["make_database"].needs) == ("failed", "CREATEDB")
            assert (checks["make_role"].state, checks["make_role"].kind) == ("failed", "permission")
            error = error_of(lambda: Postgresql(weak).ensure_database(DatabaseSpec("x"), "k"))
            assert (error.kind, error.retry) == ("permission", False)
        finally:
            with pg.connected(account) as link:
                link.execute("DROP ROLE concord_weak")

    def test_a_server_that_is_down(self) -> None:
        error = error_of(Postgresql(account_at(1)).list_databases)
        assert (error.kind, error.retry) == ("unreachable", True)

    @pytest.mark.parametrize(
        ("payload", "kind"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "garbage"), (b"\x00" * 64, "garbage")]
    )
    def test_a_server_that_is_no_postgresql(self, proxy: FaultProxy, payload: bytes, kind: str) -> None:
        proxy.fault = Fault("payload", payload=payload)
        error = error_of(Postgresql(account_at(proxy.port)).list_databases)
        assert (error.kind, error.retry) == (kind, True)

    @pytest.mark.parametrize("kind", ["reset", "cut"])
    def test_a_connection_that_breaks(self, proxy: FaultProxy, kind: Any) -> None:
        proxy.fault = Fault(kind, when=b"pg_database", keep=10)
        error = error_of(Postgresql(account_at(proxy.port)).list_databases)
        assert (error.kind, error.retry) == ("unreachable", True)
        assert proxy.connections == 1

    def test_a_server_that_falls_silent_is_left_in_time(self, proxy: FaultProxy) -> None:
        proxy.fault = Fault("silence", when=b"pg_database")
        adapter = Postgresql(account_at(proxy.port))

        def listing() -> None:
            with pg.connected(adapter.account) as link:
                link.execute(pg.LIST)

        error = error_of(lambda: calls.guarded(listing, adapter, "silent", 1.0))
        assert (error.kind, error.retry) == ("unreachable", True)
        for thread in threading.enumerate():
            if thread.name == "postgresql.silent":
                thread.join(5)
                assert not thread.is_alive()

    def test_a_forbidden_address_is_refused_before_a_packet_leaves(self) -> None:
        with patch("socket.getaddrinfo", side_effect=lambda *_a, **_k: [(2, 1, 6, "", ("169.254.169.254", 0))]):
            error = error_of(Postgresql(account_at(5432)).list_databases)
        assert (error.kind, error.retry) == ("refused", False)

    def test_a_full_server_is_worth_another_try(self, account: Account) -> None:
        told = Postgresql(account).translate(psycopg.errors.TooManyConnections("sorry, too many clients already"))
        assert told is not None
        assert (told.kind, told.retry) == ("capacity", True)
