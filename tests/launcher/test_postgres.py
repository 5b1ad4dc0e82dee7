"""The embedded PostgreSQL comes up again whatever happened to it, and its two roles may do no more than they should."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from scripts.launcher.errors import LaunchError
from scripts.launcher.postgres import Postgres, Role, check_major

QUICK = {"fsync": "off"}


@pytest.fixture
def postgres(home: Path) -> Iterator[Postgres]:
    server = Postgres(home)
    server.start(**QUICK)
    yield server
    server.stop()


def run(server: Postgres, statement: str, *, database: str = "postgres", role: Role = "admin") -> list[tuple[object, ...]]:
    with psycopg.connect(server.url(database, role), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def make_rows(server: Postgres) -> None:
    run(server, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")


def count_rows(server: Postgres) -> object:
    return run(server, "SELECT count(*) FROM kept")[0][0]


def test_a_second_start_finds_what_the_first_one_stored(postgres: Postgres) -> None:
    make_rows(postgres)
    postgres.stop()
    again = Postgres(postgres.home)
    again.start(**QUICK)
    assert count_rows(again) == 1000
    again.stop()


def test_it_comes_up_again_after_kill_9(postgres: Postgres) -> None:
    make_rows(postgres)
    assert postgres.process is not None
    postgres.process.kill()
    postgres.process.wait()
    postgres.start(**QUICK)
    assert count_rows(postgres) == 1000


def test_a_pid_file_that_names_another_living_process_is_ignored_and_that_process_left_alone(postgres: Postgres) -> None:
    make_rows(postgres)
    postgres.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (postgres.data / "postmaster.pid").write_text(f"{stranger.pid}\n{postgres.data}\n{int(time.time())}\n5432\n\n")
        postgres.start(**QUICK)
        assert count_rows(postgres) == 1000
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_the_orphan_of_a_killed_launcher_is_replaced(home: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from scripts.launcher.postgres import Postgres;"
        "server = Postgres(Path(sys.argv[1])); server.start(fsync='off'); print(server.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=False)
    orphan = psutil.Process(int(killed.stdout))
    assert orphan.is_running()
    server = Postgres(home)
    server.start(**QUICK)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    assert run(server, "SELECT 1") == [(1,)]
    server.stop()


def test_data_of_another_major_version_is_refused_with_the_way_to_carry_it_over(home: Path) -> None:
    old = home / "postgres-17"
    old.mkdir()
    (old / "PG_VERSION").write_text("17\n")
    with pytest.raises(LaunchError, match="holds data of PostgreSQL 17") as refused:
        Postgres(home).start(**QUICK)
    assert "dump" in str(refused.value)
    assert "restore" in str(refused.value)
    assert not (home / "postgres-18").exists()


def test_old_data_does_not_stand_in_the_way_once_moved_or_carried_over(home: Path) -> None:
    (home / "postgres-17.old").mkdir()
    (home / "postgres-17.old" / "PG_VERSION").write_text("17\n")
    check_major(home, "postgres", home / "postgres-18", "18")
    for version in ("17", "18"):
        (home / f"postgres-{version}").mkdir()
        (home / f"postgres-{version}" / "PG_VERSION").write_text(f"{version}\n")
    check_major(home, "postgres", home / "postgres-18", "18")


def test_an_initialisation_that_was_cut_short_is_begun_again(home: Path) -> None:
    (home / "postgres-18.new").mkdir()
    (home / "postgres-18.new" / "PG_VERSION").write_text("18\n")
    server = Postgres(home)
    server.start(**QUICK)
    assert run(server, "SELECT 1") == [(1,)]
    server.stop()


def test_a_wrong_password_is_refused_and_there_is_no_way_in_without_one(postgres: Postgres) -> None:
    for password in ("wrong", ""):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://concord_admin:{password}@127.0.0.1:{postgres.port}/postgres")
    assert run(postgres, "SHOW unix_socket_directories") == [("",)]
    assert run(postgres, "SHOW listen_addresses") == [("127.0.0.1",)]


def test_passwords_lie_in_files_that_only_their_owner_reads(postgres: Postgres) -> None:
    postgres.ensure_roles()
    files = sorted(postgres.home.glob("*.password"))
    assert [file.name for file in files] == [f"postgres-{role}.password" for role in ("admin", "app", "owner")]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_lost_password_file_is_named(postgres: Postgres) -> None:
    postgres.stop()
    (postgres.home / "postgres-admin.password").unlink()
    with pytest.raises(LaunchError, match=r"postgres-admin\.password is missing"):
        postgres.start(**QUICK)


def test_a_taken_port_is_named(postgres: Postgres, home: Path) -> None:
    second = Postgres(home, name="second")
    with pytest.raises(LaunchError, match=f"Port {postgres.port} is taken"):
        second.start(postgres.port, **QUICK)


def test_the_server_never_runs_as_root(postgres: Postgres) -> None:
    assert postgres.process is not None
    server = psutil.Process(postgres.process.pid)
    assert 0 not in {*server.uids(), *server.gids()}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop to another account")
def test_a_closed_folder_is_refused_and_stays_closed(home: Path) -> None:
    home.chmod(0o700)
    with pytest.raises(LaunchError, match="PORTAL_HOME"):
        Postgres(home / "below").start(**QUICK)
    assert home.stat().st_mode & 0o777 == 0o700


class TestRoles:
    """The owner makes tables and trusted extensions; the app reads and writes rows."""

    @pytest.fixture(autouse=True)
    def _database(self, postgres: Postgres) -> None:
        postgres.ensure_roles()
        postgres.ensure_database("portal")
        run(postgres, "CREATE TABLE kept (id serial, n int)", database="portal", role="owner")

    def test_the_app_writes_rows_but_makes_no_tables(self, postgres: Postgres) -> None:
        run(postgres, "INSERT INTO kept (n) VALUES (1)", database="portal", role="app")
        for statement in (
            "CREATE TABLE mine ()",
            "ALTER TABLE kept ADD m int",
            "TRUNCATE kept",
            "CREATE SCHEMA mine",
            "CREATE DATABASE mine",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                run(postgres, statement, database="portal", role="app")

    def test_the_owner_makes_databases_and_the_extensions_we_need(self, postgres: Postgres) -> None:
        for extension in ("ltree", "btree_gist", "pg_trgm"):
            run(postgres, f"CREATE EXTENSION {extension}", database="portal", role="owner")
        run(postgres, "CREATE DATABASE another", role="owner")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(postgres, "CREATE ROLE another", database="portal", role="owner")

    def test_a_copy_of_a_template_keeps_the_apps_rights(self, postgres: Postgres) -> None:
        postgres.ensure_database("copied", template="portal")
        run(postgres, "CREATE TABLE later (id serial)", database="copied", role="owner")
        run(postgres, "INSERT INTO later DEFAULT VALUES", database="copied", role="app")
        run(postgres, "INSERT INTO kept (n) VALUES (1)", database="copied", role="app")

    def test_both_can_be_asked_for_again_and_a_dropped_database_is_gone(self, postgres: Postgres) -> None:
        postgres.ensure_roles()
        postgres.ensure_database("portal")
        postgres.drop_database("portal")
        postgres.drop_database("portal")
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(postgres.url("portal"))

    def test_roles_get_their_password_back_when_its_file_was_lost(self, postgres: Postgres) -> None:
        (postgres.home / "postgres-app.password").unlink()
        postgres.ensure_roles()
        assert run(postgres, "SELECT current_user", database="portal", role="app") == [("concord_app",)]
