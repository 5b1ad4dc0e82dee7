"""Reading the tokens of the realm. Nothing else in the portal opens a JWT, and none of it counts before every check is done."""

import base64
import binascii
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import compare_digest
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from portal.core import clock
from portal.core.errors import PortalError
from portal.identity.keys import keys_at

MOST_BYTES = 8192
LEEWAY_S = 30
LOGOUT_FRESH = timedelta(minutes=5)
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
HEADER = frozenset({"alg", "kid", "typ"})


class BadToken(PortalError):
    """It proves nothing. The detail says why, for the record; whoever sent it learns no more than that."""

    status, code, title = 401, "bad-token", _("This token proves nothing")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a token is for, as its header and its claims must both say."""

    header: str
    claim: str


ID = Kind("jwt", "ID")
ACCESS = Kind("at+jwt", "Bearer")
LOGOUT = Kind("logout+jwt", "Logout")


@dataclass(frozen=True, slots=True)
class Token:
    """What a token that held says. `sid` is the session at the provider; `subject` may be empty in a logout token alone."""

    issuer: str
    subject: str
    sid: str
    jti: str
    expires: datetime
    claims: dict[str, Any] = field(repr=False)


def issuer() -> str:
    """The one issuer whose tokens count."""
    return f"{settings.KEYCLOAK_URL}/realms/{settings.KEYCLOAK_REALM}"


def read_id_token(raw: str, *, nonce: str) -> Token:
    """An ID token made for the portal and for this very sign-in; raises BadToken, or Unavailable where no key can be had."""
    claims = _claims(raw, ID, azp=(settings.KEYCLOAK_CLIENT_ID,))
    given = claims.get("nonce")
    if not isinstance(given, str) or not nonce or not compare_digest(given.encode(), nonce.encode()):
        raise BadToken("the nonce is of another sign-in")
    return _token(claims, needs=("sub",))


def read_access_token(raw: str) -> Token:
    """An access token for the portal that a person's shell asked for, and nobody else; raises as above."""
    return _token(_claims(raw, ACCESS, azp=(settings.KEYCLOAK_CLI_CLIENT_ID,)), needs=("sub",))


def read_lease_token(raw: str, *, audience: str) -> Token:
    """An access token that the portal had exchanged for one audience and no other; raises as above.

    Its party is the portal, or the audience itself, where a cloud takes that for the audience (AWS).
    """
    claims = _claims(raw, ACCESS, azp=(settings.KEYCLOAK_CLIENT_ID, audience), audience=audience)
    if claims["aud"] not in (audience, [audience]):
        raise BadToken("for others, too")
    return _token(claims, needs=("sub",))


def read_logout_token(raw: str) -> Token:
    """A fresh logout token for the portal, with a subject or a session; raises as above. Seen before is for the caller."""
    claims = _claims(raw, LOGOUT)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise BadToken("it announces no logout")
    if "nonce" in claims:
        raise BadToken("a logout token has no nonce")
    if clock.now().timestamp() - claims["iat"] > LOGOUT_FRESH.total_seconds():
        raise BadToken("it was issued too long ago")
    token = _token(claims, needs=("jti",))
    if not token.subject and not token.sid:
        raise BadToken("it names neither person nor session")
    return token


def _claims(raw: str, kind: Kind, *, azp: Collection[str] = (), audience: str = "") -> dict[str, Any]:
    """The claims of a token whose signature, type, issuer, audience, times and (where given) party hold."""
    header = _header(raw)
    if str(header["typ"]).lower().removeprefix("application/") != kind.header:
        raise BadToken(f"a header of type {header['typ']!r:.40}")
    claims = _verified(raw, header)
    now = int(clock.now().timestamp())
    wanted = JWTClaimsRegistry(
        now=now,
        leeway=LEEWAY_S,
        iss={"essential": True, "value": issuer()},
        aud={"essential": True, "value": audience or settings.KEYCLOAK_CLIENT_ID},
        exp={"essential": True},
        iat={"essential": True},
        typ={"essential": True, "value": kind.claim},
    )
    try:
        wanted.validate(claims)
    except JoseError as error:
        raise BadToken(str(error)) from error
    if claims["typ"] != kind.claim:
        raise BadToken("its claims are of another type")
    if azp and claims.get("azp") not in azp:
        raise BadToken("asked for by another party")
    return claims


def _verified(raw: str, header: dict[str, Any]) -> dict[str, Any]:
    """The payload, once the signature is that of the key the header names, by the one algorithm that this key signs by."""
    known = keys_at(f"{issuer()}/protocol/openid-connect/certs").find(header["kid"])
    if known is None:
        raise BadToken("signed by no key of the realm")
    try:
        signed = jws.deserialize_compact(raw, known.key, algorithms=[known.algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise BadToken(f"the signature does not hold: {error}"[:200]) from error
    return _object(signed.payload)


def _header(raw: str) -> dict[str, Any]:
    """The header, with what we read of it and nothing more: one that brings its own key, or wants an extension, is refused."""
    if not isinstance(raw, str) or not raw.isascii():
        raise BadToken("not a token")
    if len(raw) > MOST_BYTES:
        raise BadToken(f"over {MOST_BYTES} bytes")
    parts = raw.split(".")
    if len(parts) != 3:
        raise BadToken("not a signed token")
    try:
        header = _object(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (binascii.Error, ValueError) as error:
        raise BadToken("its header cannot be read") from error
    if header.keys() != HEADER or not all(isinstance(value, str) for value in header.values()):
        raise BadToken(f"a header with {', '.join(sorted(header))[:100]}")
    return header


def _object(text: bytes) -> dict[str, Any]:
    """A JSON object in which no name stands twice; of two readers, each might believe another one."""
    try:
        read = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BadToken("not JSON, or a name stands twice in it") from error
    if not isinstance(read, dict):
        raise BadToken("not a JSON object")
    return read


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name stands twice")
    return read


def _token(claims: dict[str, Any], *, needs: Collection[str]) -> Token:
    texts = {name: claims.get(name, "") for name in ("sub", "sid", "jti")}
    for name, text in texts.items():
        if not isinstance(text, str) or len(text) > 100 or "\x00" in text or (name in needs and not text):
            raise BadToken(f"its {name} cannot be read")
    try:
        expires = datetime.fromtimestamp(claims["exp"], UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadToken("its end cannot be read") from error
    return Token(claims["iss"], texts["sub"], texts["sid"], texts["jti"], expires, claims)
