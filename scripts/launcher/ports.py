"""Ports on loopback: is this one free, which is the next, and which we had last time."""

import socket
from collections.abc import Mapping
from pathlib import Path

from .errors import LaunchError
from .home import read_json, write_json

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    listener = hold(port)
    if listener is not None:
        listener.close()
    return listener is not None


def hold(port: int) -> socket.socket | None:
    """Keep others from taking a port until the socket is closed, just before its server listens; None when it is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(1)
    except OSError:
        listener.close()
        return None
    return listener


def any_port() -> int:
    """A port that was free a moment ago, chosen by the system."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def asked_port(environ: Mapping[str, str]) -> int | None:
    """The port a person asked for with PORT; None if she did not."""
    text = environ.get("PORT", "")
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise LaunchError(f"PORT is {text!r}; it takes a number from 1 to 65535.")
    if not is_free(int(text)):
        raise LaunchError(f"Port {text} is taken. Stop what listens there, or ask for another: make run PORT={int(text) + 1}")
    return int(text)


def choose_ports(book: Path, wanted: Mapping[str, int], asked: Mapping[str, int | None]) -> tuple[dict[str, int], list[str]]:
    """A free port for each name, and a line on each one that had to change.

    What was asked for comes first, then what `book` remembers of earlier runs, then what is wanted by default.
    """
    remembered = read_json(book, {})
    chosen: dict[str, int] = {}
    changed: list[str] = []
    for name, default in wanted.items():
        first = asked.get(name) or remembered.get(name, default)
        port = free_port_from(first, avoid=frozenset(chosen.values()))
        if port != first:
            changed.append(f"Port {first} is taken, so {name} uses {port}.")
        chosen[name] = port
    write_json(book, {**remembered, **chosen})
    return chosen, changed


def free_port_from(first: int, *, avoid: frozenset[int] = frozenset()) -> int:
    """The first free port at or after `first`; any free one if the next hundred are taken."""
    for port in range(first, min(first + 100, 65536)):
        if port not in avoid and is_free(port):
            return port
    return any_port()
