"""Roles lent by the real PostgreSQL of the test run: what they open, what they do not, and that they end."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from portal.clouds.adapters.postgresql import HOME, Postgresql
from portal.clouds.base import Account, CloudError, DatabaseSpec, Done
from portal.clouds.leases import LeaseAsk, LeaseGiven
from tests import databases
from tests.clouds.leases import LeaseContract


def admin_opened(database: str = "postgres") -> "closing[psycopg.Connection[Any]]":
    return closing(psycopg.connect(os.environ["TEST_ADMIN_URL"], dbname=database, autocommit=True))


def opened(given: LeaseGiven) -> "closing[psycopg.Connection[Any]]":
    """As libpq would with the variables that were given."""
    words: dict[str, Any] = {name.removeprefix("PG").lower(): text.reveal() for name, text in given.env.items()}
    words["dbname"] = words.pop("database")
    return closing(psycopg.connect(**words, connect_timeout=5, autocommit=True))


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    name = databases.new_name("lent")
    with admin_opened() as link:
        link.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    with admin_opened(name) as link:
        link.execute("CREATE TABLE goods (id serial, name text)")
        link.execute("INSERT INTO goods (name) VALUES ('nut')")
    yield name
    databases.drop(name)


@pytest.fixture
def adapter() -> Postgresql:
    url = urlsplit(os.environ["TEST_ADMIN_URL"])
    config = {"host": "127.0.0.1", "port": url.port, "database": "postgres", "sslmode": "disable"}
    return Postgresql(Account(config, {"user": url.username, "password": url.password}, HOME, ("127.0.0.0/8",)))


@pytest.fixture
def ask(adapter: Postgresql, database: str, request: pytest.FixtureRequest) -> Iterator[LeaseAsk]:
    asked = LeaseAsk(f"lease-{request.node.name}", database, datetime.now(UTC) + timedelta(minutes=10), "alice")
    yield asked
    with admin_opened() as link:
        roles = link.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'lease\\_%%'").fetchall()
    for (role,) in roles:
        adapter.end_lease(role, database)


def roles_of(given: LeaseGiven) -> int:
    with admin_opened() as link:
        return len(link.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (given.id,)).fetchall())


class TestPostgresqlLeases(LeaseContract):
    @staticmethod
    def opens(given: LeaseGiven) -> None:
        with opened(given) as link:
            assert link.execute("SELECT name FROM goods LIMIT 1").fetchall() == [("nut",)]


class TestAnAdministratorWhoIsNoSuperuser:
    @pytest.fixture
    def limited(self, adapter: Postgresql) -> Iterator[Postgresql]:
        """With the rights that the page of the connection asks for on the rung "publish"."""
        name = databases.new_name("admin")
        keys = {"user": name, "password": "of-the-administrator"}
        role = sql.Identifier(name)
        with admin_opened() as link:
            made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'of-the-administrator' CREATEDB CREATEROLE")
            link.execute(made.format(role))
            link.execute(sql.SQL("GRANT pg_monitor, pg_signal_backend TO {}").format(role))
        yield Postgresql(replace(adapter.account, credentials=keys))
        with admin_opened() as link:
            link.execute(sql.SQL("DROP OWNED BY {}").format(role))
            link.execute(sql.SQL("DROP ROLE {}").format(role))

    def test_she_lends_a_database_that_she_made_and_ends_it(self, limited: Postgresql, ask: LeaseAsk) -> None:
        answer = limited.ensure_database(DatabaseSpec("shop"), "made-by-her")
        assert isinstance(answer, Done)
        shop = answer.observed
        try:
            assert shop.secret is not None
            with closing(psycopg.connect(shop.secret.reveal(), autocommit=True)) as tenant:
                tenant.execute("CREATE TABLE goods (name text)")
                tenant.execute("INSERT INTO goods VALUES ('nut')")
            given = limited.lease(replace(ask, target=shop.id))
            with opened(given) as link:
                assert link.execute("SELECT name FROM goods").fetchall() == [("nut",)]
                limited.end_lease(given.id, shop.id)
                with pytest.raises(psycopg.OperationalError):
                    link.execute("SELECT 1")
            assert roles_of(given) == 0
        finally:
            limited.remove_database(shop.id, "made-by-her")

    def test_a_database_of_others_is_refused_by_the_server(self, limited: Postgresql, ask: LeaseAsk) -> None:
        with pytest.raises(CloudError) as caught:
            limited.lease(ask)
        assert caught.value.kind == "permission"
        with admin_opened() as link:
            left = link.execute("SELECT 1 FROM pg_roles WHERE rolname LIKE 'lease\\_%%'").fetchall()
        assert left == []


class TestRoles:
    def test_asked_twice_with_one_key_there_is_one_role_with_a_new_password(self, adapter: Postgresql, ask: LeaseAsk) -> None:
        first, second = adapter.lease(ask), adapter.lease(ask)
        assert (first.id, roles_of(first)) == (second.id, 1)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            opened(first)
        with opened(second):
            pass

    def test_reading_alone_changes_nothing_and_writing_changes_rows_only(self, adapter: Postgresql, ask: LeaseAsk) -> None:
        change = "INSERT INTO goods (name) VALUES ('bolt')"
        with opened(adapter.lease(ask)) as link, pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute(change)
        with opened(adapter.lease(replace(ask, key="w", options={"access": "write"}))) as link:
            link.execute(change)
            link.execute("DELETE FROM goods WHERE name = 'bolt'")
            for statement in ("DROP TABLE goods", "CREATE TABLE mine (id int)", "CREATE ROLE another"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    link.execute(statement)

    def test_asked_again_for_reading_it_no_longer_writes(self, adapter: Postgresql, ask: LeaseAsk) -> None:
        adapter.lease(replace(ask, options={"access": "write"}))
        with opened(adapter.lease(ask)) as link, pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute("DELETE FROM goods")

    def test_no_more_connections_than_asked_for(self, adapter: Postgresql, ask: LeaseAsk) -> None:
        given = adapter.lease(replace(ask, options={"connections": 1}))
        with opened(given), pytest.raises(psycopg.OperationalError, match="too many connections"):
            opened(given)

    def test_after_its_end_nobody_comes_in_but_who_is_in_stays_until_it_is_ended(
        self, adapter: Postgresql, ask: LeaseAsk
    ) -> None:
        given = adapter.lease(ask)
        with opened(given) as inside:
            with admin_opened() as link:
                past = sql.SQL("ALTER ROLE {} VALID UNTIL '2020-01-01'")
                link.execute(past.format(sql.Identifier(given.id)))
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                opened(given)
            inside.execute("SELECT 1")
            adapter.end_lease(given.id, ask.target)
            with pytest.raises(psycopg.OperationalError):
                inside.execute("SELECT 1")
        assert roles_of(given) == 0

    def test_what_the_role_came_to_own_goes_with_it(self, adapter: Postgresql, ask: LeaseAsk) -> None:
        given = adapter.lease(ask)
        with admin_opened(ask.target) as link:
            link.execute("CREATE TABLE hers (id int)")
            link.execute(sql.SQL("ALTER TABLE hers OWNER TO {}").format(sql.Identifier(given.id)))
            adapter.end_lease(given.id, ask.target)
            assert link.execute("SELECT to_regclass('hers')").fetchone() == (None,)
        assert roles_of(given) == 0

    def test_a_role_that_was_not_lent_is_left_alone(self, adapter: Postgresql, ask: LeaseAsk) -> None:
        with pytest.raises(CloudError) as caught:
            adapter.end_lease("concord_owner", ask.target)
        assert caught.value.kind == "refused"
        assert os.environ["DATABASE_OWNER_URL"]
        psycopg.connect(os.environ["DATABASE_OWNER_URL"]).close()

    def test_the_service_file_opens_it_too(self, adapter: Postgresql, ask: LeaseAsk, tmp_path: Any, monkeypatch: Any) -> None:
        given = adapter.lease(ask)
        (tmp_path / "services").write_text(given.profile.reveal())
        monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
        with closing(psycopg.connect(f"service={given.id}")) as link:
            assert link.execute("SELECT current_user").fetchone() == (given.id,)
