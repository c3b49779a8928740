"""What tasks say on the timelines of their incidents and to people, in the transaction of the fact:
tasks of a type when an incident opens, actions of a review reopened when the same comes again.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from incidents.model import EventKind
from incidents.tasks import TaskKind, TaskSource, TaskState, default_due
from vigie.config import Config
from vigie.notify import outbox, problems
from vigie.store import incidents, jobs, tasks, timeline
from vigie.store.tasks import Row

# What a task leaves behind when it is to be done again.
UNDONE = dict.fromkeys(
    (
        "done_at",
        "done_by",
        "verified_at",
        "verified_by",
        "dropped_for",
        "checked_at",
        "check_result",
    )
)


def opened(c: Connection, config: Config, incident: Mapping[str, Any], now: float) -> None:
    """What is due with tasks when an incident has opened: those of its type, and those of earlier
    reviews that did not keep it away. Again changes nothing.
    """
    of_type(c, config, incident, now)
    recurred(c, config, incident, now)
    problems.recurred(c, incident, now)


def of_type(c: Connection, config: Config, incident: Mapping[str, Any], now: float) -> list[Row]:
    """Add the tasks that the type of an incident asks for; none where it has tasks of it."""
    titles = config.types.of(incident["type"]).tasks
    if not titles or any(
        row["source"] == TaskSource.TYPE for row in tasks.of_incident(c, incident["number"])
    ):
        return []
    return [
        add(c, incident["number"], TaskSource.TYPE, TaskKind.WORK, title, now) for title in titles
    ]


def add(  # noqa: PLR0917 - what is said of a task
    c: Connection,
    number: int,
    source: TaskSource,
    kind: TaskKind,
    title: str,
    now: float,
    *,
    by: str = incidents.SELF,
    due_at: float | None = None,
    key: str | None = None,
    **more: Any,
) -> Row:
    """Add a task to an incident that is held, and say so on its timeline."""
    due = default_due(source, now) if due_at is None else due_at
    row = tasks.add(c, number, source, kind, title, due, now, by, **more)
    owner = f" for {row['owner']}" if row["owner"] else ""
    data = {"task": row["number"], "source": row["source"], "kind": row["kind"], "due_at": due}
    named = {} if key is None else {"idempotency_key": key}
    text = f"Task {row['number']}{owner}: {row['title']}"
    timeline.append(c, number, now, EventKind.TASK_ADDED, by, text, {**data, **named})
    return row


def recurred(c: Connection, config: Config, incident: Mapping[str, Any], now: float) -> list[Row]:
    """Reopen the verified actions of earlier reviews that an incident shows not to have helped.

    Call it when an incident opens and when its cause is set. What is open already stays; an
    incident that opened before an action was verified says nothing against it.
    """
    return [_reopen(c, config, row, incident, now) for row in tasks.recurring(c, incident)]


def changed(
    c: Connection,
    row: Row,
    actor: str,
    now: float,
    what: str,
    *,
    key: str | None = None,
) -> None:
    """Say on the timeline what became of a task, given as it is after the change."""
    data = {"task": row["number"], "version": row["version"], "state": row["state"]}
    named = {} if key is None else {"idempotency_key": key}
    text = f"Task {row['number']} {what}"
    timeline.append(c, row["incident"], now, EventKind.TASK_CHANGED, actor, text, {**data, **named})


def tell(  # noqa: PLR0917 - as `outbox.notices`
    c: Connection, config: Config, row: Row, kind: EventKind, text: str, at: float, now: float
) -> None:
    """Let everybody who receives notices hear of a task."""
    key = f"{row['number']}:{round(at * 1000)}"
    channels = config.channels.values()
    for job in outbox.notices(key, kind, row["incident"], channels, now, text):
        jobs.enqueue(c, job, now)


def _reopen(
    c: Connection, config: Config, row: Row, incident: Mapping[str, Any], now: float
) -> Row:
    due_at = default_due(TaskSource(row["source"]), now)
    values = {"state": TaskState.OPEN.value, "reopened": row["reopened"] + 1, "due_at": due_at}
    after = tasks.change(c, row, **UNDONE, **values, due_set_at=now)
    # A restricted incident is named by its number alone.
    why = "of the same cause" if incident["key"] != _key_of(c, row) else "of the same kind"
    what = f"reopened: incident #{incident['number']} {why} opened after it was verified"
    changed(c, after, incidents.SELF, now, f"{what}: {row['title']}")
    tasks.remind(c, after, None, now)
    text = f"Task {row['number']} {what}: {row['title']}"
    tell(c, config, after, EventKind.TASK_CHANGED, text, now, now)
    return after


def _key_of(c: Connection, row: Row) -> str:
    found = incidents.get(c, row["incident"])
    assert found is not None, "a task has its incident"
    return str(found["key"])
