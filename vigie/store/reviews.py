"""Reviews of incidents as they are stored."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, func, select, update

from incidents.review import OUTDATED, ReviewState
from incidents.tasks import TaskSource, TaskState
from vigie.store.sql import from_json, to_json
from vigie.store.tables import incident
from vigie.store.tables_reviews import review as t
from vigie.store.tables_tasks import task
from vigie.store.visibility import Viewer, visible

Row = Mapping[str, Any]

_JSON: Final = ("sections", "causes", "whys", "reviewers", "edits")


def state_of(c: Connection, number: int) -> str | None:
    """The state of an incident's review (`draft`, `review`, `final`), as whoever closes needs it:
    one that was final before the incident was opened again is OUTDATED. None: it has none.
    """
    found = (
        select(t.c.state, t.c.final_at, incident.c.resolved_at)
        .join(incident, incident.c.number == t.c.incident)
        .where(t.c.incident == number)
    )
    row = c.execute(found).first()
    if row is None:
        return None
    ended = row.resolved_at
    if row.state == ReviewState.FINAL and (ended is None or row.final_at < ended):
        return OUTDATED
    return str(row.state)


def get(c: Connection, number: int) -> Row | None:
    """The review of an incident, JSON read; None: it has none."""
    row = c.execute(select(t).where(t.c.incident == number)).mappings().first()
    return None if row is None else _read(row)


def add(c: Connection, number: int, author: str, now: float) -> Row:
    """Begin the review of an incident that is held and has none."""
    times = {"created_at": float(now), "changed_at": float(now)}
    c.execute(t.insert().values(incident=number, state=ReviewState.DRAFT, author=author, **times))
    found = get(c, number)
    assert found is not None, "it was just written"
    return found


def change(c: Connection, row: Row, now: float, **values: Any) -> Row:
    """Change the review of an incident that is held; as it is then, with its next version."""
    columns = {name: to_json(v) if name in _JSON else v for name, v in values.items()}
    changed = update(t).where(t.c.id == row["id"]).values(version=t.c.version + 1, **columns)
    c.execute(changed.values(changed_at=max(float(now), row["changed_at"])))
    found = get(c, row["incident"])
    assert found is not None, "its row is held"
    return found


def page(
    c: Connection,
    viewer: Viewer,
    *,
    state: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[Row]:
    """The reviews of incidents that a viewer may see, the latest begun first, each with the
    `incident_title`, `service` and `severity` of its incident; those with an id below `before`.
    """
    of = (incident.c.title.label("incident_title"), incident.c.service, incident.c.severity)
    found = select(t, *of).join(incident, incident.c.number == t.c.incident).where(visible(viewer))
    if state is not None:
        found = found.where(t.c.state == state)
    if before is not None:
        found = found.where(t.c.id < before)
    rows = c.execute(found.order_by(t.c.id.desc()).limit(limit)).mappings()
    return [_read(row) for row in rows]


def actions(c: Connection, numbers: list[int]) -> dict[int, dict[str, int]]:
    """How many actions of these incidents' reviews stand in which state; dropped ones too."""
    found = (
        select(task.c.incident, task.c.state, func.count())
        .where(task.c.incident.in_(numbers), task.c.source == TaskSource.REVIEW)
        .group_by(task.c.incident, task.c.state)
    )
    counted: dict[int, dict[str, int]] = {}
    for number, state, count in c.execute(found):
        counted.setdefault(number, {})[TaskState(state).value] = count
    return counted


def _read(row: RowMapping) -> Row:
    return {**row, **{name: from_json(row[name]) for name in _JSON}}
