"""The state folder: where it is, and that one launcher at a time works in it."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from .errors import LaunchError
from .files import write_private

ROOT = Path(__file__).resolve().parent.parent.parent
ROOT_HOME = Path("/var/lib/concord")


def state_folder(environ: Mapping[str, str], *, is_root: bool) -> Path:
    """`PORTAL_HOME`, else `/var/lib/concord` for root and `.portal` in the checkout for everybody else."""
    if environ.get("PORTAL_HOME"):
        return Path(environ["PORTAL_HOME"]).expanduser().absolute()
    return ROOT_HOME if is_root else ROOT / ".portal"


def make_folder(folder: Path) -> Path:
    """The folder, made if it was not there: closed to others, save that root's servers may walk through it."""
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise LaunchError(f"{folder} cannot be made ({error.strerror}): set PORTAL_HOME to a folder you own.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LaunchError(f"{folder} cannot be written to: set PORTAL_HOME to a folder you own.")
    return folder


@contextlib.contextmanager
def locked(folder: Path, *, who: str = "Concord") -> Iterator["Lock"]:
    """Hold the folder for `who`; the system lets go of it when we die, so a killed run leaves nothing to clear away."""
    with (folder / "launcher.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LaunchError(describe_holder(file, who)) from error
        lock = Lock(file)
        lock.tell(None)
        yield lock
        file.truncate(0)


class Lock:
    """What a second launcher is told."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def tell(self, url: str | None) -> None:
        """Write down who holds the folder, and where the portal answers."""
        self.file.truncate(0)
        self.file.write(json.dumps({"pid": os.getpid(), "url": url}))
        self.file.flush()


def describe_holder(file: TextIO, who: str) -> str:
    """One line on the launcher that holds the folder."""
    try:
        file.seek(0)
        holder = json.load(file)
        where = f"at {holder['url']}" if holder["url"] else "(it is just starting)"
        return f"{who} already runs {where}, process {holder['pid']}. Stop it there with Ctrl-C."
    except (ValueError, KeyError, TypeError):
        return f"Another launcher works in {Path(file.name).parent}."


def read_json(path: Path, default: Any) -> Any:
    """What a file of the state folder holds; the default when it is missing or was cut short."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return default


def write_json(path: Path, value: object) -> None:
    """Store a value whole or not at all, readable by the owner alone."""
    write_private(path, json.dumps(value, indent=1))
