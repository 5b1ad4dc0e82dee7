"""A state folder for each test, which the servers' account can reach."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty folder that everyone may enter, gone after the test."""
    folder = Path(tempfile.mkdtemp(prefix="concord-launcher-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
