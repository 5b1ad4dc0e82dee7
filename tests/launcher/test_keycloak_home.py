"""Keycloak's distribution is the one we know and whole, or it is not there."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psutil
import pytest

from scripts.launcher import keycloak_home
from scripts.launcher.errors import LaunchError, Unobtainable
from scripts.launcher.home import ROOT
from scripts.launcher.keycloak_home import VERSION, install, is_whole

KC = """#!/bin/sh
cd "$(dirname "$0")/.."
[ ! -e ../refuse ] || { echo "ERROR: the build broke"; exit 1; }
echo "$@ $KC_DB$JAVA_HOME" >> built
"""


@pytest.fixture
def archive(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small distribution in the shape of Keycloak's, which is the one we know."""
    path = home / "given.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, text, mode in (("bin/kc.sh", KC, 0o755), ("lib/quarkus-run.jar", "jar", 0o644)):
            entry = zipfile.ZipInfo(f"keycloak-{VERSION}/{name}")
            entry.external_attr = (0o100000 | mode) << 16
            file.writestr(entry, text)
    monkeypatch.setattr(keycloak_home, "SHA256", keycloak_home.hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(keycloak_home, "java_home", lambda environ, say: Path("/java"))
    return path


def maven(home: Path, answer: str) -> dict[str, str]:
    """An environment with a Maven that does as told."""
    (home / "maven").mkdir()
    program = home / "maven" / "mvn"
    program.write_text(
        f"#!/bin/sh\nfor word; do case $word in -DoutputDirectory=*) target=${{word#*=}};; esac; done\n{answer}\n"
    )
    program.chmod(0o755)
    return {"PATH": f"{home / 'maven'}:/usr/bin:/bin"}


def test_a_file_of_ones_own_is_unpacked_and_built_once(home: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KC_DB", "postgres")
    said: list[str] = []
    environ = {"KEYCLOAK_ZIP": str(archive)}
    before = os.umask(0o077)
    try:
        made = install(home / "keycloak", said.append, environ)
    finally:
        os.umask(before)
    assert (made.home / "built").read_text() == "build --db=dev-file --health-enabled=true /java\n"
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in made.home.rglob("*")), "whoever runs it reads it"
    assert (made.home / "bin" / "kc.sh").stat().st_mode & 0o777 == 0o755
    assert len(said) == 1
    archive.unlink()
    assert install(home / "keycloak", said.append, environ) == made
    assert len(said) == 1


@pytest.mark.parametrize("damage", ["no mark", "built otherwise", "no program", "cut short"])
def test_a_half_made_home_is_made_anew(home: Path, archive: Path, damage: str) -> None:
    made = install(home / "keycloak", print, {"KEYCLOAK_ZIP": str(archive)}).home
    if damage == "no mark":
        (made / keycloak_home.MARK).unlink()
    elif damage == "built otherwise":
        (made / keycloak_home.MARK).write_text("--db=postgres")
    elif damage == "no program":
        (made / "bin" / "kc.sh").unlink()
    else:
        made.rename(home / "keycloak" / "new-cut-short")
    assert not is_whole(made)
    install(home / "keycloak", print, {"KEYCLOAK_ZIP": str(archive)})
    assert is_whole(made)
    assert not list((home / "keycloak").glob("new-*"))


def test_a_wrong_file_of_ones_own_is_refused_and_kept(home: Path, archive: Path) -> None:
    archive.write_bytes(archive.read_bytes() + b"more")
    with pytest.raises(
        LaunchError, match=rf"given\.zip is not Keycloak {VERSION} as released: its sha256 is .* KEYCLOAK_ZIP"
    ):
        install(home / "keycloak", print, {"KEYCLOAK_ZIP": str(archive)})
    assert archive.exists()
    assert not (home / "keycloak" / f"keycloak-{VERSION}").exists()


def test_a_file_that_is_not_there_is_named(home: Path) -> None:
    with pytest.raises(LaunchError, match=r"KEYCLOAK_ZIP names .*/gone\.zip, and there is no such file"):
        install(home / "keycloak", print, {"KEYCLOAK_ZIP": str(home / "gone.zip")})


def test_maven_brings_it_and_the_archive_goes_when_it_is_unpacked(home: Path, archive: Path) -> None:
    environ = maven(home, f'echo "$@" > {home}/asked; cp {archive} "$target/keycloak-quarkus-dist-{VERSION}.zip"')
    assert is_whole(install(home / "keycloak", print, environ).home)
    assert f"dependency:copy -Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip" in (home / "asked").read_text()
    assert not list((home / "keycloak").rglob("*.zip"))


def test_a_wrong_file_from_maven_is_refused_and_removed(home: Path, archive: Path) -> None:
    environ = maven(home, f'echo damaged > "$target/keycloak-quarkus-dist-{VERSION}.zip"')
    with pytest.raises(LaunchError, match="It was removed; remove Maven's copy too"):
        install(home / "keycloak", print, environ)
    assert not list((home / "keycloak").rglob("*.zip"))
    shutil.rmtree(home / "maven")
    assert is_whole(
        install(home / "keycloak", print, maven(home, f'cp {archive} "$target/keycloak-quarkus-dist-{VERSION}.zip"')).home
    )


def test_a_maven_that_fails_is_quoted_in_one_line(home: Path, archive: Path) -> None:
    with pytest.raises(LaunchError, match=r"Maven could not fetch Keycloak .* \(\[ERROR\] no network\); see ") as refused:
        install(
            home / "keycloak", print, maven(home, "echo 'a warning'; echo '[ERROR] no network'; echo '[ERROR] help'; exit 1")
        )
    assert "\n" not in str(refused.value)


def test_without_maven_and_file_it_is_said_what_to_do(home: Path) -> None:
    with pytest.raises(Unobtainable, match="apt install maven, or name the file with KEYCLOAK_ZIP"):
        install(home / "keycloak", print, {"PATH": str(home)})


def test_a_build_that_fails_is_quoted_and_leaves_no_home(home: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("refuse", "")
    keycloak_home.SHA256 = keycloak_home.hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(LaunchError, match=r"Keycloak could not be built \(ERROR: the build broke\); see "):
        install(home / "keycloak", print, {"KEYCLOAK_ZIP": str(archive)})
    assert not (home / "keycloak" / f"keycloak-{VERSION}").exists()


def test_an_interrupted_installation_leaves_no_process_and_no_folder(home: Path, archive: Path) -> None:
    environ = maven(home, f"sleep 300 & echo $! > {home}/pid; wait")
    script = (
        "import signal, sys; from pathlib import Path; from scripts.launcher import keycloak_home as k;"
        "signal.signal(signal.SIGTERM, signal.default_int_handler);"
        "k.install(Path(sys.argv[1]), lambda line: print(line, flush=True), {'PATH': sys.argv[2]})"
    )
    command = [sys.executable, "-c", script, str(home / "keycloak"), environ["PATH"]]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as installing:
        while not (home / "pid").exists() or not (home / "pid").read_text():
            time.sleep(0.05)
        installing.terminate()
        assert installing.wait(30) != 0
    assert not psutil.pid_exists(int((home / "pid").read_text()))
    assert not list((home / "keycloak").glob("new-*"))


def test_two_at_once_make_one(home: Path, archive: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from scripts.launcher import keycloak_home as k;"
        "k.SHA256 = sys.argv[3]; k.java_home = lambda environ, say: Path('/java');"
        "print(k.install(Path(sys.argv[1]), lambda line: None, {'KEYCLOAK_ZIP': sys.argv[2]}).home)"
    )
    command = [sys.executable, "-c", script, str(home / "keycloak"), str(archive), keycloak_home.SHA256]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    told = {process.communicate(timeout=60)[0] for process in both}
    assert told == {f"{home}/keycloak/keycloak-{VERSION}\n".encode()}
    assert (home / "keycloak" / f"keycloak-{VERSION}" / "built").read_text().count("build") == 1
