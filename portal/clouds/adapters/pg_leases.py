"""Roles that a PostgreSQL server lends: one login role per lease, on one database, until a moment.

A role gets rights on what is there and may make nothing, so nothing of it is left when it is dropped. It is never made a
member of the database's own role: as that one it could set that one's password, and outlive its lease.
"""

from datetime import UTC
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from portal.clouds.adapters import pg
from portal.clouds.base import KEY_TAG, Account, CloudError, Secret
from portal.clouds.base import marked as _
from portal.clouds.leases import LeaseAsk, LeaseGiven, LeaseTarget
from portal.clouds.names import name_of_key

OPTIONS: dict[str, Any] = {
    "title": _("Access to the database"),
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "access": {
            "type": "string",
            "title": _("Access"),
            "description": _("Reading alone, or changing rows too. Neither may change tables."),
            "enum": ["read", "write"],
            "default": "read",
        },
        "connections": {
            "type": "integer",
            "title": _("Connections"),
            "description": _("How many may be open at once."),
            "default": 3,
            "minimum": 1,
            "maximum": 50,
        },
    },
}
READ: LiteralString = "SELECT"
WRITE: LiteralString = "SELECT, INSERT, UPDATE, DELETE"
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1"
LENT_MARK = "lent"
"""In the comment of a role: the database that it was lent for, so that no other role is ever ended."""
END_CONNECTIONS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s"


def targets(link: pg.Link, account: Account) -> tuple[LeaseTarget, ...]:
    """The databases that can be entered, but the administrator's own."""
    databases = (pg.seen(row, account) for row in link.execute(pg.LIST + " ORDER BY 1").fetchall())
    return tuple(LeaseTarget(one.id, one.name) for one in databases if one.state == "running")


def lend(link: pg.Link, ask: LeaseAsk, account: Account) -> LeaseGiven:
    """The role of this lease, with a new password, valid until the moment asked for."""
    (at,) = pg.only(link.execute("SELECT clock_timestamp()"))  # the server's clock is the one that ends it
    if ask.until <= at:
        raise CloudError("The lease would have ended before it began.", retry=False, kind="refused")
    database = pg.one(link, ask.target, account)
    if database is None or database.state != "running":
        raise CloudError(f"There is no database {ask.target[:80]} to enter.", retry=False, kind="not_found")
    name, password = name_of(ask.key), pg.new_password()
    role, limit = sql.Identifier(name), int(ask.options.get("connections", 3))
    if noted(link, name, ask.key) is None:
        link.execute(sql.SQL("CREATE ROLE {} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION").format(role))
        pg.note(link, "ROLE", name, {KEY_TAG: ask.key, LENT_MARK: ask.target})
    pg.set_password(link, name, password)
    until = sql.Literal(ask.until.astimezone(UTC).isoformat())
    try:
        grant_on_database(link, name, ask.target, account, writes=ask.options.get("access") == "write")
    except (psycopg.Error, CloudError):
        end(link, name, account)
        raise
    opened = sql.SQL("ALTER ROLE {} LOGIN CONNECTION LIMIT {} VALID UNTIL {}")
    link.execute(opened.format(role, sql.Literal(limit), until))  # last: what is half made opens nothing
    return given(name, password, ask, account)


def name_of(key: str) -> str:
    """What the role of a lease is called."""
    return name_of_key("lease", key, joiner="_")


def end(link: pg.Link, id: str, account: Account) -> None:
    """Shut the role of this name, or of this key, end its connections, drop what it holds and the role itself; gone already is
    no error.
    """
    name, found = id, noted(link, id)
    if found is None:
        name, found = name_of(id), noted(link, name_of(id), id)
    if found is None:
        return
    role = sql.Identifier(name)
    link.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(role))
    link.execute(END_CONNECTIONS, (name,))  # VALID UNTIL stops nobody who is in
    database = pg.one(link, str(found[LENT_MARK]), account)
    if database is not None and database.state != "running":
        reason = f"{name} is shut out, and is dropped when the database {database.id} can be entered again."
        raise CloudError(reason, retry=True, kind="refused")
    if database is not None:
        with pg.connected(account, database.id) as inside:
            # Dropped and not reassigned: a function that runs as its owner would come to a mightier one
            join(inside, name)
            inside.execute(sql.SQL("DROP OWNED BY {}").format(role))
    link.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))


def noted(link: pg.Link, name: str, key: str = "") -> dict[str, Any] | None:
    """What we wrote on this role; None where there is none. One that was not lent, or for another key, is left alone."""
    query = "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s"
    row = link.execute(query, (name,)).fetchone()
    if row is None:
        return None
    found = pg.noted_in(row[0])
    if not found.get(LENT_MARK) or (key and found[KEY_TAG] != key):
        raise CloudError(f"{name[:80]} is no role of this lease, and is left alone.", retry=False, kind="refused")
    return found


def grant_on_database(link: pg.Link, name: str, database: str, account: Account, *, writes: bool) -> None:
    """Rights on every table that is there now, to read or to change rows; what it had before is taken first."""
    role, base = sql.Identifier(name), sql.Identifier(database)
    link.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(base, role))
    query = "SELECT has_database_privilege(%s, %s, 'CONNECT')"
    if not pg.only(link.execute(query, (name, database)))[0]:  # a grant that gives nothing is only a warning
        raise CloudError(f"The administrator may let nobody into {database}.", retry=False, kind="permission")
    with pg.connected(account, database) as inside:
        join(inside, database)
        for (schema,) in inside.execute(SCHEMAS).fetchall():
            where = sql.Identifier(schema)
            inside.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(where, role))
            inside.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}").format(where, role))
            rows = sql.SQL(WRITE if writes else READ)
            inside.execute(sql.SQL("GRANT {} ON ALL TABLES IN SCHEMA {} TO {}").format(rows, where, role))
            numbers = sql.SQL("USAGE, SELECT" if writes else "SELECT")
            inside.execute(sql.SQL("REVOKE ALL ON ALL SEQUENCES IN SCHEMA {} FROM {}").format(where, role))
            inside.execute(sql.SQL("GRANT {} ON ALL SEQUENCES IN SCHEMA {} TO {}").format(numbers, where, role))


def join(link: pg.Link, name: str) -> None:
    """Let an administrator who is no superuser act for a role that it made: the one of a database, or of a lease."""
    there = link.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
    if there is None or pg.is_superuser(link):
        return
    held: psycopg.Cursor[tuple[Any, ...]] = link.execute("SELECT pg_has_role(%s, 'USAGE')", (name,))
    if not pg.only(held)[0]:
        link.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)))


def given(name: str, password: str, ask: LeaseAsk, account: Account) -> LeaseGiven:
    """What libpq reads, as variables and as a section of its service file."""
    words = {
        "host": pg.public_host(account),
        "port": str(account.config.get("port", 5432)),
        "dbname": ask.target,
        "user": name,
        "password": password,
        "sslmode": str(account.config.get("sslmode", "prefer")),
    }
    named = {"PGDATABASE" if word == "dbname" else f"PG{word.upper()}": Secret(text) for word, text in words.items()}
    section = "\n".join([f"[{name}]", *(f"{word}={text}" for word, text in words.items()), ""])
    return LeaseGiven(name, ask.until, named, Secret(section), "~/.pg_service.conf", f"psql service={name}")
