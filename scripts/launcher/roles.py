"""The two database roles and what they may do: the owner makes databases and tables, the app reads and writes rows."""

import psycopg
from psycopg import sql

OWNER = "concord_owner"
APP = "concord_app"


def answers(url: str) -> bool:
    """Whether a server takes connections there."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def ensure_roles(admin_url: str, *, owner_password: str, app_password: str) -> None:
    """Make both roles, or bring their rights and passwords back to what they should be."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for name, password, rights in ((OWNER, owner_password, "CREATEDB"), (APP, app_password, "NOCREATEDB")):
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
            hashed = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
            statement = sql.SQL("{verb} ROLE {name} LOGIN NOSUPERUSER NOCREATEROLE {rights} PASSWORD {password}")
            connection.execute(
                statement.format(
                    verb=sql.SQL("ALTER" if known else "CREATE"),
                    name=sql.Identifier(name),
                    rights=sql.SQL(rights),
                    password=sql.Literal(hashed),
                )
            )


def ensure_database(admin_url: str, name: str, template: str | None) -> bool:
    """Make a database of the owner's that only the two roles may enter; True if it was made now."""
    names = {"name": sql.Identifier(name), "owner": sql.Identifier(OWNER), "app": sql.Identifier(APP)}
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return False
        create = "CREATE DATABASE {name} OWNER {owner} TEMPLATE {template}"
        connection.execute(sql.SQL(create).format(**names, template=sql.Identifier(template or "template0")))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**names))
        connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {app}").format(**names))
    return True


def set_default_rights(database_url: str) -> None:
    """Let the app use what the owner will create in this database; copies made from it as template inherit this."""
    names = {"owner": sql.Identifier(OWNER), "app": sql.Identifier(APP)}
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in (
            "GRANT USAGE ON SCHEMA public TO {app}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE, SELECT ON SEQUENCES TO {app}",
        ):
            connection.execute(sql.SQL(statement).format(**names))


def drop_database(admin_url: str, name: str) -> None:
    """Drop a database with everyone connected to it; no error when it is gone."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(name=sql.Identifier(name)))
