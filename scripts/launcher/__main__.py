"""python -m scripts.launcher run | keycloak | exec [--clean] [--prepare] -- COMMAND | dump FOLDER | restore FOLDER"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from .backup import dump, restore
from .errors import LaunchError
from .home import ROOT
from .keycloak_run import run_keycloak
from .parts import running
from .run import run


def main() -> int:
    """Do what the command line says; the exit status is 1 after a line that says why it could not be done."""
    options = arguments()
    os.umask(0o077)
    for word in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(word, interrupt)
    try:
        if options.what == "run":
            run(say)
        elif options.what == "keycloak":
            run_keycloak(say)
        elif options.what == "exec":
            return execute(options.command, clean=options.clean, prepared=options.prepare)
        elif options.what == "dump":
            dump(options.folder)
        else:
            restore(options.folder)
    except LaunchError as error:
        print(f"concord: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 0 if options.what in ("run", "keycloak") else 130
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.launcher", description="Run Concord on this machine.")
    commands = parser.add_subparsers(dest="what", required=True)
    commands.add_parser("run", help="start everything, until Ctrl-C")
    commands.add_parser("keycloak", help="install and start a Keycloak, until Ctrl-C")
    execution = commands.add_parser("exec", help="run a command beside a PostgreSQL and a Valkey of its own")
    execution.add_argument("--clean", action="store_true", help="in a new folder, even when PORTAL_HOME is set")
    execution.add_argument("--prepare", action="store_true", help="make the portal's tables first")
    execution.add_argument("command", nargs=argparse.REMAINDER)
    for name, text in (("dump", "write all databases to a new folder"), ("restore", "read them into an empty state folder")):
        commands.add_parser(name, help=text).add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.what == "exec":
        options.command = options.command[1:] if options.command[:1] == ["--"] else options.command
        if not options.command:
            parser.error("exec needs a command after --")
    return options


def execute(command: list[str], *, clean: bool, prepared: bool) -> int:
    """Run a command with both servers up; its exit status is ours."""
    home = Path(os.environ["PORTAL_HOME"]).absolute() if os.environ.get("PORTAL_HOME") and not clean else None
    with running(home, prepared=prepared) as parts:
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **parts.environment}, check=False)
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM and a closed terminal end us as Ctrl-C does."""
    raise KeyboardInterrupt


def say(line: str) -> None:
    """One line for the person at the keyboard."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
