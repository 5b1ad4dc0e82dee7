"""PostgreSQL and Valkey for as long as a block or a command lasts: for browser tests, benchmarks and experiments."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .environment import portal_environment
from .errors import LaunchError
from .files import last_line, open_log
from .home import ROOT, locked, make_folder
from .postgres import Postgres
from .valkey import Valkey


@dataclass(frozen=True)
class Parts:
    """What runs, and the environment in which the portal finds it."""

    home: Path
    postgres: Postgres
    valkey: Valkey
    environment: dict[str, str]


@contextlib.contextmanager
def running(
    home: Path | None = None, *, database: str = "concord", prepared: bool = False, **settings: str
) -> Iterator[Parts]:
    """Both servers with an empty database, stopped at the end.

    Without `home` they live in a new folder that is removed at the end. `prepared` also makes the tables and what
    belongs in them from the start. `settings` are PostgreSQL's: `fsync="off"` is quicker where nothing is to be kept.
    """
    folder = make_folder(home) if home is not None else temporary_folder()
    try:
        with locked(folder):
            postgres, valkey = Postgres(folder), Valkey(folder)
            try:
                postgres.start(None, **settings)
                valkey.start()
                postgres.ensure_roles()
                postgres.ensure_database(database)
                url = "http://127.0.0.1:8000"
                environment = portal_environment(folder, postgres, valkey, database=database, public_url=url)
                if prepared:
                    prepare(folder, environment)
                yield Parts(folder, postgres, valkey, environment)
            finally:
                valkey.stop()
                postgres.stop()
    finally:
        if home is None:
            shutil.rmtree(folder, ignore_errors=True)


def prepare(home: Path, environment: Mapping[str, str]) -> None:
    """Bring the tables, the built-in rows and the static files up to this release. Twice changes nothing."""
    manage(home, environment, "migrate", "--database=owner", "--verbosity=1")
    manage(home, environment, "sync_roles")
    manage(home, environment, "sync_providers")
    manage(home, environment, "collectstatic", "--noinput", "--verbosity=1")


def manage(home: Path, environment: Mapping[str, str], *command: str) -> None:
    """Run a management command, its output in `logs/setup.log`; raises LaunchError with its last line when it fails."""
    log_path = home / "logs" / "setup.log"
    with open_log(log_path) as log:
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env={**os.environ, **environment},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False,
        )  # fmt: skip
    if done.returncode:
        raise LaunchError(f"manage.py {command[0]} failed ({last_line(log_path)}); see {log_path}")


def temporary_folder() -> Path:
    """A new folder that the servers' account may walk through."""
    folder = Path(tempfile.mkdtemp(prefix="concord-"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return folder
