"""The desk as a fixture, for the tests of leases, of their pages and of their API."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cast import World
from tests.leases.cloud import Lending
from tests.leases.desk import Desk, open_desk


@pytest.fixture
def desk(world: World, settings: Any) -> Iterator[Desk]:
    """What can be leased from a cloud in this process."""
    settings.PORTAL_PROVIDERS = ["tests.leases.cloud.Lending"]
    Lending.reset()
    yield open_desk(world)
    Lending.reset()
