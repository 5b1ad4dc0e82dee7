"""The embedded Valkey loses nothing that was queued, and lets nobody in without its password."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from scripts.launcher.errors import LaunchError
from scripts.launcher.valkey import Valkey


@pytest.fixture
def valkey(home: Path) -> Iterator[Valkey]:
    server = Valkey(home)
    server.start()
    yield server
    server.stop()


def queue(server: Valkey) -> redis.Redis:
    return redis.Redis.from_url(server.url())


def push(server: Valkey, *items: str) -> None:
    with queue(server) as client:
        client.lpush("celery", *items)


def waiting(server: Valkey) -> list[bytes]:
    with queue(server) as client:
        return list(client.lrange("celery", 0, -1))


def test_what_is_queued_survives_kill_9_of_the_server(valkey: Valkey) -> None:
    push(valkey, "first", "second")
    assert valkey.process is not None
    valkey.process.kill()
    valkey.process.wait()
    valkey.start()
    assert waiting(valkey) == [b"second", b"first"]


def test_what_is_queued_survives_a_clean_stop(valkey: Valkey) -> None:
    push(valkey, "first")
    valkey.stop()
    valkey.start()
    assert waiting(valkey) == [b"first"]


def test_the_orphan_of_a_killed_launcher_is_replaced(home: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from scripts.launcher.valkey import Valkey;"
        "server = Valkey(Path(sys.argv[1])); server.start(); print(server.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=False)
    orphan = psutil.Process(int(killed.stdout))
    server = Valkey(home)
    server.start()
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    server.stop()


def test_a_recorded_pid_that_is_somebody_elses_now_is_left_alone(valkey: Valkey) -> None:
    valkey.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        valkey.record.write_text(f'{{"pid": {stranger.pid}, "born": 1000.0, "name": "valkey-server"}}')
        valkey.start()
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_nobody_gets_in_without_the_password(valkey: Valkey) -> None:
    with redis.Redis(port=valkey.port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    assert valkey.process is not None
    assert valkey.url().split(":")[2].split("@")[0] not in " ".join(psutil.Process(valkey.process.pid).cmdline())


def test_a_taken_port_is_named(valkey: Valkey, home: Path) -> None:
    with pytest.raises(LaunchError, match=f"Port {valkey.port} is taken"):
        Valkey(home / "other").start(valkey.port)


def test_the_server_never_runs_as_root(valkey: Valkey) -> None:
    assert valkey.process is not None
    server = psutil.Process(valkey.process.pid)
    assert 0 not in {*server.uids(), *server.gids()}
