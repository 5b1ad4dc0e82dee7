"""Fixtures of the pages of connections: a scripted cloud, and one connection to it that is in use."""

import pytest

from tests.clouds import kit
from tests.clouds.scripted import Scripted


@pytest.fixture(autouse=True)
def scripted(request, settings):
    """The scripted cloud stands alone, except beside the market's real ones."""
    settings.PORTAL_PROVIDERS = [*(settings.PORTAL_PROVIDERS if "market" in request.fixturenames else []), *kit.SCRIPTED]
    Scripted.reset()
    yield Scripted
    Scripted.reset()


@pytest.fixture
def connection(world):
    return kit.connection(world)
