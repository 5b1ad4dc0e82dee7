"""What a seal states, how seals are chained, and how the statement is signed and checked. Pure."""

import base64
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

CHAIN = b"\x02"
BEGINNING = bytes(32)
"""What the first seal follows."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Positions `first` to `last` have this root, and everything before them has the chained hash `previous`."""

    first: int
    last: int
    root: bytes
    previous: bytes
    chained: bytes
    at: str
    key: str

    def statement(self) -> bytes:
        """The bytes that are signed: one line for each part."""
        hashes = (self.root.hex(), self.previous.hex(), self.chained.hex())
        lines = ("concord-checkpoint/1", str(self.first), str(self.last), *hashes, self.at, self.key)
        return "".join(f"{line}\n" for line in lines).encode()

    def as_json(self, signature: bytes) -> dict[str, Any]:
        """As evidence packs and the published checkpoints show it."""
        return {
            "first": self.first,
            "last": self.last,
            "root": self.root.hex(),
            "previous": self.previous.hex(),
            "chained": self.chained.hex(),
            "at": self.at,
            "key": self.key,
            "signature": base64.b64encode(signature).decode(),
        }


def chain(previous: bytes, root: bytes, *, first: int, last: int) -> bytes:
    """The hash of this batch and of every batch before it."""
    return sha256(CHAIN + previous + root + first.to_bytes(8, "big") + last.to_bytes(8, "big")).digest()


def sign(statement: bytes, seed: bytes) -> bytes:
    """An Ed25519 signature with the private key that these 32 bytes are the seed of."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(statement)


def public_of(seed: bytes) -> bytes:
    """The public half, 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def is_signed(statement: bytes, signature: bytes, public: bytes) -> bool:
    """Whether the holder of the key signed exactly this."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True
