"""How adapters reach an HTTP endpoint: pinned to an allowed address, no redirects, no proxy, no .netrc."""

import contextlib
import socket
from collections.abc import Iterable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from portal.clouds.calls import on_abort
from portal.core import outbound


def harden(session: requests.Session, allow: Iterable[str]) -> None:
    """Let the session call allowed addresses only, checked when it connects and not a name look-up earlier."""
    session.trust_env = False
    session.max_redirects = 0
    pinned = Pinned(tuple(allow))
    session.mount("http://", pinned)
    session.mount("https://", pinned)


class PlainConnection(HTTPConnection):
    allow: tuple[str, ...] = ()

    def _new_conn(self) -> socket.socket:
        return connected(self, super()._new_conn, self.allow)


class TlsConnection(HTTPSConnection):
    allow: tuple[str, ...] = ()

    def _new_conn(self) -> socket.socket:
        return connected(self, super()._new_conn, self.allow)


def connected(connection: Any, connect: Any, allow: tuple[str, ...]) -> socket.socket:
    """Connect to the address that the policy allowed; the name stays for TLS. A call whose time is over cuts it."""
    name = connection._dns_host
    connection._dns_host = outbound.check_host(name.strip("[]"), allow=allow)[0]
    try:
        opened: socket.socket = connect()
    finally:
        connection._dns_host = name
    on_abort(lambda: cut(connection.sock or opened))  # by then TLS may have taken the socket over
    return opened


def cut(opened: socket.socket) -> None:
    """End a connection under whoever reads from it."""
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)


class Pinned(HTTPAdapter):
    """Transport whose connections follow the address policy; it never sends anything twice."""

    def __init__(self, allow: tuple[str, ...]) -> None:
        self.allow = allow
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        manager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        plain = type("PlainConnection", (PlainConnection,), {"allow": self.allow})
        tls = type("TlsConnection", (TlsConnection,), {"allow": self.allow})
        manager.pool_classes_by_scheme = {
            "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }
        self.poolmanager = manager
