"""Signatures as the Standard Webhooks specification has them: HMAC-SHA256 over id, time and body."""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable

PREFIX = "whsec_"
KEY_BYTES = 32


def new_key() -> bytes:
    """A key nobody has seen."""
    return os.urandom(KEY_BYTES)


def secret_text(key: bytes) -> str:
    """The key as receivers enter it into their library."""
    return PREFIX + base64.b64encode(key).decode()


def signed_headers(message_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """The three headers of a message, signed with each key: while one takes the place of another, either checks."""
    signatures = [f"v1,{signature(message_id, timestamp, body, key)}" for key in keys]
    return {"Webhook-Id": message_id, "Webhook-Timestamp": str(timestamp), "Webhook-Signature": " ".join(signatures)}


def signature(message_id: str, timestamp: int, body: bytes, key: bytes) -> str:
    """The signature alone, in base64."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
