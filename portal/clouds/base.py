"""What every cloud adapter takes and gives: plain data, and one Protocol per capability.

Knows no cloud, no table and no setting, so that an adapter can as well live in a worker, a broker or at an edge site.
An adapter is bound to one account and one region, is made for one piece of work, and is never kept or shared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, NoReturn, Protocol, TypeVar, get_args

from portal.core.errors import PortalError

State = Literal["creating", "running", "stopping", "stopped", "starting", "removing", "gone", "failed", "unknown"]
STATES: frozenset[str] = frozenset(get_args(State))
SETTLED: frozenset[str] = frozenset({"running", "stopped", "gone", "failed"})
"""States that last by themselves; the others are on their way, or cannot be told."""

Verb = Literal["start", "stop", "restart"]
ErrorKind = Literal["credentials", "permission", "quota", "capacity", "not_found", "unreachable", "garbage", "refused"]
ChoiceKind = Literal["region", "size", "image", "network", "key"]
Rung = Literal["observe", "account", "operate", "publish"]
RUNGS: tuple[Rung, ...] = get_args(Rung)
"""What Concord may do with an account, each rung including those before it."""
CheckState = Literal["passed", "warned", "failed", "skipped"]
CAPABILITIES = ("compute", "database", "volume", "object_store", "container", "function")
KEY_TAG = "concord-step"
"""The tag (or field of a comment) that carries the idempotency key in the cloud."""

Seen = TypeVar("Seen", covariant=True)


def marked(text: str) -> str:
    """The text itself, marked for translation; an adapter needs no settings, so it is translated where it is shown."""
    return text


class CloudError(PortalError):
    """A cloud said no, or said nothing. `retry` tells whether the same call may succeed later, unchanged."""

    status, code = 502, "cloud"

    def __init__(self, message: str, *, retry: bool, kind: ErrorKind, hint: str = "") -> None:
        super().__init__(message, kind=kind, retry=retry, hint=hint)
        self.message, self.retry, self.kind, self.hint = message, retry, kind, hint


class Secret:
    """A text that is shown once, on purpose: `reveal()`. It does not print, format, pickle or turn into JSON."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


@dataclass(frozen=True)
class Account:
    """Where to call and as whom. `allow` are the CIDRs an endpoint may lie in (core.outbound)."""

    config: Mapping[str, Any]
    credentials: Mapping[str, Any] = field(repr=False)
    region: str = ""
    allow: tuple[str, ...] = ()


@dataclass(frozen=True)
class Region:
    key: str
    label: str
    country: str = ""


@dataclass(frozen=True)
class Choice:
    """One thing a form may offer. `attributes` of a size: vcpu, memory_mib, price_class, architecture."""

    kind: ChoiceKind
    key: str
    label: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Limit:
    """How much of something the account may have, and has. `used` is None where the cloud does not say."""

    dimension: str
    limit: int
    used: int | None = None


@dataclass(frozen=True)
class Check:
    """One probe of an account: its fixed name, how it went, what the cloud said, the permission it needs."""

    name: str
    state: CheckState
    detail: str = ""
    needs: str = ""
    kind: ErrorKind | Literal[""] = ""

    @property
    def ok(self) -> bool:
        return self.state != "failed"


@dataclass(frozen=True)
class Listing(Generic[Seen]):
    """What is there. When `complete` is False something was left out, and nobody may conclude that a thing is gone."""

    items: tuple[Seen, ...]
    complete: bool
    note: str = ""


@dataclass(frozen=True)
class ServerSpec:
    """A server to be made. `size`, `image`, `network` and `ssh_key` are keys of choices; 0 GiB is the image's own."""

    name: str
    size: str
    image: str
    disk_gib: int = 0
    encrypted: bool = False
    network: str = ""
    ssh_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ServerSeen:
    """A server as the cloud shows it. `key` is empty for one that we did not make; None is "the cloud does not say"."""

    id: str
    generation: str
    key: str
    name: str
    state: State
    region: str = ""
    size: str = ""
    vcpu: int | None = None
    memory_mib: int | None = None
    disk_gib: int | None = None
    addresses: tuple[str, ...] = ()
    created_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class DatabaseSpec:
    """A database to be made. `storage_gib` is what was bought; the cloud may not enforce it, so it is metered too."""

    name: str
    storage_gib: int = 1
    connections: int = 20
    statement_timeout_s: int = 60
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DatabaseSeen:
    """A database as its server shows it. `secret`, the connection string, is there in the one answer that made it."""

    id: str
    generation: str
    key: str
    name: str
    state: State
    region: str = ""
    storage_gib: int | None = None
    size_bytes: int | None = None
    connections: int | None = None
    connection_limit: int | None = None
    addresses: tuple[str, ...] = ()
    created_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    secret: Secret | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Done(Generic[Seen]):
    """It is so: `observed` is the thing as it stands now."""

    observed: Seen


