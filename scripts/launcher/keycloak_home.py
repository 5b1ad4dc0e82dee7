"""Keycloak's distribution: fetched by Maven, checked, unpacked and built once, and whole or absent ever after."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import LaunchError, Unobtainable
from .files import last_line, open_log
from .home import make_folder
from .java import java_home
from .processes import run_whole

VERSION = "26.7.4"
SHA256 = "a286e98b4296d4e75ee88d8527c7cd463b307caa022f088c9f22cffccc741fa1"
COORDINATES = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
BUILD_OPTIONS = ("--db=dev-file", "--health-enabled=true")
MARK = "concord-built"
PROGRAM = "bin/kc.sh"
# Half the processor time of a start is the optimising compiler, which a server of one machine does not need.
JAVA_OPTIONS = {
    "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx384m",
    "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC",
}


@dataclass(frozen=True)
class Distribution:
    """A Keycloak that was built, and the Java it was built with. Servers only read it; several may share it."""

    home: Path
    java: Path


def install(folder: Path, say: Callable[[str], None], environ: Mapping[str, str] = os.environ) -> Distribution:
    """The Keycloak of this release in `folder`, made at the first call; what an earlier call left half made is made anew.

    Raises Unobtainable where there is neither Maven nor a file named by KEYCLOAK_ZIP.
    """
    make_folder(folder)
    with alone_in(folder):
        home = folder / f"keycloak-{VERSION}"
        if is_whole(home):
            return Distribution(home, java_home(environ, say))
        for left in folder.glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=folder))
        try:
            archive = fetch(new, folder / "logs" / "maven.log", say, environ)
            check(archive, ours=archive.parent == new)
            java = java_home(environ, say)
            say(f"Unpacking and building Keycloak {VERSION}; this takes half a minute, once.")
            unpack(archive, new)
            build(new / home.name, java, folder / "logs" / "build.log")
            shutil.rmtree(home, ignore_errors=True)
            (new / home.name).replace(home)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return Distribution(home, java)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else installs there."""
    with (folder / "install.lock").open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_whole(home: Path) -> bool:
    """Whether this is a Keycloak that was built, and built as this release wants it."""
    mark = home / MARK
    return mark.is_file() and mark.read_text(encoding="utf-8") == mark_text() and os.access(home / PROGRAM, os.X_OK)


def mark_text() -> str:
    """What was built: the last thing that is written into a new home."""
    return f"{SHA256} {' '.join(BUILD_OPTIONS)}\n"


def fetch(target: Path, log_path: Path, say: Callable[[str], None], environ: Mapping[str, str]) -> Path:
    """The archive: the file that KEYCLOAK_ZIP names, else one that Maven puts into `target`."""
    if environ.get("KEYCLOAK_ZIP"):
        given = Path(environ["KEYCLOAK_ZIP"]).expanduser().absolute()
        if not given.is_file():
            raise LaunchError(f"KEYCLOAK_ZIP names {given}, and there is no such file.")
        return given
    maven = shutil.which("mvn", path=environ.get("PATH"))
    if maven is None:
        raise Unobtainable(
            f"Keycloak {VERSION} comes by Maven, which is not here: apt install maven, or name the file with KEYCLOAK_ZIP."
        )
    say(f"Fetching Keycloak {VERSION} with Maven (177 MB).")
    command: list[str | Path] = [maven, "-q", "-B", "dependency:copy", f"-Dartifact={COORDINATES}"]
    command += ["-Dmdep.useBaseVersion=true", f"-DoutputDirectory={target}"]
    log_path.unlink(missing_ok=True)
    with open_log(log_path) as log:
        status = run_whole(command, cwd=target, stdout=log, stderr=log)
    archive = target / f"keycloak-quarkus-dist-{VERSION}.zip"
    if status or not archive.is_file():
        raise LaunchError(f"Maven could not fetch Keycloak {VERSION} ({first_error(log_path)}); see {log_path}")
    return archive


def first_error(log_path: Path) -> str:
    """What Maven says went wrong; below it stands only advice."""
    lines = log_path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in lines if line.startswith("[ERROR]")), lines[0] if lines else "no reason given")


def check(archive: Path, *, ours: bool) -> None:
    """Refuse an archive that is not the one we know; ours is removed, a person's own is left to her."""
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found == SHA256:
        return
    if ours:
        archive.unlink()
        advice = (
            "It was removed; remove Maven's copy too (org/keycloak/keycloak-quarkus-dist in its repository) and try again."
        )
    else:
        advice = "Name another one with KEYCLOAK_ZIP."
    raise LaunchError(f"{archive.name} is not Keycloak {VERSION} as released: its sha256 is {found}, not {SHA256}. {advice}")


def unpack(archive: Path, target: Path) -> None:
    """Unpack with the modes that the archive tells, which `zipfile` forgets, so that any account can run it."""
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            path = Path(file.extract(entry, target))
            path.chmod((entry.external_attr >> 16) & 0o777 or 0o644)
    for folder in (path for path in target.rglob("*") if path.is_dir()):
        folder.chmod(0o755)


def build(home: Path, java: Path, log_path: Path) -> None:
    """Fix what Keycloak fixes at build time, and mark the home as whole."""
    with open_log(log_path) as log:
        command: list[str | Path] = [home / PROGRAM, "build", *BUILD_OPTIONS]
        status = run_whole(command, cwd=home, stdout=log, stderr=log, env=java_environment(java), umask=0o022)
    if status:
        raise LaunchError(f"Keycloak could not be built ({last_line(log_path)}); see {log_path}")
    mark = home / MARK
    mark.write_text(mark_text(), encoding="utf-8")
    mark.chmod(0o644)


def java_environment(java: Path) -> dict[str, str]:
    """Nothing of the caller's KC_* or JAVA_* reaches Keycloak."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "JAVA_HOME": str(java), **JAVA_OPTIONS}
