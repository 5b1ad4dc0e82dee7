"""Databases on a PostgreSQL server that the organization runs: one database and one role each, closed and limited."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, LiteralString
from urllib.parse import quote

import psycopg
from psycopg import sql

from portal.clouds.adapters import pg, pg_leases
from portal.clouds.base import (
    Account,
    Answer,
    Check,
    Choice,
    CloudError,
    DatabaseSeen,
    DatabaseSpec,
    Done,
    Limit,
    Listing,
    Region,
    Rung,
    Secret,
    Verb,
)
from portal.clouds.base import marked as _
from portal.clouds.calls import asked, shown
from portal.clouds.leases import LeaseAsk, LeaseGiven, LeaseTarget
from portal.clouds.names import name_of_key

HOME = "home"
"""The one region of a server: where it stands."""
USAGE = "SELECT current_setting('max_connections')::int, count(*) FROM pg_stat_activity"
OPEN_TO_ALL = """
    SELECT datname FROM pg_database
    WHERE datallowconn AND NOT datistemplate AND has_database_privilege('public', oid, 'CONNECT') ORDER BY 1
"""
CREDENTIAL_SIGNS = (
    "password authentication failed",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "no password supplied",
)
GARBAGE_SIGNS = ("invalid response", "unexpected message", "expected authentication request", "lost synchronization")
BUSY_STATES = {"40001", "40P01", "42P04", "42710", "55006", "55P03"}
"""Deadlocks, things made by somebody else just now, things in use: the next try finds them settled."""


class Postgresql:
    """One PostgreSQL server."""

    kind: ClassVar[str] = "postgresql"
    label: ClassVar[str] = "PostgreSQL server"
    capabilities: ClassVar[tuple[str, ...]] = ("database",)
    lacks: ClassVar[Mapping[str, str]] = {
        "compute": _("A database server has no machines to give."),
        "volume": _("A database server has no disks to give."),
        "object_store": _("A database server has no buckets to give."),
        "container": _("A database server runs no containers."),
        "function": _("A database server runs no functions."),
    }
    config: ClassVar[Mapping[str, Any]] = {
        "title": _("Server"),
        "type": "object",
        "additionalProperties": False,
        "required": ["host"],
        "properties": {
            "host": {"type": "string", "title": _("Host"), "pattern": "^[A-Za-z0-9.:-]+$(?!\\n)", "maxLength": 253},
            "port": {"type": "integer", "title": _("Port"), "default": 5432, "minimum": 1, "maximum": 65535},
            "database": {
                "type": "string",
                "title": _("Administration database"),
                "description": _("Where the administrator signs in; it is never offered."),
                "default": "postgres",
                "maxLength": 63,
            },
            "sslmode": {
                "type": "string",
                "title": _("Encryption"),
                "enum": ["verify-full", "require", "prefer", "disable"],
                "default": "prefer",
            },
            "public_host": {
                "type": "string",
                "title": _("Host for clients"),
                "description": _("Where clients find it; empty means the host above."),
                "pattern": "^[A-Za-z0-9.:-]*$(?!\\n)",
                "maxLength": 253,
            },
        },
    }
    credentials: ClassVar[Mapping[str, Any]] = {
        "title": _("Administrator"),
        "type": "object",
        "additionalProperties": False,
        "required": ["user", "password"],
        "properties": {
            "user": {"type": "string", "title": _("User"), "minLength": 1, "maxLength": 63},
            "password": {
                "type": "string",
                "title": _("Password"),
                "description": _("Kept encrypted, and never shown again."),
                "writeOnly": True,
                "minLength": 1,
                "maxLength": 1000,
            },
        },
    }
    permissions: ClassVar[Mapping[Rung, str]] = {
        "observe": "CREATE ROLE concord LOGIN PASSWORD '...';\nGRANT pg_monitor TO concord;",
        "account": "GRANT pg_monitor TO concord;",
        "operate": "ALTER ROLE concord CREATEDB CREATEROLE;\nGRANT pg_signal_backend TO concord;",
        "publish": "ALTER ROLE concord CREATEDB CREATEROLE;\nGRANT pg_signal_backend TO concord;",
    }
    checks: ClassVar[Mapping[str, Rung]] = {
        "credentials": "observe",
        "see_databases": "observe",
        "make_database": "publish",
        "make_role": "publish",
        "isolation": "publish",
    }
    lease_audience: ClassVar[str] = ""
    shortest_lease_s: ClassVar[int] = 60
    longest_lease_s: ClassVar[int] = 7 * 86400
    revocable: ClassVar[bool] = True
    lease_options: ClassVar[Mapping[str, Any]] = pg_leases.OPTIONS

    def __init__(self, account: Account) -> None:
        self.account = account

    # The contract.

    def check(self) -> Iterator[Check]:
        for name, needs, probe in self._probes():
            try:
                yield self._probe(probe)
            except CloudError as error:
                yield Check(name, "failed", error.message, needs, error.kind)
                if name == "credentials":
                    return

    @asked(within_s=30)
    def _probe(self, probe: Callable[[pg.Link], Check]) -> Check:
        with pg.connected(self.account) as link:
            return probe(link)

    @asked(within_s=30)
    def regions(self) -> tuple[Region, ...]:
        return (Region(HOME, pg.public_host(self.account)),)

    @asked(within_s=30)
    def choices(self) -> Listing[Choice]:
        with pg.connected(self.account) as link:
            link.execute("SELECT 1")
        return Listing((), complete=True)

    @asked(within_s=30)
    def limits(self) -> tuple[Limit, ...]:
        with pg.connected(self.account) as link:
            most, used = pg.only(link.execute(USAGE))
        return (Limit("connections", most, used),)

    @asked(within_s=90)
    def ensure_database(self, spec: DatabaseSpec, key: str) -> Answer[DatabaseSeen]:
        with pg.connected(self.account) as link:
            link.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))  # two tries at once become one
            found = pg.of_key(link, key, self.account)
            name = found.id if found else name_of_key(spec.name, key, joiner="_")
            password = pg.new_password()
            pg.ensure_base(link, name, spec, key, self.account)
            pg.ensure_role(link, name, spec, key, password)
            database = pg.known(link, name, self.account)
            if database.state == "creating":
                pg.make_ready(link, database, self.account)
            return Done(self._with_secret(pg.known(link, name, self.account), password))

    @asked(within_s=30)
    def find_database(self, key: str) -> DatabaseSeen | None:
        with pg.connected(self.account) as link:
            return pg.of_key(link, key, self.account)

    @asked(within_s=30)
    def read_database(self, id: str) -> DatabaseSeen | None:
        with pg.connected(self.account) as link:
            return pg.one(link, id, self.account)

    @asked(within_s=60)
    def remove_database(self, id: str, key: str) -> Answer[DatabaseSeen]:
        with pg.connected(self.account) as link:
            pg.remove(link, id, self.account)
        return Done(DatabaseSeen(id=id, generation="", key="", name=id, state="gone", region=self.account.region))

    @asked(within_s=40)
    def operate_database(self, id: str, verb: Verb, key: str) -> Answer[DatabaseSeen]:
        with pg.connected(self.account) as link:
            before = pg.known(link, id, self.account)
            if verb == "restart" and before.state == "stopped":
                raise CloudError("A stopped database cannot restart; start it.", retry=False, kind="refused")
            if verb != "restart":
                change = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
                link.execute(change.format(sql.Identifier(id), sql.Literal(verb == "start")))
            if verb != "start":
                pg.end_connections(link, id)
            return Done(pg.known(link, id, self.account))

    @asked(within_s=30)
    def rotate_database(self, id: str, key: str) -> Answer[DatabaseSeen]:
        with pg.connected(self.account) as link:
            database = pg.known(link, id, self.account)
            password = pg.new_password()
            pg.set_password(link, id, password)
        return Done(self._with_secret(database, password))

    @asked(within_s=120)
    def list_databases(self) -> Listing[DatabaseSeen]:
        with pg.connected(self.account) as link:
            rows = link.execute(pg.LIST).fetchall()
        return Listing(tuple(pg.seen(row, self.account) for row in rows), complete=True)

    @asked(within_s=5)
    def poll(self, ref: str) -> Answer[DatabaseSeen]:
        raise CloudError(f"{ref[:80]!r} is not a pending answer of this cloud.", retry=False, kind="refused")

    @asked(within_s=30)
    def lease_targets(self) -> Listing[LeaseTarget]:
        with pg.connected(self.account) as link:
            return Listing(pg_leases.targets(link, self.account), complete=True)

    @asked(within_s=60)
    def lease(self, ask: LeaseAsk) -> LeaseGiven:
        with pg.connected(self.account) as link:
            link.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (ask.key,))
            return pg_leases.lend(link, ask, self.account)

    @asked(within_s=60)
    def end_lease(self, id: str, target: str) -> None:
        with pg.connected(self.account) as link:
            pg_leases.end(link, id, self.account)

    # How it is done.

    def _with_secret(self, database: DatabaseSeen, password: str) -> DatabaseSeen:
        """The database with its connection string, for this one answer."""
        config = self.account.config
        user, host = quote(database.id, safe=""), pg.public_host(self.account)
        host = f"[{host}]" if ":" in host else host
        text = f"postgresql://{user}:{quote(password, safe='')}@{host}:{config.get('port', 5432)}/{user}"
        if config.get("sslmode") in ("verify-full", "require"):
            text += f"?sslmode={config['sslmode']}"
        return replace(database, secret=Secret(text))

    def _probes(self) -> Iterator[tuple[str, str, Callable[[pg.Link], Check]]]:
        """The checks in the order of `checks`, with the privilege each needs."""
        yield "credentials", "LOGIN", who_am_i
        yield "see_databases", "pg_monitor", sees_databases
        yield "make_database", "CREATEDB", lambda link: has_right(link, "make_database", "rolcreatedb", "CREATEDB")
        yield "make_role", "CREATEROLE", lambda link: has_right(link, "make_role", "rolcreaterole", "CREATEROLE")
        yield "isolation", "", is_walled_off

    def translate(self, error: Exception) -> CloudError | None:
        """psycopg's errors in our words, by SQLSTATE where the server gave one."""
        if not isinstance(error, psycopg.Error):
            return None
        text = " ".join(str(error).split()) or shown(error)
        state = error.sqlstate or ""
        if state.startswith("28") or any(sign in text for sign in CREDENTIAL_SIGNS):
            return CloudError(text, retry=False, kind="credentials")
        if state == "42501":
            return CloudError(text, retry=False, kind="permission")
        if state.startswith("53"):
            return CloudError(text, retry=True, kind="capacity")
        if state in ("3D000", "42704"):
            return CloudError(text, retry=False, kind="not_found")
        if any(sign in text for sign in GARBAGE_SIGNS):
            return CloudError(text, retry=True, kind="garbage")
        if state in BUSY_STATES:
            return CloudError(text, retry=True, kind="refused")
        if not state or state.startswith(("08", "57")):
            return CloudError(f"The server does not answer: {text}", retry=True, kind="unreachable")
        return CloudError(text, retry=False, kind="refused")


