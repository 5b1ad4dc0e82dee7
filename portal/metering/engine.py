"""DuckDB in memory, one session for one piece of work; its SQL lies in sql/ and sees only what is handed in."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

Connection = duckdb.DuckDBPyConnection
ARROW = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
}
FOLDER = Path(__file__).parent / "sql"


ONE_DAY = 1
"""The threads that a day's work is given: one day's rows are too few to share, and on two threads cost a third more CPU."""


@contextmanager
def connect(*, threads: int | None = None) -> Iterator[Connection]:
    """A session of its own: UTC, nothing fetched from outside, the money expression known as `money(q, p)`.

    Tables and views made in it are temporary, and gone at its end. It works on all cores, or on that many threads.
    """
    session = _database(os.getpid(), threads).cursor()
    try:
        yield session
    finally:
        session.close()


@cache
def _database(process: int, threads: int | None) -> Connection:
    """The in-memory database of a process for that many threads; a child that was forked opens its own."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    database = duckdb.connect(":memory:", config=config)
    database.execute("SET GLOBAL TimeZone = 'UTC'")
    if threads:
        database.execute(f"SET GLOBAL threads = {int(threads)}")
    database.execute(statement("macros"))
    return database


@cache
def statement(name: str) -> str:
    """The text of sql/<name>.sql."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def offer(connection: Connection, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
    """Hand in rows as a table of the given column types: decimals as Decimal, instants as aware datetimes, both kept exact."""
    parts = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [pa.array(part, _arrow(kind)) for part, kind in zip(parts, columns.values(), strict=True)]
    connection.register(name, pa.table(arrays, names=list(columns)))


def rows_of(connection: Connection, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of a small answer."""
    return connection.execute(query, parameters).fetchall() if parameters else connection.execute(query).fetchall()


@cache
def _arrow(kind: str) -> Any:
    if decimal := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return ARROW[kind]
