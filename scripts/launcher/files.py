"""Small files of the state folder: secrets that only the owner reads, logs that do not grow for ever."""

import os
import secrets
from pathlib import Path
from typing import BinaryIO

LOG_LIMIT_BYTES = 20 * 1024 * 1024


def write_private(path: Path, text: str) -> None:
    """Put `text` in `path` whole or not at all; nobody but the owner can ever read it."""
    write_private_bytes(path, text.encode())


def write_private_bytes(path: Path, data: bytes) -> None:
    """The same for bytes."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
    new.replace(path)


def kept_secret(path: Path) -> str:
    """The secret in `path`, made at the first call; it holds only URL-safe characters."""
    if not path.exists() or not path.read_text(encoding="utf-8").strip():
        write_private(path, secrets.token_urlsafe(48))
    return path.read_text(encoding="utf-8").strip()


def open_log(path: Path) -> BinaryIO:
    """Open a log to append to; one that has grown too large is set aside as `.1` first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def last_line(path: Path) -> str:
    """The last line of a log that says something, for an error message."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
