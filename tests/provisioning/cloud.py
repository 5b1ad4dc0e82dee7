"""A cloud in this process that keeps its promises, unless a test writes down how it misbehaves at the next calls."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from portal.clouds.base import Account, CloudError, Done, Listing, Pending, ServerSeen, ServerSpec
from portal.core import clock
from tests.clouds.scripted import Scripted

Do = Callable[[], ServerSeen]
SETTLES = {"start": "running", "stop": "stopped", "restart": "running", "remove": "gone"}


class Killed(BaseException):
    """The worker died here: nobody catches this."""


class Cloud(Scripted):
    """Servers by id. `script` holds what happens at the next calls that change or poll, in order; else all goes well."""

    kind = "aws"
    servers: ClassVar[dict[str, ServerSeen]] = {}
    calls: ClassVar[list[tuple[str, str]]] = []
    script: ClassVar[list[Callable[[Do], Any]]] = []
    listing: ClassVar[Listing[ServerSeen] | CloudError | None] = None
    reads: ClassVar[dict[str, CloudError]] = {}

    def __init__(self, account: Account) -> None:
        self.account = account

    @classmethod
    def reset(cls) -> None:
        super().reset()
        cls.servers, cls.calls, cls.script, cls.listing, cls.reads = {}, [], [], None, {}

    @classmethod
    def alive(cls) -> list[ServerSeen]:
        return [server for server in cls.servers.values() if server.state != "gone"]

    def ensure_server(self, spec: ServerSpec, key: str) -> Any:
        return self._act("ensure", key, lambda: self.find_server(key) or self._make(spec, key))

    def remove_server(self, id: str, key: str) -> Any:
        return self._act("remove", key, lambda: self._turn(id, "gone"))

    def operate_server(self, id: str, verb: str, key: str) -> Any:
        return self._act(verb, key, lambda: self._turn(id, SETTLES[verb]))

    def poll(self, ref: str) -> Any:
        word, _, id = ref.partition(":")
        return self._act("poll", ref, lambda: self._turn(id, word))

    def find_server(self, key: str) -> ServerSeen | None:
        return next((server for server in self.alive() if server.key == key), None)

    def read_server(self, id: str) -> ServerSeen | None:
        if error := self.reads.get(id):
            raise error
        server = self.servers.get(id)
        return None if server is None or server.state == "gone" else server

    def list_servers(self) -> Listing[ServerSeen]:
        if isinstance(self.listing, CloudError):
            raise self.listing
        return self.listing or Listing(tuple(self.alive()), complete=True)

    def _act(self, verb: str, key: str, do: Do) -> Any:
        self.calls.append((verb, key))
        return self.script.pop(0)(do) if self.script else Done(do())

    def _make(self, spec: ServerSpec, key: str) -> ServerSeen:
        id = f"i-{len(self.servers) + 1}"
        self.servers[id] = ServerSeen(id, "", key, spec.name, "running", self.account.region, created_at=clock.now())
        return self.servers[id]

    def _turn(self, id: str, state: Any) -> ServerSeen:
        self.servers[id] = replace(self.servers.get(id) or found(id), state=state)
        return self.servers[id]


def found(id: str, state: Any = "running", generation: str = "", **facts: Any) -> ServerSeen:
    """A server that somebody else made."""
    return ServerSeen(id, generation, facts.pop("key", ""), facts.pop("name", f"old {id}"), state, "eu-west-1", **facts)


def says(error: BaseException) -> Callable[[Do], Any]:
    """The call fails, and nothing was done."""

    def answer(do: Do) -> Any:
        raise error

    return answer


def does_and_says(error: BaseException) -> Callable[[Do], Any]:
    """It was done, but the answer never came."""

    def answer(do: Do) -> Any:
        do()
        raise error

    return answer


def pends(state: str, then: str) -> Callable[[Do], Any]:
    """It is under way: it shows `state`, and polls end in `then`."""

    def answer(do: Do) -> Any:
        server = Cloud.servers[do().id] = replace(do(), state=state)  # type: ignore[arg-type]
        return Pending(f"{then}:{server.id}", 3, server)

    return answer


def unreachable(text: str = "No answer within 90 seconds.") -> CloudError:
    return CloudError(text, retry=True, kind="unreachable")


def refused(text: str = "No.", kind: Any = "refused") -> CloudError:
    return CloudError(text, retry=False, kind=kind)
