"""What stakeholders were told about incidents, and the jobs that look whether the next is due."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, select

from incidents.model import EventKind
from incidents.updates import Told
from vigie.store import jobs
from vigie.store.jobs import NewJob
from vigie.store.sql import from_json
from vigie.store.tables import incident, timeline
from vigie.store.tables_updates import stakeholder_update as t

Row = Mapping[str, Any]

JOB: Final = "update"  # the kind
# How long after an opening, or a change of severity, is looked for the first time: no rule asks
# for an update sooner (incidents.load_types), and in the first minute there is more to do.
FIRST_LOOK_S: Final = 60.0
_AGAIN: Final = (EventKind.UPDATE_DUE.value, EventKind.REOPENED.value)


def add(c: Connection, values: Mapping[str, Any]) -> Row:
    """Store an update of an incident that is held; the row."""
    id_ = c.execute(t.insert().values(**values).returning(t.c.id)).scalar_one()
    return dict(c.execute(select(t).where(t.c.id == id_)).mappings().one())


def of_incident(c: Connection, number: int) -> list[Row]:
    """What was said about an incident, oldest first."""
    found = select(t).where(t.c.incident == number).order_by(t.c.id)
    return [dict(row) for row in c.execute(found).mappings()]


def by_key(c: Connection, number: int, key: str) -> Row | None:
    """What was posted under an idempotency key."""
    found = select(t).where(t.c.incident == number, t.c.idempotency_key == key)
    row = c.execute(found).mappings().first()
    return None if row is None else dict(row)


def public(c: Connection, numbers: Iterable[int]) -> list[Row]:
    """What customers were told about these incidents, oldest first; nothing of one that is
    restricted by now.
    """
    found = (
        select(t)
        .join(incident, incident.c.number == t.c.incident)
        .where(t.c.incident.in_(sorted(set(numbers))), t.c.audience == "customer")
        .where(incident.c.restricted == 0)
        .order_by(t.c.id)
    )
    return [dict(row) for row in c.execute(found).mappings()]


def told(rows: Iterable[Row]) -> list[Told]:
    """As incidents.updates.due takes them."""
    return [Told(row["audience"], row["sent_at"], row["next_at"]) for row in rows]


def since(c: Connection, row: Row) -> tuple[float, float | None]:
    """When an incident was opened, the last time; and the last due time that somebody was reminded
    of since then.
    """
    began_at, reminded = float(row["opened_at"]), None
    found = (
        select(timeline.c.kind, timeline.c.recorded_at, timeline.c.data)
        .where(timeline.c.incident == row["number"], timeline.c.kind.in_(_AGAIN))
        .order_by(timeline.c.position)
    )
    for entry in c.execute(found):
        if entry.kind == EventKind.REOPENED:
            began_at, reminded = float(entry.recorded_at), None
        else:
            reminded = float(from_json(entry.data)["due_at"])
    return began_at, reminded


def look(c: Connection, number: int, at: float, now: float) -> None:
    """Write the job that looks at a time whether an update is due; one for each time."""
    dedup = f"{JOB}:{number}:{round(at * 1000)}"
    jobs.enqueue(c, NewJob(JOB, dedup, {"at": at}, run_at=at, incident=number), now)


def watch(c: Connection, number: int, now: float) -> None:
    """Begin to look after the updates of an incident that opens, or whose severity changes."""
    look(c, number, now + FIRST_LOOK_S, now)
