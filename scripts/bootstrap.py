"""Make or mend `.venv` and install what the requirements name. Runs on the system's python3 with the standard library alone.

python3 scripts/bootstrap.py [--dev]
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST, FIRST_TOO_NEW = (3, 11), (3, 14)


def main() -> None:
    """Leave a venv that holds exactly the pinned packages; nothing is done when the stamp says it does."""
    dev = "--dev" in sys.argv[1:]
    check_python()
    requirements = ROOT / ("requirements-dev.txt" if dev else "requirements.txt")
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = VENV / ("stamp-dev" if dev else "stamp")
    if stamp.exists() and stamp.read_text() == wanted and answers():
        return
    if not answers():
        make_venv()
    install(requirements)
    stamp.write_text(wanted)


def check_python() -> None:
    """End with one line unless this Python and its venv module will do."""
    version = ".".join(map(str, sys.version_info[:3]))
    if not OLDEST <= sys.version_info[:2] < FIRST_TOO_NEW:
        sys.exit(f"Concord needs Python 3.11, 3.12 or 3.13; this is {version}. Name another: make run PYTHON=python3.11")
    try:
        import ensurepip  # noqa: F401 - its absence is how Debian ships a Python without venv
    except ImportError:
        sys.exit("Python's venv module is not complete. Install it: apt install python3-venv")
    if not os.access(ROOT, os.W_OK):
        sys.exit(f"{ROOT} cannot be written to. Use a checkout that you own.")


def answers() -> bool:
    """Whether the venv has a Python that runs and a pip or uv to install with: a half-made one has not."""
    if not PYTHON.exists():
        return False
    return subprocess.run([PYTHON, "-c", "import pip"], capture_output=True, check=False).returncode == 0


def make_venv() -> None:
    """Build the venv anew; what was there was no good."""
    print("Making .venv", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(VENV)], "The virtual environment could not be made")


def install(requirements: Path) -> None:
    """Install with uv, which pip brings; it resolves nothing, for every version is pinned."""
    print(f"Installing {requirements.name}", flush=True)
    run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"], "pip could not fetch uv")
    uv = str(VENV / "bin" / "uv")
    run([uv, "pip", "install", "--quiet", "--python", str(PYTHON), "-r", str(requirements)], "Packages could not be fetched")


def run(command: list[str], failure: str) -> None:
    """Run a command; its own words stand above our one line when it fails."""
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit(f"{failure}. Is the network there, and is the disk not full?")


if __name__ == "__main__":
    main()
