"""Fixtures: a database of this worker, a database of one's own, and the cast."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import cast, databases
from tests.endpoints import ask_moto, running_moto
from tests.market import Market, open_market

pytest_plugins = ["tests.keycloak", "tests.keystone", "tests.leases.fixtures"]
ALLOWED_SKIPS = Path(__file__).with_name("allowed_skips.txt")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """One clone of the template for this worker; no migration runs here."""
    name = databases.new_name("worker")
    databases.clone(name)
    with django_db_blocker.unblock(), databases.using(name):
        yield
    databases.drop(name)


@pytest.fixture
def fresh_db(django_db_blocker: Any) -> Iterator[str]:
    """A database of one's own, for tests with threads or other processes. Gives its name."""
    name = databases.new_name("own")
    databases.clone(name)
    with django_db_blocker.unblock(), databases.using(name):
        yield name
    databases.drop(name)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> cast.World:
    """The cast, in `db` unless the test asked for `fresh_db`."""
    request.getfixturevalue("fresh_db" if "fresh_db" in request.fixturenames else "db")
    return cast.build()


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    """An AWS by others for this worker of the run; its port."""
    with running_moto() as port:
        yield port


@pytest.fixture
def market(world: cast.World, moto: int, tmp_path: Path, settings: Any) -> Market:
    """What can be ordered, on an AWS with nothing in it and on a real PostgreSQL, with an empty lake."""
    settings.LAKE_URL, settings.BLOB_URL = str(tmp_path / "lake"), str(tmp_path / "blobs")
    ask_moto(moto, "reset")
    return open_market(world, moto)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Under CI a skip that is not listed fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return
    allowed = {line.split("#")[0].strip() for line in ALLOWED_SKIPS.read_text().splitlines()} - {""}
    unlisted = sorted({report.nodeid for report in reporter.stats.get("skipped", [])} - allowed)
    if unlisted:
        reporter.write_line(f"skips that are not in {ALLOWED_SKIPS.name}: {', '.join(unlisted)}", red=True)
        session.exitstatus = 1
