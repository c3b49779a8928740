"""What pages showed and no file says, kept so that a restart knows it: facts by kind and key."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, select

from vigie.store.sql import from_json, put, to_json
from vigie.store.tables import found


def write(c: Connection, kind: str, facts: Mapping[str, object]) -> None:
    """Make these the facts of a kind; others of it are forgotten."""
    gone = delete(found).where(found.c.kind == kind)
    c.execute(gone.where(found.c.key.not_in(list(facts))) if facts else gone)
    rows = [{"kind": kind, "key": key, "data": to_json(fact)} for key, fact in facts.items()]
    put(c, found, rows, by=("kind", "key"))


def read(c: Connection, kind: str) -> dict[str, Any]:
    """The facts of a kind, by key."""
    rows = c.execute(select(found.c.key, found.c.data).where(found.c.kind == kind))
    return {row.key: from_json(row.data) for row in rows}
