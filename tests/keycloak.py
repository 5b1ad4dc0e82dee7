"""Fixtures: the run's Keycloak and a realm in it. What needs them is marked `keycloak`, and skipped where there is neither Maven nor the file."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portal.core.registry import named
from scripts.launcher.errors import Unobtainable
from scripts.launcher.keycloak_home import Distribution
from tests import keycloak_server

if TYPE_CHECKING:
    from tests.realms import Realm

HOME = Path(os.environ["PORTAL_HOME"])
FIXTURES = {"keycloak", "keycloak_distribution"}


@dataclass(frozen=True)
class RunningKeycloak:
    """The run's Keycloak, and the service account of realm `master` that may do everything there."""

    url: str
    admin_client_id: str
    admin_client_secret: str


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for Keycloak, and give it time: in a fresh checkout the first one waits for a download and a build."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("keycloak")
            item.add_marker(pytest.mark.timeout(600))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to start it while tests that do without it run."""
    if not session.config.option.collectonly and any("keycloak" in item.fixturenames for item in session.items):
        keycloak_server.begin(HOME)


@pytest.fixture(scope="session")
def keycloak() -> RunningKeycloak:
    """The one server of this run, up and ready. Realms are the tests' own; realm `master` is left as it is."""
    answer = keycloak_server.join(HOME)
    if "error" in answer:
        (pytest.skip if answer["unobtainable"] else pytest.fail)(answer["error"])
    return RunningKeycloak(answer["url"], answer["client_id"], answer["client_secret"])


@pytest.fixture(scope="module")
def realm(keycloak: RunningKeycloak) -> "Iterator[Realm]":
    """A realm of this module's own, to which the settings KEYCLOAK_* lead; `tests.realms.Realm` says what it can do.

        def test_her_groups_are_in_her_token(realm):
            alice = realm.person("alice", groups=["/cloud/admins"])
            assert claims(realm.tokens(alice)["id_token"])["groups"] == ["/cloud/admins"]

    Where Keycloak has to reach the portal, begin with `realm.public_at(url)`. The realm takes some 5 s to make
    and is shared by the tests of the module, people and all; asking for a person again puts her right.
    """
    own_realm = named("tests.realms.own_realm")  # by name: a run without Keycloak does not load python-keycloak
    with own_realm(keycloak.url, keycloak.admin_client_id, keycloak.admin_client_secret) as made:
        yield made


@pytest.fixture(scope="session")
def keycloak_distribution() -> Distribution:
    """What a server of one's own is started from."""
    try:
        return keycloak_server.distribution()
    except Unobtainable as error:
        pytest.skip(str(error))
