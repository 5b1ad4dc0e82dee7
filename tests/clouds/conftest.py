"""Real endpoints for the adapters, and a guard: nothing here may leave loopback."""

import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.endpoints import ask_moto


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


@pytest.fixture
def empty_moto(moto: int) -> int:
    """The same server with nothing in it."""
    ask_moto(moto, "reset")
    return moto
