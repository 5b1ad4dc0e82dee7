"""Fixtures of the ledger: a lake of one's own, and a shop."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.cast import World
from tests.metering.shop import Shop, open_shop


@pytest.fixture(autouse=True)
def lake_folder(tmp_path: Path, settings: Any) -> Path:
    """An empty lake for each test."""
    settings.LAKE_URL, settings.BLOB_URL = str(tmp_path / "lake"), str(tmp_path / "blobs")
    return tmp_path / "lake"


@pytest.fixture
def shop(world: World) -> Shop:
    return open_shop(world)


@pytest.fixture
def rival(db: None) -> Any:
    """Another session of the database that has run a statement, until the block ends."""

    @contextmanager
    def session(statement: str) -> Iterator[None]:
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute(statement)
                yield
        finally:
            other.close()

    return session
