"""A stand-in for the userinfo endpoint of a realm: says what a test wants, as slowly as it wants."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Saying:
    """What it answers: `body` whole after `pause_s`, or byte by byte with that pause between; `asked` are the tokens it saw."""

    def __init__(self, body: bytes) -> None:
        self.body, self.status, self.kind = body, 200, "application/json"
        self.headers: dict[str, str] = {}
        self.pause_s, self.drips = 0.0, False
        self.asked: list[str] = []
        self.url = ""


@contextmanager
def saying(body: bytes) -> Iterator[Saying]:
    """It listens on loopback; `url` is the issuer to set."""
    said = Saying(body)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said.asked.append(f"{self.path} {self.headers.get('Authorization')}")
            if not said.drips:
                time.sleep(said.pause_s)
            with suppress(OSError):  # whoever waited is gone
                self._answer()

        def _answer(self) -> None:
            self.send_response(said.status)
            self.send_header("Content-Type", said.kind)
            self.send_header("Content-Length", str(len(said.body)))
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for part in [said.body[n : n + 1] for n in range(len(said.body))] if said.drips else [said.body]:
                self.wfile.write(part)
                time.sleep(said.pause_s if said.drips else 0)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    said.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield said
    finally:
        server.shutdown()
        server.server_close()
