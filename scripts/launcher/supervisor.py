"""Keeps processes running: starts them in order, starts a crashed one again, and stops them all in reverse order."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from .errors import LaunchError
from .files import last_line, open_log
from .home import ROOT
from .ports import LOOPBACK
from .processes import end_recorded, end_tree, remember

STOP_LIMIT_S = 20.0


class Part(Protocol):
    """One process under supervision."""

    name: str
    log: Path
    process: subprocess.Popen[bytes] | None

    def start_again(self) -> None:
        """Start it as it was started first."""

    def stop(self, patience_s: float = 10) -> None:
        """Stop it; after `patience_s` by force."""


@dataclass
class Child:
    """A command of ours, its log, and the record by which a later run finds it."""

    name: str
    command: list[str]
    home: Path
    environment: Mapping[str, str]
    patience_s: float = 5
    last_word: signal.Signals | None = None  # what makes it give its work back when it did not end in time
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)
    record: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.home / "logs" / f"{self.name}.log"
        self.record = record_of(self.home, self.name)

    def start_again(self) -> None:
        """Start the command in the checkout, away from the terminal's Ctrl-C."""
        end_recorded(self.record)
        with open_log(self.log) as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment}, start_new_session=True,
            )  # fmt: skip
        self.record.parent.mkdir(exist_ok=True)
        remember(self.record, self.process.pid)

    def stop(self, patience_s: float = 10) -> None:
        """Ask it to end, then insist. Safe to call twice."""
        if self.process is not None and self.process.poll() is None:
            patience_s = min(patience_s, self.patience_s)
            end_tree(psutil.Process(self.process.pid), patience_s=patience_s, last_word=self.last_word)
            self.process.wait()
        self.process = None
        self.record.unlink(missing_ok=True)


@dataclass
class Health:
    """How a part has been faring."""

    started_at: float
    crashes: int = 0
    due_at: float | None = None


class Supervisor:
    """Owns parts in the order they were added."""

    def __init__(self, say: Callable[[str], None], *, pause_s: float = 1, quick_s: float = 30, most_crashes: int = 5) -> None:
        self.say = say
        self.pause_s = pause_s
        self.quick_s = quick_s
        self.most_crashes = most_crashes
        self.parts: list[tuple[Part, Health]] = []

    def add(self, part: Part) -> None:
        """Take over a part that runs already."""
        self.parts.append((part, Health(time.monotonic())))

    def start(self, part: Part) -> None:
        """Start a part and watch over it from now on."""
        self.add(part)
        part.start_again()

    def watch(self) -> None:
        """Look after the parts until interrupted; raises LaunchError when one cannot be kept running."""
        while True:
            self.look()
            time.sleep(0.3)

    def look(self) -> None:
        """Note what has crashed, and start again what is due."""
        now = time.monotonic()
        for part, health in self.parts:
            if health.due_at is not None:
                if now >= health.due_at:
                    self._start_again(part, health)
            elif part.process is not None and part.process.poll() is not None:
                self._crashed(part, health, f"ended with code {part.process.returncode}")

    def stop_all(self) -> None:
        """Stop the parts, the last one first, all within twenty seconds."""
        until = time.monotonic() + STOP_LIMIT_S
        for part, _ in reversed(self.parts):
            part.stop(patience_s=max(1.0, until - time.monotonic()))
        self.parts.clear()

    def _crashed(self, part: Part, health: Health, what: str) -> None:
        now = time.monotonic()
        health.crashes = health.crashes + 1 if now - health.started_at < self.quick_s else 1
        if health.crashes >= self.most_crashes:
            raise LaunchError(f"{part.name} {what}, {health.crashes} times in a row ({last_line(part.log)}); see {part.log}")
        pause_s = self.pause_s * 2 ** (health.crashes - 1)
        health.due_at = now + pause_s
        self.say(f"{part.name} {what}; it starts again in {pause_s:.0f} s. See {part.log}")

    def _start_again(self, part: Part, health: Health) -> None:
        health.started_at, health.due_at = time.monotonic(), None
        try:
            part.start_again()
        except LaunchError as error:
            self._crashed(part, health, f"did not start: {error}")


def record_of(home: Path, name: str) -> Path:
    """Where a child's pid and time of birth are kept."""
    return home / "run" / f"{name}.process"


def end_left_children(home: Path) -> list[str]:
    """End the children a killed run left, and name them."""
    return [record.stem for record in sorted((home / "run").glob("*.process"), reverse=True) if end_recorded(record)]


def wait_until_listening(port: int, *, limit_s: float, part: Part | None = None) -> None:
    """Return when something answers on the port; raise LaunchError when its part ended or time is up."""
    until = time.monotonic() + limit_s
    while True:
        try:
            socket.create_connection((LOOPBACK, port), 1).close()
        except OSError as error:
            if part is not None and part.process is not None and part.process.poll() is not None:
                raise LaunchError(f"{part.name} ended at once ({last_line(part.log)}); see {part.log}") from error
            if time.monotonic() > until:
                raise LaunchError(f"Nothing answers on port {port} after {limit_s:.0f} s.") from error
            time.sleep(0.1)
        else:
            return