def who_am_i(link: pg.Link) -> Check:
    user, version = pg.only(link.execute("SELECT current_user, current_setting('server_version')"))
    return Check("credentials", "passed", f"{user} · PostgreSQL {version}", "LOGIN")


def sees_databases(link: pg.Link) -> Check:
    rows = link.execute(pg.LIST).fetchall()
    blind = [row[0] for row in rows if row[5] is None]
    if blind:
        return Check("see_databases", "warned", f"No size of {', '.join(blind[:5])}", "pg_monitor", "permission")
    return Check("see_databases", "passed", str(len(rows)), "pg_monitor")


def has_right(link: pg.Link, name: str, column: LiteralString, needs: str) -> Check:
    """Whether the administrator's role may do it; a superuser may do all."""
    query = sql.SQL("SELECT rolsuper OR {} FROM pg_roles WHERE rolname = current_user").format(sql.Identifier(column))
    (held,) = pg.only(link.execute(query))
    if held:
        return Check(name, "passed", "", needs)
    return Check(name, "failed", f"The role lacks {needs}.", needs, "permission")


def is_walled_off(link: pg.Link) -> Check:
    """Databases that every role may enter: ours are closed, the server's own often are not."""
    names = [name for (name,) in link.execute(OPEN_TO_ALL)]
    if not names:
        return Check("isolation", "passed")
    return Check("isolation", "warned", f"REVOKE CONNECT ON DATABASE {', '.join(names[:10])} FROM PUBLIC;")
