"""Real endpoints for the adapters, and a guard: nothing here may leave loopback."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest


def is_loopback(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    return name in ("", "localhost", "::1") or name.startswith("127.")


@pytest.fixture(autouse=True)
def left_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse and note every look-up or connection that is not loopback; a test that left any fails."""
    left: list[str] = []
    connect, look_up, to_postgres = socket.socket.connect, socket.getaddrinfo, psycopg.connect

    def guarded_connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(address[0]):
            left.append(str(address))
            raise OSError(f"not loopback: {address!r}")
        return connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_loopback(host):
            left.append(str(host))
            raise socket.gaierror(f"not loopback: {host!r}")
        return look_up(host, *args, **kwargs)

    def guarded_postgres(*args: Any, **kwargs: Any) -> Any:
        if not is_loopback(kwargs.get("hostaddr", "127.0.0.1")):
            left.append(str(kwargs["hostaddr"]))
            raise psycopg.OperationalError("not loopback")
        return to_postgres(*args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    monkeypatch.setattr(psycopg, "connect", guarded_postgres)
    yield left
    assert left == []


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    """An AWS by others: moto's own server in a process of its own. Gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, env={**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "true"}, **quiet)  # type: ignore[call-overload]
    try:
        wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def empty_moto(moto: int) -> int:
    """The same server with nothing in it."""
    ask_moto(moto, "reset")
    return moto


def ask_moto(port: int, what: str, body: bytes = b"") -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/{what}", data=body, method="POST")
    request.add_header("Content-Type", "text/plain")
    with urllib.request.urlopen(request, timeout=20):
        pass


def wait_for(port: int, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
