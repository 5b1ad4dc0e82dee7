"""The realm's signature keys as this process knows them: fetched when needed, seldom, and again after a rotation."""

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import requests
from django.utils.translation import gettext as _
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from portal.core import clock
from portal.core.errors import Unavailable

log = logging.getLogger(__name__)

ALGORITHMS = frozenset({"RS256", "ES256", "PS256"})
FRESH = timedelta(minutes=10)
LONGEST = timedelta(hours=1)
EVERY = timedelta(minutes=1)
AGAIN = timedelta(seconds=5)
TIMEOUT_S = 5
MOST_KEYS = 50
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Known:
    """A key, and the one algorithm that it signs by."""

    key: RSAKey | ECKey
    algorithm: str


class Keys:
    """The keys at one address. An unknown id makes them be fetched again, at most once a minute, whoever sends how many.

    Keys older than ten minutes are fetched anew; where that fails they count on for an hour, so a restart of Keycloak
    signs nobody out. After that nothing does.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: dict[str, Known] = {}
        self._fetched = self._next = NEVER
        self._lock = threading.Lock()

    def find(self, kid: str) -> Known | None:
        """The key of this id, None where the realm has none; raises Unavailable where it cannot be asked."""
        now = clock.now()
        if kid not in self._known or now > self._fetched + FRESH:
            self._fetch(now)
        if now > self._fetched + LONGEST:
            raise Unavailable(_("The keys of your organization's sign-in cannot be had just now."))
        return self._known.get(kid)

    def _fetch(self, now: datetime) -> None:
        with self._lock:
            if now < self._next:
                return
            try:
                answer = requests.get(self._url, timeout=TIMEOUT_S, allow_redirects=False)
                answer.raise_for_status()
                self._known = read(answer.json())
                self._fetched, self._next = now, now + EVERY
            except (requests.RequestException, ValueError) as error:
                self._next = now + AGAIN
                log.warning("no keys from %s: %s", self._url, type(error).__name__)


@cache
def keys_at(url: str) -> Keys:
    """The keys at this address, one collection for the whole process."""
    return Keys(url)


def read(answer: Any) -> dict[str, Known]:
    """The keys for signatures in a key set, by id; raises ValueError where it is none. What we do not use is left out."""
    found = answer.get("keys") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise ValueError("not a key set")
    read = (_known(entry) for entry in found[:MOST_KEYS])
    return {kid: known for kid, known in read if known}


def _known(entry: Any) -> tuple[str, Known | None]:
    said = [entry.get(name) for name in ("kty", "use", "alg", "kid")] if isinstance(entry, dict) else []
    if not said or not all(isinstance(text, str) for text in said):
        return "", None
    if said[0] not in ("RSA", "EC") or said[1] != "sig" or said[2] not in ALGORITHMS:
        return "", None
    try:
        key = JWKRegistry.import_key(entry)
    except (JoseError, ValueError, TypeError):
        return "", None
    if not isinstance(key, RSAKey | ECKey) or key.is_private:
        return "", None
    return entry["kid"], Known(key, entry["alg"])
