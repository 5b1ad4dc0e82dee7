"""Keeps what a simulated AWS account holds in a file, so that it is there again whatever ended the process.

moto has no store of its own. Its model of EC2 is plain Python objects, so it is pickled whole (a megabyte for two regions,
some 20 ms) before the answer to a call that changed something leaves: what a caller was told, a restart still knows.
"""

import pickle
import threading
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from moto.backends import get_backend

from .files import write_private_bytes

READS = ("Describe", "Get", "List")
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class KeptState:
    """WSGI around moto's application: one call at a time, the file written after each that may have changed something.

    A region comes into being, with networks of its own, at the first call to it, even one that only reads.
    """

    def __init__(self, application: Application, path: Path) -> None:
        self.application = application
        self.path = path
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self.lock:
            before = count_regions()
            body = list(self.application(environ, start_response))
            if not str(environ.get("concord.action", "")).startswith(READS) or count_regions() != before:
                write_private_bytes(self.path, pickle.dumps((version("moto"), regions())))
        return body


def regions() -> dict[str, dict[str, Any]]:
    """Account -> region -> moto's model of EC2 there, as far as somebody has called it."""
    return {account: dict(by_region.items()) for account, by_region in get_backend("ec2").items()}


def count_regions() -> int:
    """How many regions somebody has called."""
    return sum(map(len, get_backend("ec2").values()))


def restore(path: Path) -> bool:
    """Put back what the file holds; False when there is none. What another moto wrote is set aside: it may mean otherwise."""
    if not path.exists():
        return False
    try:
        written_by, kept = pickle.loads(path.read_bytes())  # noqa: S301 - our own file, readable by us alone
    except Exception as error:  # whatever pickle makes of a file that is not ours
        written_by, kept = f"something else ({type(error).__name__})", {}
    if written_by != version("moto"):
        path.replace(path.with_name(path.name + ".unread"))
        print(f"{path.name} was written by {written_by}; this account starts empty.", flush=True)
        return False
    for account, by_region in kept.items():
        for region, backend in by_region.items():
            get_backend("ec2")[account][region] = backend
    return True
