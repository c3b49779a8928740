"""Tasks on incidents as every reader sees them: what is to be done, by whom, until when."""

from sqlalchemy import Connection

from incidents.task_checks import check_of, described
from incidents.tasks import TaskState, is_overdue
from vigie.store import incidents
from vigie.store import tasks as store
from vigie.store.db import Database
from vigie.store.tasks import Row
from vigie.store.visibility import Viewer
from vigie.views.shape import Object, listing, when


def of_incident(db: Database, number: int, now: float) -> Object | None:
    """Every task of an incident in the order in which they were added; None: no such incident."""

    def read(c: Connection) -> list[Row] | None:
        there = incidents.get(c, number) is not None
        return store.of_incident(c, number) if there else None

    rows = db.read(read)
    return None if rows is None else listing([shown(row, now) for row in rows])


def page(
    db: Database,
    now: float,
    *,
    viewer: Viewer,
    state: str | None = "left",
    owner: str | None = None,
    not_owner: str | None = None,
    overdue: bool | None = None,
    cursor: int | None = None,
    limit: int = 50,
) -> Object:
    """Tasks of all incidents that a viewer may see, what is due first first. `state` is `left`
    (open or doing), one of the states, or None for all; `cursor` is the `next` of the page before.
    """

    def read(c: Connection) -> list[Row]:
        return store.page(
            c,
            viewer,
            state=state,
            owner=owner,
            not_owner=not_owner,
            overdue=overdue,
            after=cursor,
            limit=limit + 1,
            now=now,
        )

    rows = db.read(read)
    items = [
        shown(row, now) | {"incident_title": row["incident_title"], "service": row["service"]}
        for row in rows[:limit]
    ]
    return listing(items, str(rows[limit - 1]["id"]) if len(rows) > limit else None)


def shown(row: Row, now: float) -> Object:
    """One task. What a check found stands beside it, also while it has not verified anything."""
    return kept(row) | {"overdue": is_overdue(TaskState(row["state"]), row["due_at"], now)}


def kept(row: Row) -> Object:
    """One task without what depends on when one looks."""
    asked = row["check_asked"]
    return {
        "incident": row["incident"],
        "task": row["number"],
        "source": row["source"],
        "kind": row["kind"],
        "title": row["title"],
        "description": row["description"],
        "owner": row["owner"],
        "priority": None if row["priority"] is None else f"P{row['priority']}",
        "state": row["state"],
        "due_at": when(row["due_at"]),
        "check": asked,
        "check_text": None if asked is None else described(check_of(asked)),
        "checked_at": when(row["checked_at"]),
        "check_result": row["check_result"],
        "created_at": when(row["created_at"]),
        "created_by": row["created_by"],
        "done_at": when(row["done_at"]),
        "done_by": row["done_by"],
        "verified_at": when(row["verified_at"]),
        "verified_by": row["verified_by"],
        "dropped_for": row["dropped_for"],
        "reopened": row["reopened"],
        "version": row["version"],
        "url": f"/incidents/{row['incident']}#task-{row['number']}",
    }
