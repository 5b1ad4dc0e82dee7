"""What is done on a PostgreSQL server, statement by statement: plain functions over one administrator's connection.

The database belongs to the administrator, not to its role: an owner could change its comment (which carries our key),
its connection limit, or drop it. The role gets everything inside. Passwords travel as SCRAM verifiers: no log has one.
"""

import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from portal.clouds.adapters.wire import cut
from portal.clouds.base import KEY_TAG, Account, CloudError, DatabaseSeen, DatabaseSpec, State
from portal.clouds.calls import on_abort, seconds_left
from portal.core import outbound

Link = psycopg.Connection[tuple[Any, ...]]
LIST: LiteralString = """
    SELECT d.datname, d.oid::text, d.datallowconn, d.datconnlimit, shobj_description(d.oid, 'pg_database'),
           CASE WHEN has_database_privilege(d.oid, 'CONNECT') AND d.datconnlimit <> -2 THEN pg_database_size(d.oid) END,
           (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.backend_type = 'client backend')
    FROM pg_database d
    WHERE NOT d.datistemplate AND d.datname <> current_database()
"""
ONE: LiteralString = LIST + " AND d.datname = %s"
BY_KEY: LiteralString = LIST + " AND shobj_description(d.oid, 'pg_database') LIKE %s"
INVALID = -2
"""The connection limit of a database whose creation or removal was cut off."""
TEMPORARY_FILES = "1GB"


@contextmanager
def connected(account: Account, database: str = "") -> Iterator[Link]:
    """The administrator's connection, to an address that the policy allows, outside of any transaction."""
    config, keys = account.config, account.credentials
    link = psycopg.connect(
        host=config["host"],
        hostaddr=outbound.check_host(config["host"], allow=account.allow)[0],
        port=config.get("port", 5432),
        user=keys["user"],
        password=keys["password"],
        dbname=database or config.get("database") or "postgres",
        sslmode=config.get("sslmode", "prefer"),
        connect_timeout=max(2, int(seconds_left(10))),
        application_name="concord",
        options=f"-c statement_timeout={int(seconds_left(60) * 1000)} -c lock_timeout=20000",
        autocommit=True,
    )
    handle = socket.socket(fileno=os.dup(link.fileno()))
    on_abort(lambda: cut(handle))
    try:
        yield link
    finally:
        with suppress(psycopg.Error):
            link.close()
        handle.close()


def only(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The one row of an answer."""
    row = cursor.fetchone()
    if row is None:
        raise CloudError("The server answered without a row.", retry=True, kind="garbage")
    return row


def seen(row: tuple[Any, ...], account: Account) -> DatabaseSeen:
    """A row of LIST in our words."""
    name, oid, allows, limit, comment, size, connections = row
    noted = noted_in(comment)
    ours = bool(noted.get(KEY_TAG))
    state: State = "running"
    if limit == INVALID:
        state = "failed"
    elif ours and not noted.get("ready"):
        state = "creating"
    elif not allows:
        state = "stopped"
    made = noted.get("made")
    return DatabaseSeen(
        id=name,
        generation=oid,
        key=str(noted.get(KEY_TAG, "")),
        name=name,
        state=state,
        region=account.region,
        storage_gib=noted.get("storage_gib"),
        size_bytes=size,
        connections=connections,
        connection_limit=limit if limit >= 0 else None,
        addresses=(f"{public_host(account)}:{account.config.get('port', 5432)}",),
        created_at=datetime.fromisoformat(made).astimezone(UTC) if made else None,
    )


def noted_in(comment: str | None) -> dict[str, Any]:
    """What we wrote into the comment; a comment of somebody else's is empty to us."""
    try:
        noted = json.loads(comment or "{}")
    except ValueError:
        return {}
    return noted if isinstance(noted, dict) and isinstance(noted.get(KEY_TAG), str) else {}


def one(link: Link, name: str, account: Account) -> DatabaseSeen | None:
    """The database with this name."""
    row = link.execute(ONE, (name,)).fetchone()
    return None if row is None else seen(row, account)


def of_key(link: Link, key: str, account: Account) -> DatabaseSeen | None:
    """The database that carries this key."""
    pattern = "%" + key.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    found = (seen(row, account) for row in link.execute(BY_KEY, (pattern,)))
    return next((database for database in found if database.key == key), None)


def known(link: Link, name: str, account: Account) -> DatabaseSeen:
    """The database with this name, if Concord made it; nothing else is touched."""
    database = one(link, name, account)
    if database is None:
        raise CloudError(f"There is no database {name}.", retry=False, kind="not_found")
    if not database.key:
        raise CloudError(f"Concord did not make {name}, and leaves it alone.", retry=False, kind="refused")
    return database


def ensure_base(link: Link, name: str, spec: DatabaseSpec, key: str, account: Account) -> None:
    """The database, closed to all until it is ready; one that a cut-off try left broken is made anew."""
    database = one(link, name, account)
    if database is not None and database.key not in ("", key):
        raise CloudError(f"{name} belongs to another step.", retry=False, kind="refused")
    if database is not None and database.state == "failed":
        link.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        database = None
    if database is None:
        statement = "CREATE DATABASE {} CONNECTION LIMIT {} TEMPLATE template0 ALLOW_CONNECTIONS false"
        link.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Literal(spec.connections)))
    if database is None or not database.key:
        (made,) = only(link.execute("SELECT clock_timestamp()"))
        note(link, "DATABASE", name, {KEY_TAG: key, "storage_gib": spec.storage_gib, "made": made.isoformat()})
        link.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))


