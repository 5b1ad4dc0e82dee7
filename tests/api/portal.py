"""The portal as a process of its own, on a database of a test."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from tests import databases
from tests.endpoints import wait_for

ROOT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def running_portal(database: str, log: Path) -> Iterator[str]:
    """gunicorn on a free port of loopback, as the launcher runs it; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    env = {
        **os.environ,
        "DATABASE_URL": databases.url_of(database),
        "DATABASE_OWNER_URL": databases.url_of(database, "owner"),
        "PUBLIC_URL": url,
        "LAKE_URL": settings.LAKE_URL,
        "BLOB_URL": settings.BLOB_URL,
    }
    command = [sys.executable, "-m", "gunicorn", "portal.wsgi", "-b", f"127.0.0.1:{port}", "--threads", "4"]
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out)
        try:
            wait_for(port)
            yield url
        finally:
            server.terminate()
            server.wait(20)
