"""Databases for tests: clones of the migrated template, 0.04 s each."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connections
from psycopg import sql

from tests.servers import TEMPLATE

_numbers = count(1)


def new_name(purpose: str) -> str:
    """A name no other worker uses."""
    return f"test_{purpose}_{os.getpid()}_{next(_numbers)}"


def clone(name: str) -> None:
    """Make a database from the template."""
    with psycopg.connect(os.environ["TEST_ADMIN_URL"], autocommit=True) as admin:
        statement = "CREATE DATABASE {} TEMPLATE {} OWNER concord_owner"
        admin.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(TEMPLATE)))


def drop(name: str) -> None:
    """Remove a database, whoever is still connected."""
    with psycopg.connect(os.environ["TEST_ADMIN_URL"], autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def url_of(name: str, role: str = "app") -> str:
    """The URL of a database for one of the two roles."""
    parts = urlsplit(os.environ["DATABASE_OWNER_URL" if role == "owner" else "DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{name}"))


@contextmanager
def using(name: str) -> Iterator[None]:
    """Point both aliases of this process at a database; threads started inside see it too."""
    before: dict[str, Any] = {alias: connections[alias].settings_dict["NAME"] for alias in ("default", "owner")}
    _point(dict.fromkeys(before, name))
    try:
        yield
    finally:
        _point(before)


def _point(names: dict[str, Any]) -> None:
    for alias, name in names.items():
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
        connections.settings[alias]["NAME"] = name
