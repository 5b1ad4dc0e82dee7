"""The first step of `make run`: what is missing is said in one line, and a half-made environment is made anew."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts import bootstrap


@pytest.fixture
def checkout(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (home / "requirements.txt").write_text("django==5.2.19\n")
    (home / "requirements-dev.txt").write_text("pytest==9.2.0\n")
    monkeypatch.setattr(bootstrap, "ROOT", home)
    monkeypatch.setattr(bootstrap, "VENV", home / ".venv")
    monkeypatch.setattr(sys, "argv", ["bootstrap.py"])
    return home


@pytest.fixture
def commands(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been run; a venv is made for real, with a pip in name only, and nothing comes from the network."""
    ran: list[str] = []
    really_run = bootstrap.run

    def run(command: list[str], failure: str, more: dict[str, str] | None = None) -> None:
        ran.append(" ".join(command))
        if command[1:3] == ["-m", "venv"]:
            really_run([*command, "--without-pip"], failure)
            (checkout / ".venv" / "bin" / "pip").write_text(f"#!{checkout}/.venv/bin/python\n")

    monkeypatch.setattr(bootstrap, "run", run)
    return ran


def said_by_exit(call: object) -> str:
    with pytest.raises(SystemExit) as ended:
        call()
    message = str(ended.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("version", [(3, 10, 12), (3, 14, 0)])
def test_a_python_we_have_no_wheels_for_is_named(version: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "sys", SimpleNamespace(version_info=version, exit=sys.exit))
    assert f"this is {'.'.join(map(str, version))}. Name another" in said_by_exit(bootstrap.check_python)


def test_debians_python_without_venv_gets_the_name_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert said_by_exit(bootstrap.check_python).endswith("apt install python3-venv")


def test_it_makes_a_venv_installs_and_then_has_nothing_to_do(checkout: Path, commands: list[str]) -> None:
    bootstrap.main()
    assert bootstrap.is_whole(checkout / ".venv")
    assert [command.rsplit("/", 1)[-1] for command in commands][-1].endswith("-r requirements.txt")
    commands.clear()
    bootstrap.main()
    assert commands == []


def test_changed_requirements_are_installed_into_the_venv_that_is_there(checkout: Path, commands: list[str]) -> None:
    bootstrap.main()
    commands.clear()
    (checkout / "requirements.txt").write_text("django==5.2.20\n")
    bootstrap.main()
    assert not any("-m venv" in command for command in commands)
    assert commands[-1].endswith("-r requirements.txt")


def test_what_the_tests_need_comes_on_top(checkout: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "--dev"])
    bootstrap.main()
    assert commands[-1].endswith("-r requirements.txt -r requirements-dev.txt")
    monkeypatch.setattr(sys, "argv", ["bootstrap.py"])
    commands.clear()
    bootstrap.main()
    assert commands == []


@pytest.mark.parametrize("damage", ["no pip", "no python", "cut short", "moved"])
def test_a_half_made_venv_is_made_anew(checkout: Path, commands: list[str], damage: str) -> None:
    bootstrap.main()
    venv = checkout / ".venv"
    if damage == "no pip":
        (venv / "bin" / "pip").unlink()
    elif damage == "no python":
        (venv / "bin" / "python").unlink()
    elif damage == "cut short":
        (venv / "installing").touch()
    else:
        (venv / "bin" / "pip").write_text("#!/another/checkout/.venv/bin/python\n")
    assert not bootstrap.is_whole(venv)
    commands.clear()
    bootstrap.main()
    assert "-m venv" in commands[0]
    assert bootstrap.is_whole(venv)


def test_no_network_is_said_in_one_line(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "nothing").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(checkout / "nothing"))
    message = said_by_exit(bootstrap.main)
    assert message.startswith("The installer uv could not be fetched: ERROR: No matching distribution found for uv")
    assert message.endswith("Is the network there, and is the disk not full?")


def test_a_checkout_that_cannot_be_written_to_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.os, "access", lambda path, mode: False)
    assert said_by_exit(bootstrap.main) == f"{checkout} cannot be written to. Use a checkout that you own."


def test_the_requirements_name_no_host_and_pin_every_package() -> None:
    root = Path(bootstrap.__file__).parent.parent
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = [line for line in (root / name).read_text().splitlines() if line and not line.startswith("#")]
        assert all("==" in line and "://" not in line and not line.startswith("-") for line in lines)


def test_the_file_can_be_read_by_an_old_python() -> None:
    text = Path(bootstrap.__file__).read_text()
    check = "import ast, sys; ast.parse(sys.stdin.read(), feature_version=(3, 8))"
    subprocess.run([sys.executable, "-c", check], input=text, text=True, check=True)
