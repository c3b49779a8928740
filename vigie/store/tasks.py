"""Tasks on incidents as they are stored, with the jobs that remind of them and look at them."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)

from incidents.tasks import (
    ACTIONS,
    LEFT,
    RECURS_WITHIN_S,
    TaskKind,
    TaskSource,
    TaskState,
    reminder_after,
)
from vigie.store import jobs
from vigie.store.jobs import NewJob
from vigie.store.rows import Reading
from vigie.store.sql import from_json, to_json
from vigie.store.tables import incident, run
from vigie.store.tables_tasks import task as t
from vigie.store.visibility import Viewer, visible

JOB: Final = "task"  # the kind of job
REMIND, LOOK = "remind", "look"  # what such a job is about

Row = Mapping[str, Any]

_OF_INCIDENT: Final = Reading(
    select(t).where(t.c.incident == bindparam("number")).order_by(t.c.number)
)


def add(  # noqa: PLR0917 - what is always said of a task
    c: Connection,
    number: int,
    source: TaskSource,
    kind: TaskKind,
    title: str,
    due_at: float,
    now: float,
    by: str,
    **more: Any,
) -> Row:
    """Write a task of an incident whose row is held, and its first reminder; the task."""
    highest = select(func.max(t.c.number)).where(t.c.incident == number)
    values = {
        "incident": number,
        "number": (c.execute(highest).scalar() or 0) + 1,
        "source": source.value,
        "kind": kind.value,
        "title": title,
        "state": TaskState.OPEN.value,
        "due_at": float(due_at),
        "due_set_at": float(now),
        "created_at": float(now),
        "created_by": by,
        **_columns(more),
    }
    id_ = c.execute(t.insert().values(values).returning(t.c.id)).scalar_one()
    row = _read(c.execute(select(t).where(t.c.id == id_)).mappings().one())
    remind(c, row, None, now)
    return row


def get(c: Connection, number: int, task: int) -> Row | None:
    """A task by its number within an incident."""
    found = select(t).where(t.c.incident == number, t.c.number == task)
    row = c.execute(found).mappings().first()
    return None if row is None else _read(row)


def by_id(c: Connection, id_: int) -> Row | None:
    """A task as a job names it, with its incident's row held until the transaction ends."""
    number = c.execute(select(t.c.incident).where(t.c.id == id_)).scalar()
    if number is None:
        return None
    c.execute(select(incident.c.number).where(incident.c.number == number).with_for_update())
    return _read(c.execute(select(t).where(t.c.id == id_)).mappings().one())


def of_incident(c: Connection, number: int) -> list[Row]:
    """The tasks of an incident in the order in which they were added."""
    return [_read(row) for row in _OF_INCIDENT.rows(c, number=number)]


def count(c: Connection, number: int) -> int:
    """How many tasks an incident has, dropped ones too."""
    found = select(func.count()).select_from(t).where(t.c.incident == number)
    return int(c.execute(found).scalar_one())


def change(c: Connection, row: Row, **values: Any) -> Row:
    """Change a task whose incident is held; the task as it is then, with its next version."""
    changed = update(t).where(t.c.id == row["id"])
    c.execute(changed.values(**_columns(values), version=t.c.version + 1))
    return _read(c.execute(select(t).where(t.c.id == row["id"])).mappings().one())


def looked(c: Connection, row: Row, at: float, result: str) -> None:
    """Write down what a check found; that is no change of the task."""
    found = update(t).where(t.c.id == row["id"])
    c.execute(found.values(checked_at=float(at), check_result=result))


def page(
    c: Connection,
    viewer: Viewer,
    *,
    state: str | None,
    owner: str | None = None,
    not_owner: str | None = None,
    overdue: bool | None = None,
    after: int | None = None,
    limit: int,
    now: float,
) -> list[Row]:
    """Tasks of all incidents that a viewer may see, what is due first first, each with the
    `incident_title` and `service` of its incident. `state` is `left` (open or doing) or one of the
    states; the page goes on after the task with the id `after`.
    """
    found = _joined().where(visible(viewer), _in_state(state))
    if owner is not None:
        found = found.where(func.lower(t.c.owner) == owner.lower())
    if not_owner is not None:
        found = found.where(or_(t.c.owner.is_(None), func.lower(t.c.owner) != not_owner.lower()))
    if overdue is not None:
        late = and_(t.c.state.in_(LEFT), t.c.due_at <= now)
        found = found.where(late if overdue else ~late)
    if after is not None:
        # After one that the viewer does not see nothing comes, else its place would show.
        last = _joined().where(t.c.id == after, visible(viewer)).subquery()
        place = (select(last.c.due_at).scalar_subquery(), select(last.c.id).scalar_subquery())
        found = found.where(tuple_(t.c.due_at, t.c.id) > tuple_(*place))
    found = found.order_by(t.c.due_at, t.c.id).limit(limit)
    return [_read(row) for row in c.execute(found).mappings()]


