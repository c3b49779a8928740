"""Who has to do with an incident, as every reader sees it: parts with times, watchers, teams that
were called in, external parties.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from incidents.model import EventKind
from incidents.people import Part
from vigie.store import guests, people
from vigie.store.guests import Guest
from vigie.views.shape import Object, when

_ORDER = {part.value: place for place, part in enumerate(Part)}


def of_incident(c: Connection, number: int, timeline: Sequence[Mapping[str, Any]]) -> Object:
    """Everybody; `timeline` is what the store has of the incident."""
    rows = people.of_incident(c, number)
    held = [row for row in rows if row["until"] is None]
    parts = sorted(
        (row for row in held if row["role"] != Part.WATCHER),
        key=lambda row: (_ORDER.get(row["role"], len(_ORDER)), row["id"]),
    )
    return {
        "parts": [_held(row) for row in parts],
        "watchers": [row["name"] for row in held if row["role"] == Part.WATCHER],
        "teams": [_team(entry) for entry in timeline if entry["kind"] == EventKind.TEAM_CALLED],
        "guests": [guest(one) for one in guests.of_incident(c, number)],
        "history": [_held(row) for row in rows if row["role"] != Part.WATCHER],
    }


def guest(one: Guest) -> Object:
    """One external party, without what the link holds."""
    return {
        "id": one.id,
        "name": one.name,
        "role": one.role,
        "created_at": when(one.created_at),
        "created_by": one.created_by,
        "expires_at": when(one.expires_at),
        "opened": one.opened,
        "first_used_at": when(one.first_used_at),
        "last_used_at": when(one.last_used_at),
        "revoked_at": when(one.revoked_at),
        "revoked_by": one.revoked_by,
    }


def _held(row: Mapping[str, Any]) -> Object:
    return {
        "part": row["role"],
        "name": row["name"],
        "since": when(row["since"]),
        "until": when(row["until"]),
        "given_by": row["given_by"],
        "note": row["note"],
    }


def _team(entry: Mapping[str, Any]) -> Object:
    data = entry["data"]
    return {
        "team": data["team"],
        "note": data["note"],
        "at": when(entry["occurred_at"]),
        "by": entry["actor"],
    }
