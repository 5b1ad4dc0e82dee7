"""One careful HTTP call to somebody else's server: an allowed address, no redirect, a size and a deadline."""

import base64
import contextlib
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from portal.core import outbound
from portal.core.errors import Invalid, Unavailable

MOST_BYTES = 512 * 1024
WITHIN_S = 10.0
ALTOGETHER_S = 20.0
CHUNK = 16 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The object in it, or Invalid."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Invalid(_("The answer is not JSON.")) from error
        if not isinstance(found, dict):
            raise Invalid(_("The answer is not a JSON object."))
        return found


class Plain(http.client.HTTPConnection):
    """Connects to the address that the policy allowed, whatever the name means a moment later."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=WITHIN_S)
        self.address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), WITHIN_S)

    def cut(self) -> None:
        """End it under whoever reads from it: a head that drips byte by byte holds no worker."""
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class Tls(Plain):
    """The same, and the certificate is that of the name."""

    default_port = 443

    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def check_address(url: str, *, schemes: tuple[str, ...] = ("https", "http")) -> list[str]:
    """The addresses behind a URL; Refused where one of them may not be called. Plain http is for this machine only."""
    addresses = outbound.check_url(url, allow=settings.OUTBOUND_ALLOW, schemes=schemes)
    if urlsplit(url).scheme == "http" and not all(is_loopback(address) for address in addresses):
        raise Invalid(_("%(url)s is not encrypted; use https.") % {"url": url[:200]})
    return addresses


def is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def fetch(url: str, *, form: Mapping[str, str] | None = None, basic: tuple[str, str] | None = None) -> Answer:
    """GET a URL, or POST a form to it, as a client where `basic` names one. Invalid, Refused or Unavailable says why there
    is no answer to read.
    """
    headers = _headers(is_form=form is not None, basic=basic)
    return _call(url, urlencode(form).encode() if form is not None else None, headers)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """POST a body as it is. The same refusals; an answer that leads elsewhere is an answer, and nobody follows it."""
    return _call(url, body, {**_headers(is_form=False, basic=None), **headers})


def _call(url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    parts, addresses = urlsplit(url), check_address(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise Invalid(_("%(url)s is not an address Concord can call.") % {"url": url[:200]}) from error
    kind = Tls if parts.scheme == "https" else Plain
    connection = kind(parts.hostname or "", port, addresses[0])
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    end = threading.Timer(ALTOGETHER_S, connection.cut)
    end.daemon = True
    end.start()
    try:
        connection.request("GET" if body is None else "POST", target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, _read(answer, connection))
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(_("Its certificate is not valid: %(why)s") % {"why": error.verify_message[:200]}) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(_("%(host)s does not answer.") % {"host": (parts.hostname or "")[:200]}) from error
    finally:
        end.cancel()
        connection.close()


def _headers(*, is_form: bool, basic: tuple[str, str] | None) -> dict[str, str]:
    headers = {"Accept": "*/*", "User-Agent": "Concord"}
    if is_form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    if basic:  # RFC 6749, 2.3.1: both parts are form-encoded first
        pair = ":".join(quote_plus(part) for part in basic)
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return headers


def _read(answer: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> bytes:
    """The body, within size and time: an answer that drips does not hold a worker."""
    ends, found = time.monotonic() + WITHIN_S, b""
    while part := answer.read1(CHUNK):
        found += part
        if len(found) > MOST_BYTES:
            raise Invalid(_("The answer is too large."))
        if time.monotonic() > ends:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(max(0.1, ends - time.monotonic()))
    return found
