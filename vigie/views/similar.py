"""What is known already of an incident like one: known errors first, then earlier incidents."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from incidents.similar import Match, in_words, most_alike
from vigie.store import incidents, problems, similar
from vigie.store.db import Database
from vigie.store.visibility import Viewer
from vigie.views.shape import Object, listing, when

_LOOKED_AT: Final = 20  # of which also the changes before them are compared
_ERRORS: Final = 3

Row = Mapping[str, Any]


def of_incident(db: Database, number: int, *, viewer: Viewer) -> Object | None:
    """The five earlier incidents that are most like one, as `items`, and the `known_errors` of its
    service or cause. None: there is no such incident.
    """

    def read(c: Connection) -> Object | None:
        row = incidents.get(c, number)
        if row is None:
            return None
        errors = problems.known_errors(c, row, _ERRORS)
        return {
            **listing(_alike(c, row, viewer)),
            "known_errors": [_error(one, row) for one in errors],
        }

    return db.read(read)


def _alike(c: Connection, row: Row, viewer: Viewer) -> list[Object]:
    rare = similar.words(c, row)
    rows = {one["number"]: one for one in similar.candidates(c, row, rare, viewer)}
    of = similar.facts(c, row, rare)
    first = most_alike(of, (similar.facts(c, one, rare) for one in rows.values()), _LOOKED_AT)
    of = similar.facts(c, row, rare, changed=True)
    near = (similar.facts(c, rows[match.number], rare, changed=True) for match in first)
    found = most_alike(of, near)
    ran = similar.runbooks(c, [match.number for match in found])
    return [_shown(match, rows[match.number], row, ran.get(match.number)) for match in found]


def _shown(match: Match, row: Row, of: Row, runbook: str | None) -> Object:
    before_s = of["opened_at"] - row["opened_at"]
    return {
        "number": row["number"],
        "url": f"/incidents/{row['number']}",
        "title": row["title"],
        "state": row["state"],
        "severity": f"SEV{row['severity']}",
        "service": row["service"],
        "opened_at": when(row["opened_at"]),
        "resolved_at": when(row["resolved_at"]),
        "cause": row["cause"],
        "resolution": row["resolution"],
        "runbook": runbook,
        "score": round(match.score, 1),
        "reasons": list(match.reasons),
        "words": in_words(match.reasons, before_s, _ended(row)),
    }


def _ended(row: Row) -> str:
    if row["resolved_at"] is None:
        return "not resolved yet"
    if row["resolution"]:
        return f"resolved: {' '.join(row['resolution'].split())[:120]}"
    return f"resolved by {row['resolved_by']}" if row["resolved_by"] else "resolved"


def _error(row: Row, of: Row) -> Object:
    same = [
        f"same {name}: {row[name]}"
        for name in ("cause", "service")
        if row[name] and row[name] == of[name]
    ]
    return {
        "number": row["number"],
        "url": f"/problems/{row['number']}",
        "title": row["title"],
        "workaround": row["workaround"],
        "words": ", ".join(same),
    }
