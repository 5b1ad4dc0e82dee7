"""Both servers for as long as a block or a command lasts, and a way to carry their data over."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
import redis

from scripts.launcher.backup import dump, restore
from scripts.launcher.errors import LaunchError
from scripts.launcher.home import ROOT
from scripts.launcher.parts import running
from scripts.launcher.postgres import Postgres


def launcher(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.launcher", *arguments]
    clean = {name: value for name, value in os.environ.items() if name not in ("PORTAL_HOME", "DATABASE_URL")}
    return subprocess.run(
        command, cwd=ROOT, env={**clean, **(environment or {})}, capture_output=True, text=True, check=False
    )


def test_the_portal_finds_both_servers_and_nothing_is_left_behind() -> None:
    with running(fsync="off") as parts:
        for setting in ("DATABASE_URL", "DATABASE_OWNER_URL"):
            with psycopg.connect(parts.environment[setting]) as connection:
                assert connection.execute("SELECT current_database()").fetchone() == ("concord",)
        with redis.Redis.from_url(parts.environment["BROKER_URL"]) as client:
            assert client.ping()
        ports = parts.postgres.port, parts.valkey.port
    assert not parts.home.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"postgresql://x@127.0.0.1:{ports[0]}/concord")


def test_secrets_and_data_are_the_same_in_the_same_folder(home: Path) -> None:
    secrets = []
    for _ in range(2):
        with running(home, fsync="off") as parts, psycopg.connect(parts.environment["DATABASE_OWNER_URL"]) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept ()")
            secrets.append({parts.environment[name] for name in ("SECRET_KEY", "PORTAL_KEYS")})
    assert secrets[0] == secrets[1]


def test_the_servers_stop_when_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError), running(fsync="off") as parts:
        raise ZeroDivisionError
    assert parts.postgres.process is None
    assert parts.valkey.process is None


def test_exec_runs_a_command_beside_the_servers_and_hands_on_its_status() -> None:
    code = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']).close(); print(os.environ['PORTAL_HOME']); raise SystemExit(7)"
    done = launcher("exec", "--clean", "--", sys.executable, "-c", code, environment={"PORTAL_HOME": "/nonexistent"})
    assert done.returncode == 7, done.stderr
    assert not Path(done.stdout.strip()).exists()


def test_exec_needs_a_command() -> None:
    assert launcher("exec", "--").returncode == 2


def test_what_a_dump_holds_is_there_after_a_restore_into_an_empty_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "old").mkdir(mode=0o755)
    with running(home / "old", fsync="off") as parts, psycopg.connect(parts.environment["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE EXTENSION ltree")
        connection.execute("CREATE TABLE kept AS SELECT text2ltree('a.b') AS path")
    monkeypatch.setenv("PORTAL_HOME", str(home / "old"))
    dump(home / "dump")
    with pytest.raises(LaunchError, match="exists already"):
        restore(home / "dump")
    os.rename(home / "old" / "postgres-18", home / "old" / "postgres-18.old")
    restore(home / "dump")
    server = Postgres(home / "old")
    server.start(fsync="off")
    with psycopg.connect(server.url("concord", "app")) as connection:
        assert connection.execute("SELECT path::text FROM kept").fetchone() == ("a.b",)
    server.stop()
