"""The whole demo, seeded once for all tests of this folder, in a database of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from scripts.launcher.ports import any_port
from scripts.launcher.supervisor import wait_until_listening
from tests import databases


@dataclass(frozen=True)
class Demo:
    """What the seed left: its folder, who can sign in, how long it took, and the two accounts."""

    home: Path
    people: list[dict[str, str]]
    seconds: float
    aws_ports: tuple[int, int]


@pytest.fixture(scope="package")
def demo_database(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Demo]:
    name = databases.new_name("demo")
    databases.clone(name)
    with tempfile.TemporaryDirectory() as folder, running_aws() as first, running_aws() as second:
        home = Path(folder)
        urls = [f"http://127.0.0.1:{port}" for port in (first, second)]
        with (
            override_settings(
                PORTAL_DEMO=True, PORTAL_HOME=home, PORTAL_DEMO_AWS_URLS=urls, PORTAL_DEMO_PG_URL=os.environ["TEST_ADMIN_URL"],
                LAKE_URL=str(home / "lake"), BLOB_URL=str(home / "blobs"),
            ),
            django_db_blocker.unblock(), databases.using(name),
        ):  # fmt: skip
            began = time.monotonic()
            call_command("sync_providers", verbosity=0)
            call_command("seed_demo", verbosity=0)
            seconds = time.monotonic() - began
            yield Demo(home, json.loads((home / "demo-people.json").read_text()), seconds, (first, second))
    databases.drop(name)


@pytest.fixture
def demo(demo_database: Demo, db: Any) -> Demo:
    """The demo; what a test changes is undone."""
    return demo_database


@contextmanager
def running_aws() -> Iterator[int]:
    """An account as `make run` starts it, keeping nothing."""
    port = any_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-m", "scripts.launcher.demo_aws", str(port)], **quiet) as server:  # type: ignore[call-overload]
        try:
            wait_until_listening(port, limit_s=60)
            yield port
        finally:
            server.terminate()
