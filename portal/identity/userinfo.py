"""What the realm says of a person beside her ID token: her groups, which are too many for a token to carry."""

import json
import time
from typing import Any

import requests
from django.utils.translation import gettext as _
from urllib3.exceptions import HTTPError

from portal.core.errors import PortalError, Unavailable
from portal.identity.jwts import issuer

WITHIN_S = 5.0
MOST_BYTES = 2 * 1024 * 1024
CHUNK = 64 * 1024
JSON = "application/json"


class BadUserInfo(PortalError):
    """It says nothing that counts of her. The detail says why, for the record."""


def ask(access_token: str, *, subject: str) -> dict[str, Any]:
    """What is said of this subject, by the token that came with her ID token.

    BadUserInfo where the answer is not plainly about her; Unavailable where none comes in time. A signed answer is not
    used: it comes from the realm itself, as the tokens did.
    """
    headers = {"Authorization": f"Bearer {access_token}", "Accept": JSON, "Accept-Encoding": "identity"}
    address, ends = f"{issuer()}/protocol/openid-connect/userinfo", time.monotonic() + WITHIN_S
    try:
        with requests.get(address, headers=headers, timeout=WITHIN_S, allow_redirects=False, stream=True) as answer:
            _check_head(answer)
            body = _read(answer, ends)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise Unavailable(_("The sign-in of your organization does not say which groups you are in.")) from error
    claims = _object(body)
    if claims.get("sub") != subject:
        raise BadUserInfo("userinfo is about another person")
    return claims


def _check_head(answer: requests.Response) -> None:
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if answer.status_code >= 500:
        raise requests.HTTPError(response=answer)
    if answer.status_code != 200:
        raise BadUserInfo(f"userinfo answers {answer.status_code}")
    if kind != JSON:
        raise BadUserInfo(f"userinfo is {kind!r:.60}, not JSON")


def _read(answer: requests.Response, ends: float) -> bytes:
    """The body, within size and time: an answer that drips does not hold a page."""
    found = bytearray()
    while part := answer.raw.read1(CHUNK):
        found += part
        if len(found) > MOST_BYTES:
            raise BadUserInfo(f"userinfo is over {MOST_BYTES} bytes")
        if time.monotonic() > ends:
            raise TimeoutError
    return bytes(found)


def _object(body: bytes) -> dict[str, Any]:
    try:
        claims = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadUserInfo("userinfo is not JSON") from error
    if not isinstance(claims, dict):
        raise BadUserInfo("userinfo is not a JSON object")
    return claims


def _no_number(name: str) -> Any:
    raise ValueError(name)
