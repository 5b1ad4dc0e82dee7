"""A process of ours under test: started in a group of its own, ended by its pid, its log at hand."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.launcher.home import ROOT

CELERY = (sys.executable, "-m", "celery", "-A", "portal")
WORKER = (*CELERY, "worker", "--concurrency", "2", "--loglevel", "INFO", "--without-mingle", "--without-gossip")
BEAT = (*CELERY, "beat", "--loglevel", "INFO", "--pidfile=")


@dataclass
class Process:
    """One command, as the launcher starts it."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str]
    starts: int = 0
    running: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
                env={**os.environ, **self.environment}, start_new_session=True,
            )  # fmt: skip
        self.starts += 1

    @property
    def has_died(self) -> bool:
        return self.running is not None and self.running.poll() is not None

    def kill(self) -> None:
        """kill -9, with every child it has. Safe to call twice."""
        if self.running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait(10)
            self.running = None

    def tail(self, lines: int = 30) -> str:
        """The end of its log, for a failure that can be read."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- {self.name}, started {self.starts} times\n" + "\n".join(text.splitlines()[-lines:])
