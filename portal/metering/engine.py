"""DuckDB in memory, one connection for one piece of work; its SQL lies in sql/ and sees only what is handed in."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

Connection = duckdb.DuckDBPyConnection
FOLDER = Path(__file__).parent / "sql"


@contextmanager
def connect(*, threads: int | None = None) -> Iterator[Connection]:
    """A fresh in-memory database: UTC, no extension from outside, the money expression known as `money(q, p)`."""
    connection = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        if threads:
            connection.execute(f"SET threads = {int(threads)}")
        connection.execute(statement("macros"))
        yield connection
    finally:
        connection.close()


@cache
def statement(name: str) -> str:
    """The text of sql/<name>.sql."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def offer(connection: Connection, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
    """Hand in rows as a table of the given DuckDB column types. Values are text, whole numbers or None, cast by the engine.

    Decimals and instants come as text, so no driver in between can turn them into floats.
    """
    parts = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [pa.array(part, _carrier(kind)) for part, kind in zip(parts, columns.values(), strict=True)]
    connection.register(f"{name}_in", pa.table(arrays, names=list(columns)))
    casts = ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in columns.items())
    connection.execute(f"CREATE TEMP TABLE {name} AS SELECT {casts} FROM {name}_in")  # noqa: S608 - names are ours
    connection.unregister(f"{name}_in")


def rows_of(connection: Connection, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of a small answer."""
    return connection.execute(query, parameters).fetchall() if parameters else connection.execute(query).fetchall()


def _carrier(kind: str) -> Any:
    if kind in {"BIGINT", "INTEGER", "SMALLINT"}:
        return pa.int64()
    return pa.bool_() if kind == "BOOLEAN" else pa.string()
