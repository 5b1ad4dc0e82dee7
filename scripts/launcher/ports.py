"""Ports on loopback: is this one free, which is the next."""

import socket

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def any_port() -> int:
    """A port that was free a moment ago, chosen by the system."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def free_port_from(first: int, *, avoid: frozenset[int] = frozenset()) -> int:
    """The first free port at or after `first`; any free one if the next hundred are taken."""
    for port in range(first, min(first + 100, 65536)):
        if port not in avoid and is_free(port):
            return port
    return any_port()
