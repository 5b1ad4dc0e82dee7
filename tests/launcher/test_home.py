"""The state folder: where it is, who holds it, which ports it remembers, and what cannot be had is said in one line."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.launcher.environment import kept_keys
from scripts.launcher.errors import LaunchError
from scripts.launcher.files import kept_secret, last_line, open_log
from scripts.launcher.home import ROOT, locked, make_folder, state_folder
from scripts.launcher.ports import any_port, asked_port, choose_ports, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_state_lies_in_the_checkout_for_people_elsewhere_for_root_and_where_one_says() -> None:
    assert state_folder({}, is_root=False) == ROOT / ".portal"
    assert state_folder({}, is_root=True) == Path("/var/lib/concord")
    assert state_folder({"PORTAL_HOME": "/srv/concord"}, is_root=True) == Path("/srv/concord")


def test_a_folder_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "file").touch()
    with pytest.raises(LaunchError, match="PORTAL_HOME"):
        make_folder(home / "file" / "below")


def test_a_second_launcher_is_told_where_the_first_one_serves(home: Path) -> None:
    with locked(home) as lock:
        with pytest.raises(LaunchError, match="it is just starting"), locked(home):
            pass
        lock.tell("http://127.0.0.1:8000")
        with pytest.raises(LaunchError, match=f"already runs at http://127.0.0.1:8000, process {os.getpid()}"), locked(home):
            pass
    with locked(home):
        pass


def test_a_launcher_killed_with_9_holds_nothing(home: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from scripts.launcher.home import locked\n"
        "with locked(Path(sys.argv[1])) as lock: lock.tell('http://127.0.0.1:1'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(home)], check=False).returncode == -9
    with locked(home):
        pass


def test_a_port_that_was_asked_for_and_is_taken_is_refused(taken: int) -> None:
    with pytest.raises(LaunchError, match=f"Port {taken} is taken"):
        asked_port({"PORT": str(taken)})


@pytest.mark.parametrize("text", ["eight", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(LaunchError, match="from 1 to 65535"):
        asked_port({"PORT": text})


def test_the_next_free_port_is_chosen_and_said_once(home: Path, taken: int) -> None:
    ports, changed = choose_ports(home / "ports.json", {"web": taken}, {})
    assert ports["web"] > taken
    assert changed == [f"Port {taken} is taken, so web uses {ports['web']}."]
    assert choose_ports(home / "ports.json", {"web": taken}, {}) == (ports, [])


def test_no_two_get_the_same_port(home: Path) -> None:
    free = any_port()
    ports, _ = choose_ports(home / "ports.json", {"one": free, "two": free}, {})
    assert ports["one"] != ports["two"]


def test_a_port_asked_for_comes_before_the_one_remembered(home: Path) -> None:
    first, second = any_port(), any_port()
    choose_ports(home / "ports.json", {"web": first}, {})
    assert choose_ports(home / "ports.json", {"web": first}, {"web": second})[0] == {"web": second}


def test_a_list_of_ports_that_was_cut_short_is_made_anew(home: Path) -> None:
    (home / "ports.json").write_text('{"web": 80')
    free = any_port()
    assert choose_ports(home / "ports.json", {"web": free}, {})[0] == {"web": free}


def test_a_port_in_use_on_every_address_is_not_free() -> None:
    with socket.create_server(("", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_secrets_are_made_once_and_read_by_their_owner_alone(home: Path) -> None:
    secret, keys = kept_secret(home / "secret-key"), kept_keys(home / "portal-keys")
    assert (kept_secret(home / "secret-key"), kept_keys(home / "portal-keys")) == (secret, keys)
    assert len(secret) >= 50
    assert {(home / name).stat().st_mode & 0o777 for name in ("secret-key", "portal-keys")} == {0o600}


def test_a_log_that_has_grown_is_set_aside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.launcher.files.LOG_LIMIT_BYTES", 10)
    for text in (b"a long first line\n", b"second\n"):
        with open_log(home / "logs" / "web.log") as log:
            log.write(text)
    assert last_line(home / "logs" / "web.log") == "second"
    assert last_line(home / "logs" / "web.log.1") == "a long first line"
