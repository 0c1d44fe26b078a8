"""SQLite databases: a table or the result of a SELECT, opened read-only."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.errors import DataError, not_found
from deepwright.core.source import Source
from deepwright.core.table import Origin, Table
from deepwright.sources._content import fingerprint
from deepwright.sources._tidy import tidy, unique_names
from deepwright.sources._typed import one_boundary

_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_ROWS = 65_536


class Sqlite(Source):
    """`reading` holds `query`: a table's name or a SELECT; not needed where there is one table only.

    Nothing is written: the file is opened read-only, and every statement but SELECT is refused. Columns of one sort
    of value keep it; integers and reals together are reals; anything mixed with text becomes text; bytes are left out.
    """

    name: ClassVar[str] = "sqlite"
    suffixes: ClassVar[tuple[str, ...]] = (".sqlite", ".sqlite3", ".db", ".db3")

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        with one_boundary(path, "SQLite"):
            query, frames = _frames(path, reading, _ROWS)
            schema, notes = _schema(frames)
            if schema is None:
                raise DataError(f"'{query}' gives no rows.", where=path, remedy="Name another table or SELECT.")
            frames = _frames(path, reading, _ROWS)[1]
            frame, tidied = tidy(pl.concat([_typed(names, rows, schema) for names, rows in frames]))
        return Table(
            frame=frame,
            origin=Origin(
                source=f"{path} ({query})",
                format=self.name,
                reading={"query": query},
                fingerprint=fingerprint(Path(path)),
                notes=(*notes, *tidied),
            ),
        )

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        with one_boundary(path, "SQLite"):
            schema, _ = _schema(_frames(path, reading, _ROWS)[1])
            if schema is not None:
                for names, piece in _frames(path, reading, rows)[1]:
                    yield tidy(_typed(names, piece, schema))[0]


Rows = list[tuple[Any, ...]]


def _frames(path: str, reading: Mapping[str, Any], rows: int) -> tuple[str, Iterator[tuple[list[str], Rows]]]:
    with _connected(path) as connection:
        query = _query(connection, reading.get("query"), path)
    return query, _fetch(path, query, rows)


def _fetch(path: str, query: str, rows: int) -> Iterator[tuple[list[str], Rows]]:
    """Column names and up to `rows` rows at a time; raises DataError for anything but one SELECT."""
    quoted = query.replace('"', '""')
    statement = query if _is_select(query) else f'SELECT * FROM "{quoted}"'
    with _connected(path) as connection:
        connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY)
        try:
            cursor = connection.execute(statement)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise DataError(
                f"the query cannot be answered ({error}).",
                where=f"{path}, {query[:200]}",
                remedy="Give a table's name or one SELECT; nothing else is run.",
            ) from error
        names = unique_names([column[0] for column in cursor.description])[0]
        while piece := cursor.fetchmany(rows):
            yield names, piece


@contextmanager
def _connected(path: str) -> Iterator[sqlite3.Connection]:
    """Read-only; without a journal beside it the file is taken as unchanging, so that SQLite makes no files either."""
    journal = Path(f"{path}-wal").exists()
    uri = f"{Path(path).resolve().as_uri()}?mode=ro{'' if journal else '&immutable=1'}"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        yield connection


def _is_select(query: str) -> bool:
    return re.match(r"\s*(?:--[^\n]*\n\s*)*(?:select|with|values)\b", query, re.IGNORECASE) is not None


def _query(connection: sqlite3.Connection, said: str | None, path: str) -> str:
    """The SELECT or the name of a table that is there."""
    sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"
    tables = [name for (name,) in connection.execute(sql)]
    if said is not None and _is_select(said):
        return said
    if said is not None:
        if said not in tables:
            raise not_found("table", said, tables, where=path)
        return said
    if len(tables) != 1:
        raise DataError(
            f"expected one table, the database has {len(tables)}.",
            where=path,
            remedy=f"Say which one (query): {', '.join(tables[:20])}." if tables else "Give a database with a table.",
        )
    return tables[0]


def _schema(frames: Iterator[tuple[list[str], Rows]]) -> tuple[dict[str, pl.DataType] | None, list[str]]:
    """Column → type that takes all its values; None where there is no row."""
    sorts: dict[str, set[type]] = {}
    for names, rows in frames:
        for i, name in enumerate(names):
            sorts.setdefault(name, set()).update({type(row[i]) for row in rows})
    notes: list[str] = []
    return ({name: _dtype(name, found - {type(None)}, notes) for name, found in sorts.items()} or None), notes


def _dtype(name: str, sorts: set[type], notes: list[str]) -> pl.DataType:
    if sorts == {int}:
        return pl.Int64()
    if sorts and sorts <= {int, float}:
        return pl.Float64()
    if bytes in sorts:
        return pl.Binary()
    if len(sorts) > 1:
        notes.append(f"Column '{name}' holds numbers and texts: read as text.")
    return pl.String()


def _typed(names: list[str], rows: Rows, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    columns = []
    for i, name in enumerate(names):
        values = [row[i] for row in rows]
        if schema[name] == pl.String:
            values = [value if value is None or isinstance(value, str) else str(value) for value in values]
        elif schema[name] == pl.Binary:
            values = [value if isinstance(value, bytes) else None for value in values]
        columns.append(pl.Series(name, values, dtype=schema[name], strict=False))
    return pl.DataFrame(columns)
