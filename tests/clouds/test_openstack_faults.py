"""The OpenStack adapter before what is no Keystone: down, silent, nonsense, elsewhere, behind a certificate of one's own."""

import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.clouds import calls
from portal.clouds.adapters.keystone import opened
from portal.clouds.adapters.openstack import OpenStack
from portal.clouds.base import Account, CloudError
from tests.clouds.faults import Fault, FaultProxy, http

TOKEN = {"token": {"user": {"id": "u", "name": "concord"}, "issued_at": "2026-11-25T12:00:00.000000Z", "roles": []}}
IN_HEAD = b"X-Subject-Token: gAAAAA\r\n"


def adapter_at(port: int, scheme: str = "http", **config: Any) -> OpenStack:
    where = {"auth_url": f"{scheme}://127.0.0.1:{port}/v3", "identity_provider": "keycloak", "protocol": "openid", **config}
    keys = {"application_credential_id": "0123456789abcdef", "application_credential_secret": "of-the-portal"}
    return OpenStack(Account(where, keys, "home", ("127.0.0.0/8",)))


def error_of(call: Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        call()
    return caught.value


@pytest.fixture
def proxy(moto: int) -> Iterator[FaultProxy]:
    """It leads to some web server; what that says is never passed on."""
    with FaultProxy("127.0.0.1", moto) as standing:
        yield standing


def test_an_endpoint_that_is_down() -> None:
    error = error_of(adapter_at(1).lease_targets)
    assert (error.kind, error.retry) == ("unreachable", True)
    assert "of-the-portal" not in error.message


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"\x00\xff\x13 hello, I am no cloud\r\n\r\n", "unreachable"),
        (http(200, b"<html>It works!</html>"), "garbage"),
        (http(200, b"[]"), "garbage"),
        (http(201, json.dumps(TOKEN).encode()), "garbage"),  # a token without the token
        (http(201, b'{"token": {"user": {}}}', IN_HEAD), "garbage"),
        (http(201, json.dumps({"token": {**TOKEN["token"], "issued_at": "soon"}}).encode(), IN_HEAD), "garbage"),
        (http(201, b'{"token": ', IN_HEAD), "garbage"),
        (http(401, b"<html>Unauthorized</html>"), "credentials"),
        (http(403, b'{"error": {"message": "You are not authorized"}}'), "permission"),
        (http(409, b'{"error": []}'), "refused"),
        (http(429, b"{}"), "refused"),
        (http(503, b"null"), "unreachable"),
        (http(302, b"", b"Location: http://127.0.0.1:1/\r\n"), "refused"),
    ],
)
def test_nonsense_is_never_an_empty_list(proxy: FaultProxy, payload: bytes, kind: str) -> None:
    proxy.fault = Fault("payload", payload=payload)
    error = error_of(adapter_at(proxy.port).lease_targets)
    assert error.kind == kind
    assert len(error.message) <= 400
    assert "<html>It" not in error.message or kind == "garbage"


@pytest.mark.parametrize("kind", ["silence", "drip"])
def test_an_endpoint_that_never_comes_to_an_end_is_left_in_time(proxy: FaultProxy, kind: Any) -> None:
    proxy.fault = Fault(kind)
    adapter = adapter_at(proxy.port)
    started = time.monotonic()

    def sign_in() -> None:
        with opened(adapter.account) as keystone:
            keystone.as_portal()

    error = error_of(lambda: calls.guarded(sign_in, adapter, "sign_in", 1.0))
    assert (error.kind, error.retry) == ("unreachable", True)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("address", ["169.254.169.254", "10.1.2.3", "[fe80::1]"])
def test_a_forbidden_address_is_refused_before_a_packet_leaves(address: str) -> None:
    adapter = adapter_at(1, auth_url=f"http://{address}:5000/v3")
    with patch("socket.getaddrinfo", side_effect=lambda host, *_a, **_k: [(2, 1, 6, "", (host, 0))]):
        error = error_of(adapter.lease_targets)
    assert (error.kind, error.retry) == ("refused", False)


class TestCertificates:
    def test_one_of_an_authority_that_nobody_knows_is_refused(self, tmp_path: Path) -> None:
        with keystone_with_certificate(tmp_path, "127.0.0.1") as (port, _pem):
            error = error_of(adapter_at(port, "https").choices)
        assert (error.kind, error.retry) == ("unreachable", False)
        assert "certificate" in error.message

    def test_one_of_the_authority_that_the_connection_names_is_taken(self, tmp_path: Path) -> None:
        with keystone_with_certificate(tmp_path, "127.0.0.1") as (port, pem):
            assert adapter_at(port, "https", ca_certificate=pem).choices().complete

    def test_one_for_another_name_is_refused_all_the_same(self, tmp_path: Path) -> None:
        with keystone_with_certificate(tmp_path, "127.0.0.2") as (port, pem):
            assert "certificate" in error_of(adapter_at(port, "https", ca_certificate=pem).choices).message

    def test_what_is_no_certificate_is_said(self) -> None:
        error = error_of(adapter_at(1, "https", ca_certificate="-----BEGIN CERTIFICATE-----\nnonsense").choices)
        assert (error.kind, error.retry) == ("refused", False)


class AlwaysAToken(BaseHTTPRequestHandler):
    """Says that anybody is let in."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(http(201, json.dumps(TOKEN).encode(), IN_HEAD))

    def log_message(self, *words: Any) -> None:
        pass


@contextmanager
def keystone_with_certificate(home: Path, address: str) -> Iterator[tuple[int, str]]:
    """A server behind TLS that answers one call with a token; its port, and the certificate that it signed itself."""
    pem = write_certificate(home, address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "certificate.pem", home / "key.pem")
    with HTTPServer(("127.0.0.1", 0), AlwaysAToken) as server:
        server.timeout = 20
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        yield server.server_port, pem
        thread.join(30)


def write_certificate(home: Path, address: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a cloud of one's own")])
    now = dt.datetime.now(dt.UTC)
    built = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(days=1)
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    built = built.add_extension(names, critical=False)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    (home / "certificate.pem").write_text(pem)
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (home / "key.pem").write_bytes(key.private_bytes(*plain))
    return pem
