"""Clouds by others that run here for the tests, in processes of their own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running_moto() -> Iterator[int]:
    """An AWS by others: moto's own server in a process of its own. Gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, env={**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "true"}, **quiet)  # type: ignore[call-overload]
    try:
        wait_for(port)
        yield port
    finally:
        server.kill()
        server.wait(60)


def ask_moto(port: int, what: str, body: bytes = b"") -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/{what}", data=body, method="POST")
    request.add_header("Content-Type", "text/plain")
    with urllib.request.urlopen(request, timeout=20):
        pass


def wait_for(port: int, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
