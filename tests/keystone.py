"""Fixture: a real Keystone whose people are those of the module's realm in Keycloak."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.launcher.errors import Unobtainable
from tests import keystone_server

if TYPE_CHECKING:
    from tests.realms import Realm


@pytest.fixture(scope="module")
def keystone(realm: "Realm") -> "Iterator[keystone_server.Keystone]":
    """One server with nothing in it but its administrator. A fresh checkout installs it first, which takes half a minute."""
    home = Path(tempfile.mkdtemp(prefix="concord-keystone-"))
    home.chmod(0o755)  # Apache's children are nobody, and read certificates here
    try:
        with keystone_server.running_keystone(home, realm.issuer) as server:
            yield server
    except Unobtainable as error:
        pytest.skip(str(error))
    finally:
        shutil.rmtree(home, ignore_errors=True)
