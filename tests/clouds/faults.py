"""A TCP proxy that breaks what passes, on purpose and by plan: for HTTP and for PostgreSQL alike. Loopback only."""

import contextlib
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Literal, Self

Kind = Literal["reset", "drop_reply", "payload", "cut", "silence", "drip", "latency"]


@dataclass
class Fault:
    """What goes wrong, from the moment that `when` passes from the client ("" is from the start), so many times."""

    kind: Kind
    when: bytes = b""
    times: int = 1
    payload: bytes = b""
    seconds: float = 0.0
    keep: int = 0
    hits: int = field(default=0, init=False)


def http(status: int, body: bytes = b"", more: bytes = b"") -> bytes:
    """A whole HTTP answer, as a payload."""
    head = b"HTTP/1.1 %d Injected\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n" % (status, len(body))
    return head + more + b"Connection: close\r\n\r\n" + body


class FaultProxy:
    """Stands before a server: `proxy.fault = Fault(...)`, then call `proxy.port`. Counts the connections it saw."""

    def __init__(self, host: str, port: int) -> None:
        self.upstream = host, port
        self.fault: Fault | None = None
        self.connections = 0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            broken = self._hit(b"")
            if broken and broken.kind == "reset":
                return reset(client)
            with socket.create_connection(self.upstream) as server:
                self._pump(client, server, broken)

    def _pump(self, client: socket.socket, server: socket.socket, broken: Fault | None) -> None:
        """Pass on both ways; in one thread, since a socket that somebody still reads from cannot be reset."""
        while not self._over.is_set():
            ready, _, _ = select.select([client, server], [], [], 0.2)
            if client in ready:
                if not (passed := client.recv(65536)):
                    return
                broken = broken or self._hit(passed)
                if broken and broken.kind == "reset":
                    return reset(client)
                server.sendall(passed)
            if server in ready:
                if not (passed := server.recv(65536)):
                    return
                if broken is None:
                    client.sendall(passed)
                elif not self._broken(client, passed, broken):
                    return

    def _hit(self, passed: bytes) -> Fault | None:
        """The planned fault, if what passed calls for it and it has times left."""
        with self._lock:
            fault = self.fault
            if fault is None or fault.hits >= fault.times:
                return None
            if (fault.when and fault.when not in passed) or (passed and not fault.when):
                return None
            fault.hits += 1
            return fault

    def _broken(self, client: socket.socket, passed: bytes, fault: Fault) -> bool:
        """Do what was planned to the reply; False when the connection is over."""
        match fault.kind:
            case "latency":
                time.sleep(fault.seconds)
                client.sendall(passed)
                return True
            case "drop_reply":
                time.sleep(0.2)  # the server has finished what it was asked
                reset(client)
            case "payload":
                client.sendall(fault.payload)
                client.shutdown(socket.SHUT_WR)
            case "cut":
                client.sendall(passed[: fault.keep])
                client.shutdown(socket.SHUT_WR)
            case "silence":
                self._over.wait(60)
            case "drip":
                for byte in passed:
                    if self._over.wait(0.2):
                        break
                    client.sendall(bytes([byte]))
        return False


def reset(client: socket.socket) -> None:
    """End the connection with RST, as a dying peer or a strict firewall does."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
