"""Servers of any cloud that Apache Libcloud has a compute driver for: a cloud is a subclass that declares itself.

Libcloud's traps are met here once: a driver is made for one call and never shared (drivers answer other threads), every
call runs under `asked`, what an operation returns is not believed but read again, states and times become our words.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from libcloud.common.exceptions import BaseHTTPError, RateLimitReachedError
from libcloud.common.types import InvalidCredsError, MalformedResponseError, ProviderError
from libcloud.compute.base import Node, NodeDriver
from libcloud.compute.types import NodeState

from portal.clouds.adapters import wire
from portal.clouds.base import (
    Account,
    Answer,
    Check,
    Choice,
    CloudError,
    Done,
    Limit,
    Listing,
    Pending,
    Region,
    Rung,
    ServerSeen,
    ServerSpec,
    State,
    Verb,
)
from portal.clouds.calls import asked, explain, shown

STATE_OF: Mapping[NodeState, State] = {
    NodeState.RUNNING: "running",
    NodeState.NORMAL: "running",
    NodeState.UPDATING: "running",
    NodeState.MIGRATING: "running",
    NodeState.RECONFIGURING: "running",
    NodeState.REBOOTING: "starting",
    NodeState.STARTING: "starting",
    NodeState.PENDING: "creating",
    NodeState.STOPPING: "stopping",
    NodeState.STOPPED: "stopped",
    NodeState.SUSPENDED: "stopped",
    NodeState.PAUSED: "stopped",
    NodeState.TERMINATED: "gone",
    NodeState.ERROR: "failed",
    NodeState.UNKNOWN: "unknown",
}
POLL_AFTER_S = 3.0
RUNNING: State = "running"
STOPPED: State = "stopped"
GONE: State = "gone"
WANTED: Mapping[Verb, State] = {"start": RUNNING, "stop": STOPPED, "restart": RUNNING}
ACTS: Mapping[Verb, str] = {"start": "start_node", "stop": "stop_node", "restart": "reboot_node"}


class LibcloudCompute:
    """The Compute contract over a Libcloud driver. A subclass declares the provider and fills in the hooks below."""

    kind: ClassVar[str]
    label: ClassVar[str]
    capabilities: ClassVar[tuple[str, ...]] = ("compute",)
    lacks: ClassVar[Mapping[str, str]] = {}
    encrypts_disks: ClassVar[bool] = False
    config: ClassVar[Mapping[str, Any]]
    credentials: ClassVar[Mapping[str, Any]]
    permissions: ClassVar[Mapping[Rung, str]] = {}
    checks: ClassVar[Mapping[str, Rung]]

    def __init__(self, account: Account) -> None:
        self.account = account

    # What a cloud fills in. Each hook runs inside a call, so it may raise whatever its SDK raises.

    def driver(self) -> NodeDriver:
        """A fresh driver for this account and region."""
        raise NotImplementedError

    def make_node(self, driver: NodeDriver, spec: ServerSpec, key: str) -> Node:
        """Ask for the server; the key goes along as client token and tag."""
        raise NotImplementedError

    def node_of_key(self, driver: NodeDriver, key: str) -> Node | None:
        """The newest server that carries the key, a removed one only when there is no other."""
        raise NotImplementedError

    def node_of_id(self, driver: NodeDriver, id: str) -> Node | None:
        """The server with the id, or None when the cloud is sure."""
        raise NotImplementedError

    def all_nodes(self, driver: NodeDriver) -> tuple[Iterable[Node], bool]:
        """Every server over all pages, and whether nothing was left out."""
        raise NotImplementedError

    def seen(self, node: Node) -> ServerSeen:
        """The server in our words."""
        raise NotImplementedError

    def probes(self) -> Iterator[tuple[str, str, Callable[[], Check]]]:
        """The checks in order: name, permission needed, and the probe itself."""
        raise NotImplementedError

    def regions(self) -> tuple[Region, ...]:
        raise NotImplementedError

    def choices(self) -> Listing[Choice]:
        raise NotImplementedError

    def limits(self) -> tuple[Limit, ...]:
        raise NotImplementedError

    # The contract.

    def check(self) -> Iterator[Check]:
        """Each probe as a call of its own; a failure is a result."""
        for name, needs, probe in self.probes():
            try:
                yield self._probe(probe)
            except CloudError as error:
                yield Check(name, "failed", error.message, needs, error.kind)
                if error.kind in ("credentials", "unreachable") and name in ("endpoint", "credentials"):
                    return

    @asked(within_s=40)
    def _probe(self, probe: Callable[[], Check]) -> Check:
        return probe()

    @asked(within_s=90)
    def ensure_server(self, spec: ServerSpec, key: str) -> Answer[ServerSeen]:
        if spec.encrypted and not self.encrypts_disks:
            raise CloudError(f"{self.label} encrypts no disk of a server when asked.", retry=False, kind="refused")
        driver = self.driver()
        node = self.node_of_key(driver, key)
        if node is None:
            node = self._made(driver, spec, key)
        server = self.seen(node)
        if server.state == "gone":
            raise CloudError(
                f"The server made for this step ({server.id}) has ended. {server.note}".strip(),
                retry=False,
                kind="refused",
            )
        return Done(server) if server.state == STOPPED else self._settled(server, RUNNING)

    def _made(self, driver: NodeDriver, spec: ServerSpec, key: str) -> Node:
        """Make it; an error may follow a successful create, so look once before saying that it failed."""
        try:
            return self.make_node(driver, spec, key)
        except Exception as error:
            told = explain(error, self)
            if told.retry and (node := self.node_of_key(self.driver(), key)) is not None:
                return node
            raise told from None

    @asked(within_s=60)
    def find_server(self, key: str) -> ServerSeen | None:
        node = self.node_of_key(self.driver(), key)
        server = self.seen(node) if node is not None else None
        return None if server is None or server.state == "gone" else server

    @asked(within_s=40)
    def read_server(self, id: str) -> ServerSeen | None:
        return self._read(self.driver(), id)

    @asked(within_s=60)
    def remove_server(self, id: str, key: str) -> Answer[ServerSeen]:
        driver = self.driver()
        node = self.node_of_id(driver, id)
        if node is not None and self.seen(node).state not in ("gone", "removing"):
            driver.destroy_node(node)
        return self._settled(self._read(driver, id) or gone(id, self.account.region), GONE)

    @asked(within_s=60)
    def operate_server(self, id: str, verb: Verb, key: str) -> Answer[ServerSeen]:
        driver = self.driver()
        node = self.node_of_id(driver, id)
        if node is None or (before := self.seen(node)).state == "gone":
            raise CloudError(f"There is no server {id}.", retry=False, kind="not_found")
        if verb == "restart" and before.state == "stopped":
            raise CloudError("A stopped server cannot restart; start it.", retry=False, kind="refused")
        if verb == "restart" or before.state != WANTED[verb]:
            getattr(driver, ACTS[verb])(node)
        return self._settled(self._read(driver, id) or before, WANTED[verb])

    @asked(within_s=300)
    def list_servers(self) -> Listing[ServerSeen]:
        nodes, complete = self.all_nodes(self.driver())
        servers = tuple(server for server in map(self.seen, nodes) if server.state != "gone")
        return Listing(servers, complete)

    @asked(within_s=40)
    def poll(self, ref: str) -> Answer[ServerSeen]:
        word, _, id = ref.partition(":")
        wanted = {"running": RUNNING, "stopped": STOPPED, "gone": GONE}.get(word)
        if wanted is None or not id:
            raise CloudError(f"{ref[:80]!r} is not a pending answer of this cloud.", retry=False, kind="refused")
        return self._settled(self._read(self.driver(), id) or gone(id, self.account.region), wanted)

    def _read(self, driver: NodeDriver, id: str) -> ServerSeen | None:
        node = self.node_of_id(driver, id)
        return None if node is None else self.seen(node)

    def _settled(self, server: ServerSeen, wanted: State) -> Answer[ServerSeen]:
        """Done when it stands as wanted, refused when it never will, else pending."""
        if server.state == wanted:
            return Done(server)
        if server.state in ("failed", "gone") and wanted != GONE:
            text = f"The server {server.id} is {server.state}. {server.note}".strip()
            raise CloudError(text, retry=False, kind="not_found" if server.state == "gone" else "refused")
        return Pending(f"{wanted}:{server.id}", POLL_AFTER_S, server)

    def translate(self, error: Exception) -> CloudError | None:
        """Libcloud's and requests' errors in our words."""
        if isinstance(error, InvalidCredsError):
            return CloudError(shown(error), retry=False, kind="credentials")
        if isinstance(error, MalformedResponseError):
            start = " ".join(str(error.body or "")[:80].split())
            return CloudError(f"Not an answer of {self.label}: {start!r}", retry=True, kind="garbage")
        if isinstance(error, RateLimitReachedError):
            return CloudError("Too many calls; the cloud asks to slow down.", retry=True, kind="refused")
        if isinstance(error, BaseHTTPError):
            return wire.of_status(int(error.code), str(error.message or error.code))
        if isinstance(error, ProviderError):
            return wire.of_status(int(error.http_code), str(error.value))
        return wire.unanswered(error)


def gone(id: str, region: str) -> ServerSeen:
    """What is left of a server that the cloud no longer knows."""
    return ServerSeen(id=id, generation="", key="", name="", state=GONE, region=region)


def aware(moment: datetime | str | None) -> datetime | None:
    """A driver's idea of a time (None, text, naive or aware) as aware UTC."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return None
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
