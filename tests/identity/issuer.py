"""A small issuer on loopback: signs whatever a test wants, and serves its public keys over HTTP."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from portal.core import clock

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Issuer:
    """Its keys are made once; `served` are those it shows, `asked` counts how often."""

    def __init__(self) -> None:
        self.rsa = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "rsa"})
        self.pss = RSAKey.generate_key(2048, {"use": "sig", "alg": "PS256", "kid": "pss"})
        self.ec = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "ec"})
        self.enc = RSAKey.generate_key(2048, {"use": "enc", "alg": "RSA-OAEP", "kid": "enc"})
        self.foreign = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "rsa"})
        self.served: Any = [self.rsa, self.pss, self.ec, self.enc]
        self.asked = 0
        self.url = ""

    @property
    def address(self) -> str:
        return f"{self.url}/realms/concord"

    def jwks(self) -> bytes:
        if isinstance(self.served, bytes):
            return self.served
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.served]}).encode()

    def claims(self, kind: str, **changed: Any) -> dict[str, Any]:
        """What a good token of this kind says; a change to None leaves the claim out."""
        now = int(clock.now().timestamp())
        common = {"iss": self.address, "aud": "portal", "sub": "alice-at-corp", "sid": "s-1", "jti": "j-1", "iat": now}
        own = {
            "id": {"typ": "ID", "azp": "portal", "nonce": "n-1", "exp": now + 300},
            "access": {"typ": "Bearer", "azp": "concord-cli", "exp": now + 300},
            "lease": {"typ": "Bearer", "azp": "portal", "aud": "keystone", "exp": now + 300},
            "logout": {"typ": "Logout", "events": {LOGOUT_EVENT: {}}, "exp": now + 120},
        }[kind]
        return {name: value for name, value in {**common, **own, **changed}.items() if value is not None}

    def token(self, kind: str, *, header: dict[str, Any] | None = None, key: Any = None, **changed: Any) -> str:
        """A token of this kind, signed; `header` changes its header, `changed` its claims."""
        key = key or self.rsa
        typ = {"id": "JWT", "access": "at+jwt", "lease": "at+jwt", "logout": "logout+jwt"}[kind]
        head = {
            "alg": key.as_dict().get("alg", "RS256"),
            "kid": key.as_dict().get("kid", "rsa"),
            "typ": typ,
            **(header or {}),
        }
        head = {name: value for name, value in head.items() if value is not None}
        return self.sign(json.dumps(head), json.dumps(self.claims(kind, **changed)), key, by=head.get("alg", ""))

    def sign(self, header: str, payload: str, key: Any = None, by: str = "RS256") -> str:
        """These very texts, truly signed by the key and the algorithm."""
        key = key or self.rsa
        model = jws.JWSRegistry.algorithms[by]
        text = f"{coded(header)}.{coded(payload)}"
        return f"{text}.{coded(model.sign(text.encode(), key))}"


def coded(part: str | bytes) -> str:
    part = part.encode() if isinstance(part, str) else part
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


@contextmanager
def serving(issuer: Issuer) -> Iterator[Issuer]:
    """Its keys at a URL of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            body = issuer.jwks()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
