"""Stakeholder updates as every reader sees them: what was said, what to say, when it is due."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from incidents.updates import Audience, Due, cadence, draft, due, status_of
from vigie.config import Config
from vigie.notify.updates import public_name
from vigie.store import incidents
from vigie.store import updates as store
from vigie.store.db import Database
from vigie.store.updates import Row
from vigie.views.shape import Object, listing, when

PUBLIC: Final = ("incident", "status", "text")


def of_incident(db: Database, config: Config, number: int, now: float) -> Object | None:
    """Every update of an incident, newest first, and when the next is due: `due_at`, None when no
    rule and no promise asks for one; `late_seconds` once that has passed. None: no such incident.
    """

    def read(c: Connection) -> Object | None:
        row = incidents.get(c, number)
        if row is None:
            return None
        rows = store.of_incident(c, number)
        found = _due(c, config, row, rows, now)
        at = found.coming if found.passed is None else found.passed
        late_s = 0.0 if found.passed is None else now - found.passed
        items = [shown(one) for one in reversed(rows)]
        return {**listing(items), "due_at": when(at), "late_seconds": late_s}

    return db.read(read)


def drafted(
    db: Database, config: Config, number: int, audience: Audience, now: float
) -> Object | None:
    """What an update for an audience could say now. `next_in_seconds` is when the next would be
    due, and what the text promises. None: no such incident.
    """
    row = db.read(lambda c: incidents.get(c, number))
    return None if row is None else _drafted(config, row, audience, now)


def page(db: Database, config: Config, number: int, now: float) -> Object:
    """What the page of an incident shows: the last update of each audience, when the next is due,
    and a draft for each audience that may be told.
    """
    found = of_incident(db, config, number, now) or listing([])
    row = db.read(lambda c: incidents.get(c, number))
    if row is None:
        return {"last": {}, "due_at": None, "late_seconds": 0.0, "drafts": []}
    last: dict[str, Object] = {}
    for one in found["items"]:
        last.setdefault(one["audience"], one)
    told = list(Audience)[:1] if row["restricted"] else list(Audience)
    merged = row["merged_into"] is not None
    return {
        "last": {audience.value: last[audience] for audience in Audience if audience in last},
        "due_at": found["due_at"],
        "late_seconds": found["late_seconds"],
        "drafts": [] if merged else [_drafted(config, row, one, now) for one in told],
    }


def customer(c: Connection, numbers: Iterable[int]) -> list[Object]:
    """What customers were told about these incidents, oldest first: `id, incident, status, text,
    next_at, sent_at`, times in Unix seconds, the text in Markdown. Nothing of an incident that is
    restricted, whenever it was written.
    """
    names = ("id", *PUBLIC, "next_at", "sent_at")
    return [{name: row[name] for name in names} for row in store.public(c, numbers)]


def shown(row: Row) -> Object:
    """One update."""
    return {
        "id": row["id"],
        "incident": row["incident"],
        "audience": row["audience"],
        "status": row["status"],
        "text": row["text"],
        "next_at": when(row["next_at"]),
        "sent_at": when(row["sent_at"]),
        "sent_by": row["sent_by"],
    }


def _drafted(config: Config, row: Mapping[str, Any], audience: Audience, now: float) -> Object:
    rules = config.types.of(row["type"])
    status = status_of(row)
    over = row["open_key"] is None
    next_in_s = None if over else cadence(rules, row["severity"])
    next_at = None if next_in_s is None else now + next_in_s
    return {
        "incident": row["number"],
        "audience": audience.value,
        "status": status.value,
        "text": draft(row, audience, rules, public_name(config, row), next_at, now),
        "next_in_seconds": next_in_s,
    }


def _due(c: Connection, config: Config, row: Mapping[str, Any], rows: list[Row], now: float) -> Due:
    began_at, _ = store.since(c, row)
    rules = config.types.of(row["type"])
    return due(row, rules, store.told(rows), began_at=began_at, now=now)
