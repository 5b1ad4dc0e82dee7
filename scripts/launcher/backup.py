"""Everything the databases hold as SQL text in a folder, and back again: for backups and for a new PostgreSQL."""

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from .errors import LaunchError
from .files import last_line, open_log
from .home import locked, make_folder, state_folder
from .postgres import Postgres

SERVERS = ("postgres", "managed")


def dump(target: Path) -> None:
    """Write each server's databases, roles and passwords into `target`, which must not exist. The portal is stopped meanwhile."""
    home = make_folder(state_folder(os.environ, is_root=os.geteuid() == 0))
    if target.exists():
        raise LaunchError(f"{target} exists already; name a new folder.")
    with locked(home):
        target.mkdir(mode=0o700, parents=True)
        for name in SERVERS:
            server = Postgres(home, name=name)
            if server.data.exists():
                run_tool(server, "pg_dumpall", target / f"{name}.sql", "--no-comments")


def restore(source: Path) -> None:
    """Read what `dump` wrote into a state folder whose servers hold nothing yet."""
    home = make_folder(state_folder(os.environ, is_root=os.geteuid() == 0))
    with locked(home):
        for name in SERVERS:
            server, text = Postgres(home, name=name), source / f"{name}.sql"
            if server.data.exists():
                raise LaunchError(f"{server.data} exists already: move it away before you restore.")
            if text.exists():
                run_tool(server, "psql", text, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")


def run_tool(server: Postgres, tool: str, file: Path, *arguments: str) -> None:
    """Start the server, run one of PostgreSQL's own tools on it with this file, and stop the server."""
    server.start()
    try:
        url = urlsplit(server.url())
        where = ["--host", str(url.hostname), "--port", str(url.port), "--username", str(url.username)]
        where += ["--file", str(file), *(["--dbname=postgres"] if tool == "psql" else [])]
        environment = {**os.environ, "PGPASSWORD": str(url.password)}
        log_path = server.home / "logs" / "backup.log"
        with open_log(log_path) as log:
            command: list[str | Path] = [server.bin / tool, *where, *arguments]
            done = subprocess.run(command, env=environment, stdout=log, stderr=log, check=False)
        if done.returncode:
            raise LaunchError(f"{tool} failed ({last_line(log_path)}); see {log_path}")
        if tool == "pg_dumpall":
            leave_out_admin(file)
    finally:
        server.stop()


def leave_out_admin(file: Path) -> None:
    """The administrator exists wherever the text is read again, so it must not be created."""
    with file.open(encoding="utf-8") as old, file.with_suffix(".new").open("w", encoding="utf-8") as new:
        new.writelines(line for line in old if line != "CREATE ROLE concord_admin;\n")
    file.with_suffix(".new").replace(file)
