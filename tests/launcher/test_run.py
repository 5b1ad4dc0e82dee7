"""`make run` as a whole, with a portal of three files in place of ours: start, kill -9, start again, Ctrl-C."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from scripts.launcher.home import ROOT, read_json
from scripts.launcher.keycloak_home import Distribution
from scripts.launcher.ports import any_port, is_free
from scripts.launcher.run import Site, start_server
from scripts.launcher.supervisor import Supervisor, record_of
from scripts.launcher.valkey import Valkey

MANAGE = """
import os, pathlib, sys
home = pathlib.Path(os.environ["PORTAL_HOME"])
with (home / "managed").open("a") as log:
    print(*sys.argv[1:], *(name for name in os.environ if name.startswith("KC_")), file=log)
if sys.argv[1] == "seed_demo":
    if os.environ.get("BREAK_THE_SEED"):
        sys.exit("the seed broke")
    (home / "demo-people.json").write_text('[{"username": "alice", "password": "correct-horse", "role": "member"}]')
"""
WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the portal"]
"""
CELERY = """
import os
from celery import Celery
app = Celery("portal", broker=os.environ["BROKER_URL"])
"""


@pytest.fixture
def checkout(home: Path) -> Path:
    """The launcher beside a small portal."""
    folder = home / "checkout"
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "portal").mkdir()
    for name, text in (
        ("manage.py", MANAGE),
        ("portal/__init__.py", ""),
        ("portal/wsgi.py", WSGI),
        ("portal/celery.py", CELERY),
    ):
        (folder / name).write_text(text)
    return folder


