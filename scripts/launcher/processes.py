"""Processes remembered by pid and time of birth, so that a later run can end what a killed one left."""

import contextlib
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil

from .files import write_private

SAME_BIRTH_S = 5.0


def run_whole(command: list[str | Path], **options: Any) -> int:
    """Run a command to its end and return its status. When we are interrupted, what it started ends too."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, **options) as process:
        try:
            return process.wait()
        except BaseException:
            end_tree(psutil.Process(process.pid), patience_s=5)
            raise


def remember(path: Path, pid: int) -> None:
    """Write down a process of ours."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        write_private(path, json.dumps({"pid": pid, "born": process.create_time(), "name": process.name()}))


def recorded(path: Path) -> psutil.Process | None:
    """The process written down in `path` if it still lives; None for a dead one or a stranger with its pid."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        process = psutil.Process(int(record["pid"]))
        born = process.create_time()
        alive = process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return process if alive and abs(born - float(record["born"])) < SAME_BIRTH_S else None


def end_recorded(path: Path, *, patience_s: float = 10) -> bool:
    """End the process written down in `path`, with its children; True if there was one."""
    process = recorded(path)
    if process is not None:
        end_tree(process, patience_s=patience_s)
    path.unlink(missing_ok=True)
    return process is not None


def end_tree(process: psutil.Process, *, patience_s: float, last_word: signal.Signals | None = None) -> None:
    """Ask a process to end and wait; then say the last word, if any; then kill it and whatever children it left."""
    family = [process]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += process.children(recursive=True)
    for word, wait_s in ((signal.SIGTERM, patience_s), (last_word, 2.0)):
        if word is not None and process.is_running():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(word)
            psutil.wait_procs([process], timeout=wait_s)
    _, alive = psutil.wait_procs(family, timeout=0.3)
    for member in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=5)
