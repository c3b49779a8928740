"""Problems as every reader sees them."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from incidents.problems import UNSOLVED
from vigie.store import problems as store
from vigie.store.db import Database
from vigie.store.visibility import Viewer
from vigie.views.shape import Object, listing, when

_TIMES: Final = ("created_at", "changed_at", "fixed_at", "closed_at")
_AS_STORED: Final = (
    "number", "title", "description", "state", "service", "cause", "owner", "workaround",
    "root_cause", "fix", "fix_url", "fix_change", "created_by", "fixed_by", "closed_by",
    "closed_for", "reopened", "version",
)  # fmt: skip

Row = Mapping[str, Any]


def problems(
    db: Database,
    state: str | None = None,
    service: str | None = None,
    cursor: int | None = None,
    limit: int = 50,
    *,
    viewer: Viewer,
) -> Object:
    """One page, the newest first. `state` is one of the states, or `unsolved`: open and known
    errors. `incidents` is how many the viewer sees.
    """
    states = tuple(sorted(UNSOLVED)) if state == "unsolved" else (state,) if state else ()

    def read(c: Connection) -> Object:
        rows = store.page(c, states=states, service=service, before=cursor, limit=limit + 1)
        shown = rows[:limit]
        counts = store.counts(c, [row["number"] for row in shown], viewer)
        items = [record(row) | {"incidents": counts.get(row["number"], 0)} for row in shown]
        return listing(items, str(shown[-1]["number"]) if len(rows) > limit else None)

    return db.read(read)


def problem(db: Database, number: int, *, viewer: Viewer) -> Object | None:
    """One problem with its `incidents`, as far as the viewer sees them, and its `history`; None if
    there is none.
    """

    def read(c: Connection) -> Object | None:
        row = store.get(c, number)
        if row is None:
            return None
        linked = [_incident(one) for one in store.linked(c, number, viewer)]
        events = [_event(one) for one in store.events(c, number)]
        return record(row) | {"incidents": linked, "history": events}

    return db.read(read)


def record(row: Row) -> Object:
    """What is kept of a problem."""
    facts = {name: row[name] for name in _AS_STORED}
    times = {name: when(row[name]) for name in _TIMES}
    return {**facts, **times, "url": f"/problems/{row['number']}"}


def _incident(row: Row) -> Object:
    return {
        "number": row["number"],
        "url": f"/incidents/{row['number']}",
        "title": row["title"],
        "state": row["state"],
        "severity": f"SEV{row['severity']}",
        "service": row["service"],
        "opened_at": when(row["opened_at"]),
        "resolved_at": when(row["resolved_at"]),
        "link": row["link"],
    }


def _event(row: Row) -> Object:
    return {"at": when(row["at"]), **{name: row[name] for name in ("kind", "actor", "text")}}
