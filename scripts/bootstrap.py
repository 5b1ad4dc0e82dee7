"""Make or mend `.venv` and install what the requirements name. Runs on the system's python3 with the standard library alone.

python3 scripts/bootstrap.py [--dev]
"""

from __future__ import annotations  # so that an older Python reads far enough to be told that it is too old

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST, FIRST_TOO_NEW = (3, 11), (3, 14)
UV = "uv==0.13.9"


def main() -> None:
    """Leave a venv that holds the pinned packages; nothing is done when its stamp says that it does."""
    sets = ["requirements.txt", "requirements-dev.txt"] if "--dev" in sys.argv[1:] else ["requirements.txt"]
    check_python()
    whole = is_whole(VENV)
    if whole and all(is_stamped(name) for name in sets):
        return
    check_writable()
    if not whole:
        make_venv()
    install(sets)


def check_python() -> None:
    """End with one line unless this Python and its venv module will do."""
    if not OLDEST <= sys.version_info[:2] < FIRST_TOO_NEW:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"Concord needs Python 3.11, 3.12 or 3.13; this is {found}. Name another: make run PYTHON=python3.11")
    try:
        import ensurepip  # noqa: F401 - Debian's Python lacks it until python3-venv is installed
        import venv  # noqa: F401
    except ImportError:
        sys.exit("Python's venv module is missing. Install it: apt install python3-venv")


def check_writable() -> None:
    """End with one line when there is no place for the venv."""
    if not os.access(ROOT, os.W_OK):
        sys.exit(f"{ROOT} cannot be written to. Use a checkout that you own.")


def is_whole(venv: Path) -> bool:
    """Whether the venv runs, was made where it lies now, by a Python we know, and no installation in it was cut short."""
    pip = venv / "bin" / "pip"
    if not pip.is_file() or (venv / "installing").exists() or str(venv) not in pip.read_text(errors="replace"):
        return False
    probe = [str(venv / "bin" / "python"), "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.run(probe, capture_output=True, text=True, check=False).stdout.split()
    except OSError:
        return False
    return OLDEST <= tuple(map(int, answer)) < FIRST_TOO_NEW


def make_venv() -> None:
    """Build the venv anew; what was there was no good."""
    say("Mending .venv: making it anew" if VENV.exists() else "Making .venv")
    shutil.rmtree(VENV, ignore_errors=True)
    python = getattr(sys, "_base_executable", sys.executable)  # a venv's own Python would go with the venv
    run([python, "-m", "venv", str(VENV)], "The virtual environment could not be made")


def install(sets: list[str]) -> None:
    """Install with uv, which pip fetches; nothing is left to resolve, for every version is pinned."""
    python, uv, mark = VENV / "bin" / "python", VENV / "bin" / "uv", VENV / "installing"
    mark.touch()
    say(f"Installing {' and '.join(sets)}")
    if not uv.exists():
        run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV],
            "The installer uv could not be fetched",
        )
    files = [argument for name in sets for argument in ("-r", name)]
    run(
        [str(uv), "pip", "install", "--quiet", "--python", str(python), *files],
        "Packages could not be installed",
        index_of_pip(python),
    )
    for name in sets:
        stamp_of(name).write_text(digest(name))
    mark.unlink()


def index_of_pip(python: Path) -> dict[str, str]:
    """Let uv fetch from where pip is told to fetch from."""
    asked = subprocess.run(
        [python, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    index = os.environ.get("PIP_INDEX_URL") or asked.stdout.strip()
    return {"UV_DEFAULT_INDEX": index} if index and "UV_DEFAULT_INDEX" not in os.environ else {}


def stamp_of(name: str) -> Path:
    """The file that says which state of a requirements file is installed."""
    return VENV / f"{name}.installed"


def is_stamped(name: str) -> bool:
    """Whether this state of a requirements file is installed."""
    return stamp_of(name).is_file() and stamp_of(name).read_text() == digest(name)


def digest(name: str) -> str:
    """What the stamp holds."""
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


def run(command: list[str], failure: str, more: dict[str, str] | None = None) -> None:
    """Run a command; when it fails, end with one line that carries the last thing it said."""
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **(more or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        sys.exit(f"{failure}: {lines[-1] if lines else 'no reason given'}. Is the network there, and is the disk not full?")


def say(line: str) -> None:
    """One line for the person at the keyboard."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
