"""What analytics read of incidents: columns of rows, never a JSON column of every row."""

from collections.abc import Collection, Sequence
from typing import Any, Final, TypeAlias

import polars as pl
from sqlalchemy import Connection, case, func, or_, select

from incidents.people import Part
from incidents.tasks import LEFT
from vigie.store.rows import chunks
from vigie.store.sql import from_json
from vigie.store.tables import incident as t
from vigie.store.tables_people import participant as people
from vigie.store.tables_tasks import task as work
from vigie.store.visibility import Viewer, visible

Schema: TypeAlias = dict[str, type[pl.DataType]]

# One row an incident. Sub-status and custom fields are not read: they never change a figure.
INCIDENTS: Final[Schema] = {
    **dict.fromkeys(("number", "severity", "priority", "reopened"), pl.Int64),
    **dict.fromkeys(
        ("key", "service", "type", "category", "subcategory", "cause", "state", "detected_by"),
        pl.String,
    ),
    **dict.fromkeys(
        ("started_at", "detected_at", "opened_at", "acknowledged_at", "mitigated_at",
         "recovered_at", "resolved_at", "response_due_at", "resolution_due_at",
         "budget_burned", "downtime_s", "planned_downtime_s"),
        pl.Float64,
    ),
    "bad_events": pl.Int64,
}  # fmt: skip
PEOPLE: Final[Schema] = {
    "number": pl.Int64,
    "name": pl.String,
    "since": pl.Float64,
    "until": pl.Float64,
}
TASKS: Final[Schema] = dict.fromkeys(("number", "tasks_left", "tasks_overdue"), pl.Int64)
_SELF: Final = "vigie"
_AT_WORK: Final = (
    Part.INCIDENT_MANAGER,
    Part.L1,
    Part.L2,
    Part.L3,
    Part.COMMUNICATIONS,
    Part.SCRIBE,
)


def incidents(
    c: Connection,
    viewer: Viewer,
    since: float,
    until: float,
    *,
    teams: bool = False,
    without: Collection[str] = (),
) -> pl.DataFrame:
    """Incidents opened in [since, until) that a viewer may see: INCIDENTS (`without` some of them),
    `answered_at` (when a person acknowledged), and with `teams` also `team`, of the label of that
    name.
    """
    # A program that acknowledges is no person who is on it.
    by_program = or_(t.c.acknowledged_by == _SELF, t.c.acknowledged_by.like("token/%"))
    schema: Schema = {name: kind for name, kind in INCIDENTS.items() if name not in without}
    columns: list[Any] = [t.c[name] for name in schema]
    columns.append(case((by_program, None), else_=t.c.acknowledged_at).label("answered_at"))
    schema["answered_at"] = pl.Float64
    if teams:
        columns.append(t.c.labels)
        schema["labels"] = pl.String
    found = select(*columns).where(t.c.opened_at >= since, t.c.opened_at < until, visible(viewer))
    frame = _frame(c, found, schema).sort("opened_at", "number")
    return _with_team(frame) if teams else frame


def participants(c: Connection, viewer: Viewer, since: float, until: float) -> pl.DataFrame:
    """Who worked on incidents that were opened in [since, until), in PEOPLE and no order. Who only
    watches, or asked for it, is not at work.
    """
    columns = (people.c.incident.label("number"), people.c.name, people.c.since, people.c.until)
    found = (
        select(*columns)
        .join(t, t.c.number == people.c.incident)
        .where(t.c.opened_at >= since, t.c.opened_at < until, visible(viewer))
        .where(people.c.role.in_(_AT_WORK))
    )
    return _frame(c, found, PEOPLE)


def tasks(c: Connection, viewer: Viewer, since: float, until: float, now: float) -> pl.DataFrame:
    """Of incidents that were opened in [since, until) and have tasks left to do: how many, and how
    many of them are overdue, in TASKS.
    """
    late = case((work.c.due_at <= now, 1), else_=0)
    found = (
        select(t.c.number, func.count().label("left"), func.sum(late).label("overdue"))
        .join(work, work.c.incident == t.c.number)
        .where(work.c.state.in_(LEFT))
        .where(t.c.opened_at >= since, t.c.opened_at < until, visible(viewer))
        .group_by(t.c.number)
    )
    return _frame(c, found, TASKS)


def titles(c: Connection, viewer: Viewer, numbers: list[int]) -> dict[int, str]:
    """Titles by number, of those that a viewer may see."""
    found = select(t.c.number, t.c.title).where(t.c.number.in_(numbers), visible(viewer))
    return {row.number: row.title for row in c.execute(found)}


def _frame(c: Connection, found: Any, schema: Schema) -> pl.DataFrame:
    """Rows as a frame, some thousand at a time so that few of them stand twice in memory."""
    parts = [_part(rows, schema) for rows in chunks(c.execute(found))]
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def _part(rows: Sequence[tuple[Any, ...]], schema: Schema) -> pl.DataFrame:
    columns = zip(*rows, strict=True)
    named = zip(schema.items(), columns, strict=True)
    return pl.DataFrame([pl.Series(n, values, dtype=kind) for (n, kind), values in named])


def _with_team(frame: pl.DataFrame) -> pl.DataFrame:
    """Each text of labels is read once: incidents of one SLO have the same."""
    texts = frame.get_column("labels").unique().to_list()
    teams = [from_json(text).get("team") for text in texts]
    teams = [None if team is None else str(team) for team in teams]
    read = pl.DataFrame({"labels": texts, "team": teams}, {"labels": pl.String, "team": pl.String})
    return frame.join(read, on="labels", how="left", maintain_order="left").drop("labels")
