"""Files by their sha256: written once, never changed, checked when read."""

import hashlib
from pathlib import Path

from django.conf import settings

CHUNK = 1 << 20


class Damaged(Exception):
    """The stored bytes are not those that were put."""


def put_file(source: Path) -> str:
    """Keep a file; returns its sha256. Putting the same bytes twice keeps one."""
    digest = sha256_of(source)
    target = _path(digest)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{id(source):x}.part")
        part.write_bytes(source.read_bytes())
        part.replace(target)
    return digest


def path_of(digest: str) -> Path:
    """Where the file lies, checked against its name; raises FileNotFoundError or Damaged."""
    path = _path(digest)
    if sha256_of(path) != digest:
        raise Damaged(digest)
    return path


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _path(digest: str) -> Path:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise FileNotFoundError(digest)
    return Path(settings.BLOB_URL) / digest[:2] / digest
