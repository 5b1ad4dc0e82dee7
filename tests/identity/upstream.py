"""Providers as an organization admin enters them, and a stand-in that answers like a small OpenID provider."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.identity import provider_checks, providers
from portal.identity.models import IdentityProvider

SECRET = "an-upstream-secret-0123456789abcdef"
LOOPBACK = ["127.0.0.0/8", "::1/128"]


def oidc(
    world: Any, *, actor: str = "erin", name: str = "Corp", issuer: str = "http://127.0.0.1:9", **more: Any
) -> IdentityProvider:
    """An OIDC provider as added, its checks still to run."""
    organization = world.nordwind if actor == "erin" else world.other
    config = {"issuer": issuer, "client_id": "concord", **more.pop("config", {})}
    secret = {"client_secret": more.pop("secret", SECRET)}
    return providers.add_provider(organization, "oidc", name, config, secret, actor=world.actor(actor), **more)


def checked(provider: IdentityProvider) -> IdentityProvider:
    """The same after its checks."""
    provider_checks.run(provider.pk)
    provider.refresh_from_db()
    return provider


def outcome(provider: IdentityProvider) -> dict[str, str]:
    """Check -> how it went."""
    return {result["name"]: result["state"] for result in provider.results}


class Stand(BaseHTTPRequestHandler):
    """Answers each path from `pages`: a dict is JSON with 200, a pair is status and body."""

    pages: dict[str, Any] = {}

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = self.pages.get(self.path, (404, b""))
        status, body = found if isinstance(found, tuple) else (200, json.dumps(found).encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "http://169.254.169.254/latest")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def standing(**changes: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """A small OpenID provider on loopback: its issuer and its pages, to be changed at will."""
    pages: dict[str, Any] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Standing", (Stand,), {"pages": pages}))
    issuer = f"http://127.0.0.1:{server.server_port}"
    pages["/.well-known/openid-configuration"] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/auth",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "id_token_signing_alg_values_supported": ["RS256"],
        **changes,
    }
    pages["/jwks"] = {"keys": [{"kty": "RSA", "kid": "k1", "use": "sig", "n": "AQAB", "e": "AQAB"}]}
    pages["/token"] = (400, b'{"error": "invalid_grant"}')
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer, pages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(*, days: int = 365) -> str:
    """A certificate that ends in so many days, as metadata carries it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp")])
    begins = datetime.now(UTC) - timedelta(days=400)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    signed = (
        built.not_valid_before(begins).not_valid_after(datetime.now(UTC) + timedelta(days=days)).sign(key, hashes.SHA256())
    )
    return base64.b64encode(signed.public_bytes(serialization.Encoding.DER)).decode()


def metadata(
    *, days: int = 365, sign_in: str = "http://127.0.0.1:9/sso", before: str = "", entity: str = "https://idp.example"
) -> str:
    """SAML metadata of one identity provider."""
    return f"""<?xml version="1.0"?>{before}
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}">
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" WantAuthnRequestsSigned="false">
    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
      <ds:X509Certificate>{certificate(days=days)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{sign_in}"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>"""


def free_port() -> int:
    """A port on loopback that nobody holds now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