def ensure_role(link: Link, name: str, spec: DatabaseSpec, key: str, password: str) -> None:
    """The role, with this password from now on, held to its limits."""
    role = sql.Identifier(name)
    if link.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
        link.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION").format(role))
    note(link, "ROLE", name, {KEY_TAG: key})
    set_password(link, name, password)
    link.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(role, sql.Literal(spec.connections)))
    limits = {
        "statement_timeout": f"{spec.statement_timeout_s}s",
        "idle_in_transaction_session_timeout": "60s",
        **({"temp_file_limit": TEMPORARY_FILES} if is_superuser(link) else {}),
    }
    for limit, value in limits.items():
        link.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(limit), sql.Literal(value)))
    grant = sql.SQL("GRANT CONNECT, TEMPORARY, CREATE ON DATABASE {} TO {}")
    link.execute(grant.format(role, role))


def set_password(link: Link, name: str, password: str) -> None:
    """Give the role a password; the server sees only its verifier."""
    verifier = link.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    link.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(verifier)))


def make_ready(link: Link, database: DatabaseSeen, account: Account) -> None:
    """Open the new database to its role, inside too, and note that it is ready."""
    name = sql.Identifier(database.id)
    link.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(name))
    with connected(account, database.id) as inside:
        inside.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(name))
    (comment,) = only(link.execute("SELECT shobj_description(%s::oid, 'pg_database')", (database.generation,)))
    note(link, "DATABASE", database.id, {**noted_in(comment), "ready": True})


def note(link: Link, what: LiteralString, name: str, noted: Mapping[str, Any]) -> None:
    """Write our note into the comment. Every role of the server can read it: keys and figures only, no names."""
    text = sql.Literal(json.dumps(noted))
    link.execute(sql.SQL("COMMENT ON " + what + " {} IS {}").format(sql.Identifier(name), text))


def remove(link: Link, name: str, account: Account) -> None:
    """Drop the database and its role, as far as they are there and ours."""
    if one(link, name, account) is not None:
        known(link, name, account)
        link.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    row = link.execute("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
    if row is not None and noted_in(row[0]):
        link.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def end_connections(link: Link, name: str) -> None:
    link.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


def is_superuser(link: Link) -> bool:
    (found,) = only(link.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
    return bool(found)


def new_password() -> str:
    return secrets.token_urlsafe(24)


def public_host(account: Account) -> str:
    """Where clients find the server."""
    return str(account.config.get("public_host") or account.config["host"])
