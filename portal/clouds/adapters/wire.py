"""How adapters reach an HTTP endpoint: pinned to an allowed address, no redirects, no proxy, no .netrc."""

import contextlib
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException, SSLError, TooManyRedirects
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from portal.clouds.base import CloudError
from portal.clouds.calls import on_abort, shown
from portal.core import outbound


def harden(session: requests.Session, allow: Iterable[str], *, ca: str = "") -> None:
    """Let the session call allowed addresses only, checked when it connects and not a name look-up earlier.

    `ca` are certificates in PEM that are trusted besides the public ones.
    """
    session.trust_env = False
    session.max_redirects = 0
    pinned = Pinned(tuple(allow), ca)
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

    def __init__(self, allow: tuple[str, ...], ca: str = "") -> None:
        self.allow, self.ca = allow, ca
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        if self.ca:
            options["ssl_context"] = context_with(self.ca)
        manager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        plain = type("PlainConnection", (PlainConnection,), {"allow": self.allow})
        tls = type("TlsConnection", (TlsConnection,), {"allow": self.allow})
        manager.pool_classes_by_scheme = {
            "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }
        self.poolmanager = manager


def context_with(ca: str) -> ssl.SSLContext:
    """TLS that trusts these certificates as well."""
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise CloudError("The CA certificate cannot be read.", retry=False, kind="refused") from error
    return context


def unanswered(error: Exception) -> CloudError | None:
    """What kept a call from being answered, in our words; None for any other error."""
    if isinstance(error, TooManyRedirects):
        return CloudError("The endpoint redirects elsewhere; Concord does not follow.", retry=False, kind="refused")
    if isinstance(error, SSLError):
        return CloudError(f"The endpoint's certificate is refused: {cause_of(error)}", retry=False, kind="unreachable")
    if isinstance(error, RequestException):
        return CloudError(f"The endpoint does not answer: {cause_of(error)}", retry=True, kind="unreachable")
    return None


def of_status(status: int, text: str) -> CloudError:
    """An HTTP status in our words."""
    if status == 401:
        return CloudError(text, retry=False, kind="credentials")
    if status == 403:
        return CloudError(text, retry=False, kind="permission")
    if status == 404:
        return CloudError(text, retry=False, kind="not_found")
    if status >= 500:
        return CloudError(f"The cloud is not well (HTTP {status}): {text}", retry=True, kind="unreachable")
    return CloudError(text, retry=status == 429, kind="refused")


def cause_of(error: BaseException) -> str:
    """The innermost reason: requests and urllib3 wrap it, and quote the whole URL around it."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return shown(error)
