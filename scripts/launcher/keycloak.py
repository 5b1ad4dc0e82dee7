"""A Keycloak on loopback as a child process: production mode, its data in an H2 file, its administrator a service account."""

import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import psutil

from .account import require_entry, runnable_copy, server_account
from .errors import LaunchError, PortTaken
from .files import kept_secret, last_line, open_log
from .home import make_folder
from .keycloak_home import PROGRAM, VERSION, Distribution, java_environment
from .ports import LOOPBACK, any_port, is_free
from .processes import end_tree

ADMIN_CLIENT = "bootstrap"
START_LIMIT_S = 240
WRITTEN = ("data", "tmp", "uploads")
"""What the server writes; all else in its home is a link to the distribution, which it cannot change."""


class Keycloak:
    """One Keycloak server with its data in `home/keycloak/server`."""

    def __init__(self, home: Path, distribution: Distribution) -> None:
        self.home = home.resolve()
        self.name = "keycloak"
        self.distribution = distribution
        self.folder = self.home / "keycloak" / "server"
        self.started = self.home / "keycloak" / "started"
        self.secret_file = self.home / "keycloak-admin.secret"
        self.log = self.home / "logs" / "keycloak.log"
        self.account = server_account()
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, port: int | None = None) -> int:
        """Start the server and return its port when it is ready; one left by a killed run is ended first.

        Without `port` the system chooses one. What was stored before is there again; a first start that was cut short is
        begun anew.
        """
        make_folder(self.home)
        make_folder(self.home / "keycloak")
        require_entry(self.account, self.home / "keycloak")
        self._require_secret()
        self.end_left()
        self._lay_out()
        deadline = time.monotonic() + START_LIMIT_S
        while (port is not None and not is_free(port)) or not self._launch(port or any_port(), deadline):
            if port is not None and not is_free(port):
                raise PortTaken(f"Port {port} is taken, so Keycloak could not listen on it.")
            time.sleep(0.2)
        self.started.touch()
        return self.port

    def end_left(self) -> None:
        """End a server that a killed run left on this data."""
        end_left_server(self.home)

    def start_again(self) -> None:
        """Start as before: same port."""
        self.start(self.port or None)

    def stop(self, patience_s: float = 20) -> None:
        """Stop cleanly, with everything written. Safe to call twice."""
        if self.process is not None and self.process.poll() is None:
            end_tree(psutil.Process(self.process.pid), patience_s=patience_s)
            self.process.wait()
        if self.process is not None:
            self.end_left()  # a script that was killed leaves its Java
        self.process = None

    @property
    def url(self) -> str:
        """Where browsers and the portal find it; the issuer of a realm begins with this."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def admin_client_id(self) -> str:
        """The service account in realm `master` that may do everything."""
        return ADMIN_CLIENT

    @property
    def admin_client_secret(self) -> str:
        """Its secret, the same from start to start."""
        return kept_secret(self.secret_file)

    def _require_secret(self) -> None:
        if self.started.exists() and not self.secret_file.exists():
            raise LaunchError(
                f"{self.secret_file} is missing, so nobody can administer the Keycloak in {self.folder}: "
                f"put the file back, or move {self.folder.parent} away to begin anew."
            )

    def _lay_out(self) -> None:
        """A home of this server's own: its data beside links to the distribution."""
        program = self._runnable(self.distribution.home, PROGRAM)
        if not self.started.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o755 if self.account.is_other else 0o700)
        for link in [entry for entry in self.folder.iterdir() if entry.is_symlink()]:
            link.unlink()
        for entry in program.iterdir():
            if entry.name not in WRITTEN:
                (self.folder / entry.name).symlink_to(entry)
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        for name in WRITTEN:
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
            self.account.own(self.folder / name)

    def _runnable(self, folder: Path, program: str) -> Path:
        made = int((folder / program).stat().st_mtime)
        return runnable_copy(self.account, folder, program, copies=self.home / "binaries", version=str(made))

    def _command(self, port: int, management_port: int) -> list[str]:
        return [
            str(self.folder / PROGRAM), own_home(self.folder), f"-Djava.io.tmpdir={self.folder / 'tmp'}",
            "start", "--optimized",
            "--cache=local",  # else it opens cluster ports beyond loopback, whatever was built
            "--http-enabled=true", f"--http-host={LOOPBACK}", f"--http-port={port}", f"--hostname=http://{LOOPBACK}:{port}",
            f"--http-management-host={LOOPBACK}", f"--http-management-port={management_port}",
            "--log-level=info,io.smallrye.health:error",  # we ask for its health until it is well
        ]  # fmt: skip

    def _launch(self, port: int, deadline: float) -> bool:
        """True when the server is ready; False when it is worth another try."""
        management_port = any_port()
        environment = java_environment(self._runnable(self.distribution.java, "bin/java"))
        environment |= {
            "KC_BOOTSTRAP_ADMIN_CLIENT_ID": self.admin_client_id,
            "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET": self.admin_client_secret,
        }
        with open_log(self.log) as log:
            self.process = subprocess.Popen(
                self._command(port, management_port), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env=environment, start_new_session=True, umask=0o077, **self.account.identity,
            )  # fmt: skip
        self.port = port
        while self.process.poll() is None:
            if is_ready(management_port):
                return True
            if time.monotonic() > deadline:
                self.stop()
                raise LaunchError(f"Keycloak did not come up in {START_LIMIT_S} s; see {self.log}")
            time.sleep(0.2)
        if time.monotonic() > deadline or not may_pass(self.log):
            raise LaunchError(f"Keycloak {VERSION} ended at once ({last_line(self.log)}); see {self.log}")
        return False


def own_home(folder: Path) -> str:
    """The argument that gives a server a home of its own; it is how a server is known among processes, too."""
    return f"-Dkc.home.dir={folder}"


def end_left_server(home: Path) -> None:
    """End what a killed run left of the server of this state folder: the script, its Java, or both."""
    mark = own_home(home.resolve() / "keycloak" / "server")
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid() and mark in (process.info["cmdline"] or []) and process.is_running():
            end_tree(process, patience_s=20)


def is_ready(management_port: int) -> bool:
    """Whether the server has its database, its first realm and its administrator."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{management_port}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def may_pass(log: Path) -> bool:
    """Whether the server ended for a reason that goes by itself: a port just taken, or old data not yet let go."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8000))
        tail = file.read().decode(errors="replace")
    return "already in use" in tail or "already bound" in tail