def open_counts(c: Connection, now: float) -> Mapping[bool, int]:
    """How many tasks are left to be done, by whether they are overdue."""
    late = (t.c.due_at <= now).label("late")
    found = select(late, func.count()).where(t.c.state.in_(LEFT)).group_by(late)
    return {False: 0, True: 0, **{bool(is_late): n for is_late, n in c.execute(found)}}


def recurring(c: Connection, of: Row) -> list[Row]:
    """The verified actions of reviews that an incident shows not to have helped: of earlier ones
    with the same dedup key, or of the same service with the same cause, verified within 90 days
    before it opened.
    """
    same: ColumnElement[bool] = incident.c.key == of["key"]
    if of["cause"]:
        with_cause = and_(incident.c.service == of["service"], incident.c.cause == of["cause"])
        same = or_(same, with_cause)
    found = (
        select(t)
        .join(incident, incident.c.number == t.c.incident)
        .where(
            t.c.verified_at.between(of["opened_at"] - RECURS_WITHIN_S, of["opened_at"]),
            t.c.source == TaskSource.REVIEW,
            t.c.kind.in_(sorted(ACTIONS)),
            t.c.incident < of["number"],
            same,
        )
        .order_by(t.c.id)
    )
    return [_read(row) for row in c.execute(found).mappings()]


def run_state(c: Connection, number: int, runbook: str) -> str | None:
    """How the run of a runbook on an incident stands; None: it did not run."""
    found = select(run.c.state).where(run.c.incident == number, run.c.runbook == runbook)
    state: str | None = c.execute(found).scalar()
    return state


def remind(c: Connection, row: Row, last: float | None, now: float) -> None:
    """Write the job of the reminder that follows the one at `last` (None: the first)."""
    following = reminder_after(last, row["due_set_at"], row["due_at"], now)
    if following is None:
        return
    reminder, at = following
    # A due time that was set anew has reminders of its own, also when it is the same again.
    times = ":".join(str(round(one * 1000)) for one in (row["due_at"], row["due_set_at"], at))
    job = NewJob(
        kind=JOB,
        dedup=f"task:{row['id']}:{REMIND}:{times}",
        payload={
            "what": REMIND,
            "task": row["id"],
            "reminder": reminder.value,
            "at": at,
            "due_at": row["due_at"],
            "due_set_at": row["due_set_at"],
        },
        run_at=max(at, now),
        incident=row["incident"],
    )
    jobs.enqueue(c, job, now)


def look(c: Connection, row: Row, at: float, now: float, *, asked: bool = False) -> None:
    """Write the job that looks at a done task's check at a time; `asked` by a person, beside those
    that come by themselves.
    """
    times = f"{round(row['done_at'] * 1000)}:{round(at * 1000)}{':asked' if asked else ''}"
    job = NewJob(
        kind=JOB,
        # Another check, or the same done again, is looked at anew.
        dedup=f"task:{row['id']}:{LOOK}:{row['version']}:{times}",
        payload={"what": LOOK, "task": row["id"], "version": row["version"], "asked": asked},
        run_at=at,
        incident=row["incident"],
    )
    jobs.enqueue(c, job, now)


def _joined() -> Select[Any]:
    columns = (t, incident.c.title.label("incident_title"), incident.c.service)
    return select(*columns).join(incident, incident.c.number == t.c.incident)


def _in_state(state: str | None) -> ColumnElement[bool]:
    if state is None:
        return true()
    return t.c.state.in_(sorted(LEFT)) if state == "left" else t.c.state == state


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as columns: the check as JSON."""
    found = dict(values)
    if found.get("check_asked") is not None:
        found["check_asked"] = to_json(found["check_asked"])
    return found


def _read(row: Row | RowMapping) -> Row:
    asked = row["check_asked"]
    return {**row, "check_asked": None if asked is None else from_json(asked)}
