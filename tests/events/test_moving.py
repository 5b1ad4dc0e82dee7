"""The log in another cluster of PostgreSQL, where transaction ids begin again: sealing goes on, and nothing is passed over."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection, connections

from portal.events import frontier
from portal.events.models import Era, Event, Position
from portal.events.sealing import seal
from scripts.launcher.postgres import Postgres
from tests import databases
from tests.events.log import events_by_transaction, sealed_events, slow_writer, write
from tests.sizes import size

NEW = "concord_restored"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Postgres]:
    """A second cluster with nothing in it."""
    home = Path(tempfile.mkdtemp(prefix="concord-elsewhere-"))
    home.chmod(0o755)
    server = Postgres(home)
    server.start(fsync="off", synchronous_commit="off", full_page_writes="off")
    server.ensure_roles()
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


def tool(server: Postgres, name: str, url: str, *arguments: str) -> None:
    parts = urlsplit(url)
    where = [f"--host={parts.hostname}", f"--port={parts.port}", f"--username={parts.username}"]
    environment = {**os.environ, "PGPASSWORD": str(parts.password)}
    command = [str(server.bin / name), *where, *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)


@pytest.fixture
def move(fresh_db, elsewhere, tmp_path, django_db_blocker) -> Iterator[Any]:
    """`move()` dumps the database, restores it in the other cluster, and points the portal there."""
    before = {alias: dict(connections[alias].settings_dict) for alias in ("default", "owner")}

    def dump_and_restore() -> None:
        file = tmp_path / "portal.dump"
        source = urlsplit(os.environ["TEST_ADMIN_URL"])._replace(path=f"/{fresh_db}").geturl()
        tool(elsewhere, "pg_dump", source, "--format=custom", f"--file={file}", f"--dbname={fresh_db}")
        elsewhere.drop_database(NEW)
        elsewhere.ensure_database(NEW)
        tool(elsewhere, "pg_restore", elsewhere.url(), f"--dbname={NEW}", "--exit-on-error", str(file))
        for alias, role in (("default", "app"), ("owner", "owner")):
            there = urlsplit(elsewhere.url(NEW, role))
            point(alias, NAME=NEW, HOST=there.hostname, PORT=there.port, PASSWORD=there.password)

    yield dump_and_restore
    for alias, settings in before.items():
        point(alias, **{name: settings[name] for name in ("NAME", "HOST", "PORT", "PASSWORD")})


def point(alias: str, **where: Any) -> None:
    connections[alias].close()
    connections[alias].settings_dict.update(where)


def spend_transactions(database: str, many: int) -> None:
    """Let the cluster's transaction ids run ahead."""
    with psycopg.connect(databases.url_of(database), autocommit=True) as link:
        for _each in range(many):
            link.execute("SELECT pg_current_xact_id()")


def next_transaction() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        return int(cursor.fetchone()[0])


@pytest.mark.proof
def test_a_dump_restored_into_a_new_cluster_is_sealed_on_and_nothing_is_passed_over(fresh_db, world, move, figures):
    spend_transactions(fresh_db, size(3000, 20_000))
    write(world, 5)
    seal()
    write(world, 4)
    sealed, old_next = Position.objects.count(), next_transaction()
    move()
    assert next_transaction() < old_next, "transaction ids began again, so old rows seem to be of the future"
    write(world, 3)
    assert seal(most=2) == 7
    assert Era.objects.count() == 2
    while next_transaction() < old_next + 10:
        write(world)
        write(world, 2)
        seal()
        spend_here(400)
    assert len(sealed_events()) == Event.objects.count() > sealed + 7
    assert set(sealed_events()) == set(events_by_transaction())
    assert seal() == 0
    figures(events=Event.objects.count(), unsealed_in_the_dump=4, skipped=0, doubled=0)


def spend_here(many: int) -> None:
    with connection.cursor() as cursor:
        for _each in range(many):
            cursor.execute("SELECT pg_current_xact_id()")


def test_an_open_transaction_after_the_move_is_neither_passed_over_nor_in_the_way_of_what_was_there(fresh_db, world, move):
    spend_transactions(fresh_db, 500)
    [like, *_others] = write(world, 3)
    move()
    with slow_writer(like) as slow:
        later = write(world)
        assert seal() == 3, "those of the dump were committed long ago"
        slow.commit()
    assert seal() == 2
    assert sealed_events()[-1] == later[0].pk


def test_a_log_that_was_never_sealed_is_sealed_whole_after_the_move(fresh_db, world, move):
    write(world, 9)
    move()
    write(world, 2)
    assert seal(most=4) == 11
    assert frontier.era_here(frontier.last_seal()) is not None
    assert seal() == 0
