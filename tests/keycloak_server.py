"""One Keycloak for the whole run, started in the background by the first process that has a test for it.

python -m tests.keycloak_server: start it, say where it is in a file, stop it when the run has ended.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from scripts.launcher.errors import LaunchError, Unobtainable
from scripts.launcher.files import last_line, open_log
from scripts.launcher.home import ROOT, make_folder, read_json, write_json
from scripts.launcher.keycloak import Keycloak
from scripts.launcher.keycloak_home import Distribution, install
from scripts.launcher.processes import end_recorded, recorded, remember

KEPT = ROOT / ".portal" / "keycloak"
"""Where the built distribution stays from run to run; `make keycloak` and `make run KEYCLOAK=1` use the same one."""
JOIN_LIMIT_S = 500
STARTERS: list[subprocess.Popen[bytes]] = []
"""Ours, so that none is forgotten while it runs."""


def begin(home: Path) -> None:
    """Start the server in the background, unless another process of this run did."""
    try:
        (home / "keycloak-begun").touch(exist_ok=False)
    except FileExistsError:
        return
    with open_log(log_of(home)) as log:
        starter = subprocess.Popen(
            [sys.executable, "-m", "tests.keycloak_server", str(home), os.environ["TEST_RUN_PID"]],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    STARTERS.append(starter)
    remember(record_of(home), starter.pid)


def join(home: Path) -> dict[str, Any]:
    """What the server says of itself when it is up: `url` and the administrator, or else `error` and `unobtainable`."""
    begin(home)
    until = time.monotonic() + JOIN_LIMIT_S
    while (answer := read_json(answer_of(home), None)) is None:
        if time.monotonic() > until or (record_of(home).exists() and recorded(record_of(home)) is None):
            return {"error": f"Keycloak did not start ({last_line(log_of(home))})", "unobtainable": False}
        time.sleep(0.2)
    return dict(answer)


def end(home: Path) -> None:
    """Stop the server, or the attempt to start one. The server goes with whoever started it."""
    end_recorded(record_of(home), patience_s=30)


def distribution() -> Distribution:
    """The Keycloak that tests start; the first call of a fresh checkout fetches and builds it."""
    make_folder(KEPT.parent)
    return install(KEPT, print)


def record_of(home: Path) -> Path:
    return home / "keycloak-starter.process"


def log_of(home: Path) -> Path:
    return home / "logs" / "keycloak-starter.log"


def answer_of(home: Path) -> Path:
    return home / "keycloak.json"


def main() -> None:
    """Start, answer, and wait for the run to end, however it ends."""
    home, run = Path(sys.argv[1]), psutil.Process(int(sys.argv[2]))
    signal.signal(signal.SIGTERM, interrupt)
    keycloak = None
    try:
        keycloak = Keycloak(home, distribution())
        keycloak.start()
        write_json(
            answer_of(home),
            {"url": keycloak.url, "client_id": keycloak.admin_client_id, "client_secret": keycloak.admin_client_secret},
        )
        while run.is_running() and run.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.5)
    except LaunchError as error:
        write_json(answer_of(home), {"error": str(error), "unobtainable": isinstance(error, Unobtainable)})
    except KeyboardInterrupt:
        print("ended with the run")
    finally:
        if keycloak is not None:
            keycloak.stop()


def interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends us as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