class Launcher:
    """One `python -m scripts.launcher run`, and what it says."""

    def __init__(self, checkout: Path, state: Path, **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if name not in ("PORT", "PORTAL_HOME")}
        self.state = state
        self.output = (state.parent / "output").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.launcher", "run"],
            cwd=checkout, env={**clean, "PORTAL_HOME": str(state), **environment},
            stdout=self.output, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def said(self) -> str:
        return (self.state.parent / "output").read_text()

    def wait_for(self, words: str, limit_s: float = 120) -> None:
        until = time.monotonic() + limit_s
        while words not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.1)

    def end(self, word: signal.Signals) -> int:
        self.process.send_signal(word)
        return self.process.wait(40)

    def url(self) -> str:
        return f"http://127.0.0.1:{read_json(self.state / 'ports.json', {})['web']}"

    def broker(self) -> redis.Redis:
        password = (self.state / "valkey.password").read_text().strip()
        return redis.Redis(port=read_json(self.state / "ports.json", {})["valkey"], password=password)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def started(home: Path, checkout: Path) -> Iterator[list[Launcher]]:
    """Launchers to end whatever the test did."""
    launchers: list[Launcher] = []
    yield launchers
    for launcher in launchers:
        if launcher.process.poll() is None:
            launcher.end(signal.SIGTERM)
        launcher.output.close()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_it_starts_is_killed_starts_again_and_stops(home: Path, checkout: Path, started: list[Launcher]) -> None:
    state = home / "state"
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        refused = Launcher(checkout, state, PORT=str(taken))
        started.append(refused)
        assert refused.process.wait(60) == 1
        assert f"concord: Port {taken} is taken." in refused.said()

    first = Launcher(checkout, state, PORT=str(any_port()))
    started.append(first)
    first.wait_for("correct-horse")
    assert f"Concord runs at {first.url()}" in first.said()
    assert urllib.request.urlopen(first.url(), timeout=10).read() == b"the portal"

    second = subprocess.run(
        [sys.executable, "-m", "scripts.launcher", "run"], cwd=checkout,
        env={**os.environ, "PORTAL_HOME": str(state)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert (
        second.stderr
        == f"concord: Concord already runs at {first.url()}, process {first.process.pid}. Stop it there with Ctrl-C.\n"
    )

    psutil.Process(int(read_json(record_of(state, "web"), {})["pid"])).kill()
    first.wait_for("web ended with code -9; it starts again in 1 s.")

    left = first.children()
    with first.broker() as broker:
        broker.lpush("another-queue", "queued")
    assert first.end(signal.SIGKILL) == -9
    assert alive(left)

    third = Launcher(checkout, state)
    started.append(third)
    third.wait_for("correct-horse")
    assert "Ended what an earlier run had left: " in third.said()
    assert "is taken" not in third.said()
    assert third.url() == first.url()
    assert not alive(left)
    with third.broker() as broker:
        assert broker.lrange("another-queue", 0, -1) == [b"queued"]
    commands = (state / "managed").read_text().splitlines()
    assert commands.count("seed_demo") == 1
    assert commands[-4:] == [
        "migrate --database=owner --verbosity=1",
        "sync_roles",
        "sync_providers",
        "collectstatic --noinput --verbosity=1",
    ]

    family, began = third.children(), time.monotonic()
    assert third.end(signal.SIGINT) == 0
    assert time.monotonic() - began < 20
    assert not alive(family)


def test_a_seed_that_was_cut_short_is_begun_again_from_nothing(home: Path, checkout: Path, started: list[Launcher]) -> None:
    state = home / "state"
    broken = Launcher(checkout, state, BREAK_THE_SEED="1", PORT=str(any_port()))
    started.append(broken)
    assert broken.process.wait(120) == 1
    assert "manage.py seed_demo failed (the seed broke); see " in broken.said()
    (state / "lake").mkdir()
    again = Launcher(checkout, state)
    started.append(again)
    again.wait_for("correct-horse")
    assert "The first start was cut short; the demo is made anew." in again.said()
    assert not (state / "lake").exists()
    assert again.end(signal.SIGTERM) == 0


def test_a_port_that_somebody_took_meanwhile_is_changed_and_said(home: Path) -> None:
    said: list[str] = []
    first = any_port()
    site = Site(home, {"valkey": first}, Supervisor(said.append), said.append)
    site.hold_ports()
    assert not is_free(first), "held for its server until that starts"
    valkey = Valkey(home)
    try:
        site.let_go("valkey")
        with socket.create_server(("127.0.0.1", first)):
            start_server(site, valkey)
        assert valkey.port == site.ports["valkey"] != first
        assert said == [f"Port {first} is taken, so valkey uses {valkey.port}."]
        assert read_json(home / "ports.json", {}) == site.ports
    finally:
        valkey.stop()


def test_with_keycloak_it_starts_is_killed_and_goes_on_without(
    home: Path, checkout: Path, started: list[Launcher], keycloak_distribution: Distribution
) -> None:
    state = home / "state"
    (state / "keycloak").mkdir(parents=True)
    (state / "keycloak").chmod(0o711)
    state.chmod(0o711)
    (state / "keycloak" / keycloak_distribution.home.name).symlink_to(keycloak_distribution.home)
    first = Launcher(checkout, state, KEYCLOAK="1", PORT=str(any_port()))
    started.append(first)
    first.wait_for("correct-horse")
    url = f"http://127.0.0.1:{read_json(state / 'ports.json', {})['keycloak']}"
    assert f"or with Keycloak at {url}." in first.said()
    commands = (state / "managed").read_text().splitlines()
    secret = ["KC_BOOTSTRAP_ADMIN_CLIENT_ID", "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET"]
    assert commands[-2:] == [" ".join(["sync_realm", *secret]), "seed_realm"]

    served = psutil.Process(int(read_json(record_of(state, "web"), {})["pid"])).environ()
    assert served["KEYCLOAK_URL"] == url
    assert served["KEYCLOAK_CLIENT_SECRET"] == (state / "keycloak-portal.secret").read_text()
    assert served["KEYCLOAK_ADMIN_CLIENT_SECRET"] == (state / "keycloak-sync.secret").read_text()
    assert (state / "keycloak-admin.secret").read_text() not in served.values()
    assert not set(secret) & set(served)

    alone = subprocess.run(
        [sys.executable, "-m", "scripts.launcher", "keycloak"], cwd=checkout,
        env={**os.environ, "PORTAL_HOME": str(state)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert alone.returncode == 1
    assert alone.stderr.startswith(f"concord: Keycloak already runs at {url}, process {first.process.pid}.")

    servers = [child for child in first.children() if any("kc.home.dir" in word for word in child.cmdline())]
    servers[0].kill()
    first.wait_for("keycloak ended with code -9; it starts again in 1 s.")
    until = time.monotonic() + 120
    while alive(servers) or not answers(f"{url}/realms/master"):
        assert time.monotonic() < until, first.said()
        time.sleep(0.2)

    left = first.children()
    assert first.end(signal.SIGKILL) == -9
    assert len(alive(left)) > 2
    second = Launcher(checkout, state)
    started.append(second)
    second.wait_for("correct-horse")
    assert not alive(left)
    assert "`make run KEYCLOAK=1` adds Keycloak." in second.said()
    assert read_json(state / "ports.json", {})["keycloak"] == int(url.rsplit(":", 1)[1]), "its issuer stays what it was"
    assert (state / "managed").read_text().splitlines()[-1].startswith("collectstatic")
    assert second.end(signal.SIGINT) == 0


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"KEYCLOAK": "perhaps"}, "KEYCLOAK is 'perhaps'; it takes 1 or 0."),
        ({"KEYCLOAK": "1", "KEYCLOAK_URL": "https://sso.example"}, "choose one of the two"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_before_anything_starts(
    home: Path, checkout: Path, started: list[Launcher], environment: dict[str, str], said: str
) -> None:
    refused = Launcher(checkout, home / "state", **environment)
    started.append(refused)
    assert refused.process.wait(60) == 1
    assert said in refused.said()
    assert not list((home / "state").glob("postgres*"))


def test_a_keycloak_elsewhere_is_passed_through(home: Path, checkout: Path, started: list[Launcher]) -> None:
    state = home / "state"
    elsewhere = {"KEYCLOAK_URL": "https://sso.example", "KEYCLOAK_CLIENT_SECRET": "of-theirs"}
    launcher = Launcher(checkout, state, PORT=str(any_port()), **elsewhere)
    started.append(launcher)
    launcher.wait_for("correct-horse")
    assert "Keycloak at https://sso.example." in launcher.said()
    served = psutil.Process(int(read_json(record_of(state, "web"), {})["pid"])).environ()
    assert elsewhere.items() <= served.items()
    assert "sync_realm" not in (state / "managed").read_text(), "whoever runs it describes it"
    assert launcher.end(signal.SIGTERM) == 0
