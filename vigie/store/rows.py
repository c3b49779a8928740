"""Rows as the driver gives them, for what is read most.

SQLAlchemy makes an object of every row and looks at every column's type. None of the types here
needs that when it is read, and on SQLite it takes longer than the database does.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, CursorResult, Executable, Select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from vigie.store.sql import from_json

CHUNK: Final = 2_000  # rows: a few thousand stay in the processor's cache until they are columns


class Reading:
    """A SELECT with `bindparam`s that is written once; `json` are the columns that hold JSON."""

    def __init__(self, statement: Select[Any], *json: str) -> None:
        compiled = statement.compile(dialect=sqlite.dialect())
        self._statement = statement
        self._sql = str(compiled)
        self._fixed = dict(compiled.params)
        self._order = tuple(compiled.positiontup or ())
        self._names = tuple(str(column.key) for column in statement.selected_columns)
        self._json = json

    def rows(self, c: Connection, **values: Any) -> list[dict[str, Any]]:
        """The rows for these values of its parameters."""
        found = self._of_sqlite(c, values) if c.dialect.name == "sqlite" else self._of(c, values)
        rows = [dict(zip(self._names, row, strict=True)) for row in found]
        for name in self._json:
            for row in rows:
                row[name] = from_json(row[name])
        return rows

    def _of(self, c: Connection, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        return list(tuples(c.execute(self._statement, values)))

    def _of_sqlite(self, c: Connection, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Past SQLAlchemy: 2 us for a question without an answer in place of 30."""
        given = self._fixed | values
        ordered = [given[name] for name in self._order]
        driver: Any = c.connection.driver_connection
        try:
            found: list[tuple[Any, ...]] = driver.execute(self._sql, ordered).fetchall()
        except sqlite3.Error as error:  # as SQLAlchemy tells it, for vigie.store.failures
            raise DBAPIError.instance(self._sql, ordered, error, sqlite3.Error) from error
        return found


def mappings(c: Connection, statement: Executable, *json: str) -> list[dict[str, Any]]:
    """The rows of a SELECT as dicts, its columns of JSON read."""
    result = c.execute(statement)
    assert isinstance(result, CursorResult), "it is a SELECT"
    names = tuple(result.keys())
    rows = [dict(zip(names, row, strict=True)) for row in tuples(result)]
    for name in json:
        for row in rows:
            row[name] = from_json(row[name])
    return rows


def tuples(result: CursorResult[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a result, in the order of its columns."""
    for some in chunks(result):
        yield from some


def chunks(result: CursorResult[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """The same, CHUNK at a time."""
    cursor: Any = result.cursor
    while rows := cursor.fetchmany(CHUNK):
        yield rows
    result.close()
