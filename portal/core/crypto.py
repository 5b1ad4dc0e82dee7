"""AES-256-GCM for what must not be readable in the database. The associated data binds a ciphertext to its row."""

import base64
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

NONCE_BYTES = 12


class Unreadable(Exception):
    """The ciphertext was moved, altered, or its key is gone. Says nothing of the content."""


def seal(plain: bytes, *, aad: str) -> bytes:
    """Encrypt under the first key. `aad` names the row ("clouds.connection:<id>"); only the same name opens it."""
    key_id, key = next(iter(_keys().items()))
    nonce = os.urandom(NONCE_BYTES)
    return key_id.encode() + b":" + nonce + AESGCM(key).encrypt(nonce, plain, aad.encode())


def open_sealed(blob: bytes, *, aad: str) -> bytes:
    """Decrypt with the key named in the blob; raises Unreadable."""
    key_id, _, rest = bytes(blob).partition(b":")
    key = _keys().get(key_id.decode(errors="replace"))
    if key is None:
        raise Unreadable(f"no key {key_id[:16]!r}")
    try:
        return AESGCM(key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], aad.encode())
    except InvalidTag as error:
        raise Unreadable("altered, or of another row") from error


@cache
def _keys() -> dict[str, bytes]:
    pairs = (item.partition(":") for item in settings.PORTAL_KEYS)
    keys = {key_id: base64.b64decode(value) for key_id, _, value in pairs}
    if not keys or any(len(key) != 32 for key in keys.values()):
        raise ImproperlyConfigured("PORTAL_KEYS takes id:base64 of 32 bytes, parted by commas; the first encrypts")
    return keys
