"""The reviews of all incidents as a list, and of one what is kept with its record."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from incidents.review import approved
from incidents.tasks import TaskState
from vigie.store import reviews as store
from vigie.store.db import Database
from vigie.store.reviews import Row
from vigie.store.visibility import Viewer
from vigie.views.shape import Object, listing, when

_DONE = (TaskState.DONE, TaskState.VERIFIED)


def page(
    db: Database,
    *,
    viewer: Viewer,
    state: str | None = None,
    cursor: int | None = None,
    limit: int = 50,
) -> Object:
    """Reviews of incidents that a viewer may see, the latest begun first; `cursor` is the `next` of
    the page before.
    """

    def read(c: Connection) -> tuple[list[Row], Mapping[int, Mapping[str, int]]]:
        rows = store.page(c, viewer, state=state, before=cursor, limit=limit + 1)
        return rows, store.actions(c, [row["incident"] for row in rows])

    rows, counted = db.read(read)
    items = [_listed(row, counted.get(row["incident"], {})) for row in rows[:limit]]
    return listing(items, str(rows[limit - 1]["id"]) if len(rows) > limit else None)


def brief(db: Database, number: int) -> Object | None:
    """How the review of an incident stands; None: it has none."""
    row = db.read(lambda c: store.get(c, number))
    return None if row is None else {**_head(row), "root_cause": row["root_cause"]}


def kept(row: Row) -> Object:
    """What people wrote; once it is final, everything that it says."""
    return {
        **_head(row),
        "sections": dict(sorted(row["sections"].items())),
        "root_cause": row["root_cause"],
        "factors": list(row["causes"]),
        "whys": list(row["whys"]),
    }


def reviewer(one: Mapping[str, Any]) -> Object:
    """Who was asked, and who approved."""
    return {
        "name": one["name"],
        "asked_at": when(one["asked_at"]),
        "approved_at": when(one["approved_at"]),
    }


def _head(row: Row) -> Object:
    return {
        "incident": row["incident"],
        "state": row["state"],
        "author": row["author"],
        "created_at": when(row["created_at"]),
        "changed_at": when(row["changed_at"]),
        "final_at": when(row["final_at"]),
        "final_by": row["final_by"],
        "reopened": row["reopened"],
        "version": row["version"],
        "reviewers": [reviewer(one) for one in row["reviewers"]],
        "url": f"/incidents/{row['incident']}/review",
    }


def _listed(row: Row, counted: Mapping[str, int]) -> Object:
    left = {state: count for state, count in counted.items() if state != TaskState.DROPPED}
    return {
        **_head(row),
        "incident_title": row["incident_title"],
        "service": row["service"],
        "severity": f"SEV{row['severity']}",
        "approved_by": approved(row["reviewers"]),
        "actions": sum(left.values()),
        "actions_done": sum(left.get(state, 0) for state in _DONE),
        "actions_verified": left.get(TaskState.VERIFIED, 0),
    }
