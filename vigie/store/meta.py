"""Single facts about the database itself, by key."""

from sqlalchemy import Connection, select

from vigie.store.sql import put
from vigie.store.tables import meta


def get(c: Connection, key: str) -> str | None:
    """The value of a key; None if it was never set."""
    return c.execute(select(meta.c.value).where(meta.c.key == key)).scalar()


def set_(c: Connection, key: str, value: str) -> None:
    """Set a key."""
    put(c, meta, [{"key": key, "value": value}], by=("key",))