@dataclass(frozen=True)
class Pending(Generic[Seen]):
    """Under way: ask `poll(ref)` again after a while. `observed` is what can be seen of it already."""

    ref: str
    poll_after_s: float
    observed: Seen | None = None


Answer = Done[Seen] | Pending[Seen]


class Cloud(Protocol):
    """What every provider declares, and answers for any account.

    Every method but `check` raises CloudError and nothing else, within its deadline.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    capabilities: ClassVar[tuple[str, ...]]
    lacks: ClassVar[Mapping[str, str]]
    config: ClassVar[Mapping[str, Any]]
    credentials: ClassVar[Mapping[str, Any]]
    permissions: ClassVar[Mapping[Rung, str]]
    checks: ClassVar[Mapping[str, Rung]]

    def __init__(self, account: Account) -> None: ...

    def check(self) -> Iterator[Check]:
        """Probe the account in the order of `checks`, one result at a time. A failure is a result, never an error."""

    def regions(self) -> tuple[Region, ...]:
        """The regions this account may use."""

    def choices(self) -> Listing[Choice]:
        """What a form may offer in the region: sizes, images, networks, keys."""

    def limits(self) -> tuple[Limit, ...]:
        """The account's limits in the region, as far as the cloud tells them."""


class Compute(Cloud, Protocol):
    """Servers. The key is the id of the step that asks: asked twice with one key, there is one server."""

    def ensure_server(self, spec: ServerSpec, key: str) -> Answer[ServerSeen]:
        """Make the server, or adopt the one an earlier try with this key made."""

    def find_server(self, key: str) -> ServerSeen | None:
        """The living server that this key made, or None."""

    def read_server(self, id: str) -> ServerSeen | None:
        """The server with this id; None when the cloud is sure that there is none."""

    def remove_server(self, id: str, key: str) -> Answer[ServerSeen]:
        """See it gone; one that is gone already is no error."""

    def operate_server(self, id: str, verb: Verb, key: str) -> Answer[ServerSeen]:
        """Start, stop or restart it; done already is done."""

    def list_servers(self) -> Listing[ServerSeen]:
        """Every server of the account in the region, ours or not."""

    def poll(self, ref: str) -> Answer[ServerSeen]:
        """How the pending answer with this ref goes on."""


class Databases(Cloud, Protocol):
    """Databases. The key is the id of the step that asks: asked twice with one key, there is one database."""

    def ensure_database(self, spec: DatabaseSpec, key: str) -> Answer[DatabaseSeen]:
        """Make the database or adopt an earlier try's. Each call sets a new password, so the last answer is the one."""

    def find_database(self, key: str) -> DatabaseSeen | None:
        """The database that this key made, or None."""

    def read_database(self, id: str) -> DatabaseSeen | None:
        """The database with this id; None when the server is sure that there is none."""

    def remove_database(self, id: str, key: str) -> Answer[DatabaseSeen]:
        """See it and its role gone; gone already is no error."""

    def operate_database(self, id: str, verb: Verb, key: str) -> Answer[DatabaseSeen]:
        """Stop (nobody may connect), start, or restart (all connections end) it; done already is done."""

    def rotate_database(self, id: str, key: str) -> Answer[DatabaseSeen]:
        """Set a new password; the answer carries the new connection string, the old one no longer opens."""

    def list_databases(self) -> Listing[DatabaseSeen]:
        """Every database of the server, ours or not."""

    def poll(self, ref: str) -> Answer[DatabaseSeen]:
        """How the pending answer with this ref goes on."""


def plain(thing: Any) -> Any:
    """The thing as JSON can carry it, without any secret: for the journal and for pages."""
    if is_dataclass(thing) and not isinstance(thing, type):
        values = ((one.name, getattr(thing, one.name)) for one in fields(thing) if one.repr)
        return {name: plain(value) for name, value in values if not isinstance(value, Secret)}
    if isinstance(thing, Mapping):
        return {str(name): plain(value) for name, value in thing.items()}
    if isinstance(thing, tuple | list | set | frozenset):
        return [plain(value) for value in thing]
    return thing.isoformat() if isinstance(thing, datetime) else thing
