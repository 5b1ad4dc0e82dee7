"""The portal as `make run` starts it, with its demo, and people who open it in Chromium."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from scripts.launcher.home import ROOT, read_json
from scripts.launcher.ports import any_port
from tests.realms import Realm
from tests.story.reader import Reader

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@dataclass
class Site:
    """A running portal: where it is, who can sign in, and its state folder."""

    url: str
    home: Path
    passwords: dict[str, str] = field(repr=False)

    @property
    def ports(self) -> dict[str, int]:
        return dict(read_json(self.home / "ports.json", {}))


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """One `make run` for all stories of this worker."""
    with state_folder() as state, running(state) as portal:
        yield portal


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


@pytest.fixture
def federated(state, realm: Realm) -> Iterator[Site]:
    """The portal with its realm in the run's Keycloak."""
    names = {"KEYCLOAK_URL": realm.url, "KEYCLOAK_REALM": realm.name, "KEYCLOAK_CLIENT_SECRET": realm.client_secret}
    with running(state, **names, KEYCLOAK_ADMIN_CLIENT_SECRET=realm.admin_client_secret) as site:
        realm.public_at(site.url)
        yield site


@contextmanager
def state_folder() -> Iterator[Path]:
    """Where a portal may keep its state, from run to run; gone at the end."""
    home = Path(tempfile.mkdtemp(prefix="concord-story-"))
    home.chmod(0o755)
    try:
        yield home / "state"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def running(state: Path, **environment: str) -> Iterator[Site]:
    """What `make run` starts with these settings, up and ready; stopped by Ctrl-C at the end."""
    output = state.with_name("output")
    clean = {name: value for name, value in os.environ.items() if name not in UNSET}
    with output.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.launcher", "run"], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT,
            env={**clean, **environment, "PORTAL_HOME": str(state), "PORT": str(any_port())},
        )  # fmt: skip
    try:
        wait_until(lambda: "Concord runs at" in output.read_text(), process, output)
        people = json.loads((state / "demo-people.json").read_text())
        port = read_json(state / "ports.json", {})["web"]
        yield Site(f"http://127.0.0.1:{port}", state, {person["username"]: person["password"] for person in people})
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


UNSET = {
    *(
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "BROKER_URL",
        "SECRET_KEY",
        "PORTAL_KEYS",
        "PORTAL_SEAL_KEYS",
        "PORTAL_HOME",
        "EMAIL_BACKEND",
        "DEBUG",
    ),
    *("OUTBOUND_ALLOW", "TEST_ADMIN_URL", "DJANGO_SETTINGS_MODULE", "KEYCLOAK", "KEYCLOAK_URL"),
}


def wait_until(true: Callable[[], bool], process: "subprocess.Popen[bytes]", output: Path, limit_s: float = 300) -> None:
    until = time.monotonic() + limit_s
    while not true():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < until, output.read_text()
        time.sleep(0.2)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Chromium for one test. Its event loop ends with it: while one runs in a process, Django refuses its database there."""
    if CHROMIUM is None:
        pytest.skip("no chromium here")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield launched
        launched.close()


@pytest.fixture
def open_as(browser: Browser, site: Site) -> Iterator[Callable[..., Reader]]:
    """`open_as("alice")` is a signed-in person at 1440 px; whatever her console said is an error at the end."""
    with readers_of(browser, site) as open_as:
        yield open_as


@contextmanager
def readers_of(browser: Browser, site: Site) -> Iterator[Callable[..., Reader]]:
    """The same at any portal. Without a name she is at its door; what other sites write to her console is theirs."""
    readers: list[Reader] = []

    def sign_in(name: str = "", **how: Any) -> Reader:
        context = browser.new_context(base_url=site.url, viewport={"width": 1440, "height": 900}, **how)
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: _note(said, message, page, site))
        page.on("pageerror", lambda error: said.append(f"{page.url}: {error}") if page.url.startswith(site.url) else None)
        reader = Reader(page, said)
        readers.append(reader)
        if name:
            reader.sign_in(name, site.passwords[name])
        return reader

    yield sign_in
    for reader in readers:
        reader.page.context.close()
    assert [line for reader in readers for line in reader.console] == []


def _note(said: list[str], message: ConsoleMessage, page: Page, site: Site) -> None:
    if message.type in ("error", "warning") and (message.location["url"] or page.url).startswith(site.url):
        said.append(f"{page.url}: {message.text}")
