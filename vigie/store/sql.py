"""What the two databases spell differently, and JSON in text columns."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, RowMapping, Table, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite


def insert(c: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT; both databases spell that the same."""
    return insert_for(c.dialect.name, table)


def insert_for(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """The same by the name of the dialect, for statements that are built once."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def put(c: Connection, table: Table, rows: list[dict[str, Any]], by: tuple[str, ...]) -> None:
    """Insert rows, or overwrite those that stand under the same key; all name the same columns."""
    if not rows:
        return
    statement = insert(c, table)
    others = {name: statement.excluded[name] for name in rows[0] if name not in by}
    c.execute(statement.on_conflict_do_update(index_elements=list(by), set_=others), rows)


def exists(c: Connection, table: Table) -> bool:
    """Whether the table holds any row."""
    return c.execute(select(literal_column("1")).select_from(table).limit(1)).first() is not None


def to_json(value: object) -> str:
    """JSON text; NaN and infinities become null. Unknown types are an error, enums are values."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()


def from_json(text: str) -> Any:
    return orjson.loads(text)


def decoded(row: RowMapping, *json_columns: str) -> dict[str, Any]:
    """A row as a plain dict with its JSON columns read."""
    record = dict(row)
    for name in json_columns:
        record[name] = from_json(record[name])
    return record


def plain(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    """A mapping of any kind as the dict that orjson takes, all the way down."""
    return {key: _plain_value(value) for key, value in mapping.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    return value
