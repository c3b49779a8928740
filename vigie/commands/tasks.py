"""What people do to tasks on incidents; each is one transaction.

A task with a check is verified by its check and nothing else; one without by whoever did not do it.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from incidents import task_checks
from incidents.model import EventKind
from incidents.task_checks import Check, PromqlCheck, RunCheck, SloCheck
from incidents.tasks import LEFT, TaskKind, TaskSource, TaskState, may_become, same_person
from slo import windows
from slo.spec import SloId
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.record import hold, was_done
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.notify.message import rfc3339 as when
from vigie.notify.tasks import UNDONE, changed, of_type, recurred
from vigie.notify.tasks import add as added
from vigie.store import tasks, timeline
from vigie.store.db import Database
from vigie.store.tasks import Row

__all__ = ["add", "do", "drop", "edit", "of_type", "recurred", "start", "undo", "verify"]

MAX_TASKS: Final = 200  # of one incident, dropped ones too
MAX_TITLE: Final = 200
MAX_DESCRIPTION: Final = 10_000
LATEST_S: Final = 5 * 366 * 86_400.0  # a due time further off is a slip of the keyboard


def add(
    db: Database,
    config: Config,
    number: int,
    title: str,
    *,
    actor: str,
    now: float,
    key: str | None = None,
    source: TaskSource = TaskSource.INCIDENT,
    kind: TaskKind = TaskKind.WORK,
    **more: Any,
) -> Row:
    """Add a task to an incident, also to one that is over; the task.

    `more` are description, owner, priority (1..5), due_at (default: in a day, of a review in a
    week) and check (a mapping, incidents.task_checks). Under the same `key` it is added once.
    NotFound, Invalid; Conflict when the incident has too many.
    """
    who = line_of("name", actor, MAX_ACTOR)
    named = line_of("title", title, MAX_TITLE)
    values = _values(config, more, now)

    def work(c: Connection) -> Row:
        hold(c, number)
        if was_done(c, number, key):
            return _get(c, number, _task_of(c, number, key))
        if tasks.count(c, number) >= MAX_TASKS:
            raise Conflict(f"incident #{number} has {MAX_TASKS} tasks, and cannot have more")
        return added(c, number, source, kind, named, now, by=who, key=key, **values)

    return db.write(work)


def edit(
    db: Database,
    config: Config,
    number: int,
    task: int,
    changes: Mapping[str, Any],
    *,
    actor: str,
    now: float,
    seen: int | None = None,
    key: str | None = None,
) -> Row:
    """Change title, description, owner, priority, kind, due_at or check of a task; the task.

    `seen` is the version that the changes were made on: Conflict, saying what others changed,
    when the task is a later one. A verified or dropped task is not changed: undo that first.
    """
    who = line_of("name", actor, MAX_ACTOR)
    values = _values(config, changes, now)

    def work(c: Connection) -> Row:
        row = _held(c, number, task)
        if was_done(c, number, key):
            return row
        _require_seen(c, row, seen)
        if row["state"] in (TaskState.VERIFIED, TaskState.DROPPED):
            raise Conflict(f"task {task} of #{number} is {row['state']}: undo that to change it")
        told = [_told(name, row[name], value) for name, value in values.items()]
        if not (words := [one for one in told if one]):
            return row
        moved = {"due_set_at": now} if "due_at" in values else {}
        new_check = dict.fromkeys(("checked_at", "check_result")) if "check_asked" in values else {}
        after = tasks.change(c, row, **values, **moved, **new_check)
        changed(c, after, who, now, f"{'; '.join(words)}", key=key)
        if moved and after["state"] in LEFT:
            tasks.remind(c, after, None, now)
        _look(c, after, now)
        return after

    return db.write(work)


def start(
    db: Database, number: int, task: int, *, actor: str, now: float, key: str | None = None
) -> Row:
    """Say that somebody is at it; without an owner it is theirs."""
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection, row: Row) -> Row:
        owner = row["owner"] or who
        return _become(c, row, TaskState.DOING, who, now, "begun", key, owner=owner)

    return _one(db, number, task, TaskState.DOING, work, key)


def do(
    db: Database, number: int, task: int, *, actor: str, now: float, key: str | None = None
) -> Row:
    """Say that it is done; its check looks at once. Done already, nothing changes."""
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection, row: Row) -> Row:
        done = {"done_at": now, "done_by": who}
        clear = dict.fromkeys(("checked_at", "check_result"))
        after = _become(c, row, TaskState.DONE, who, now, "done", key, **done, **clear)
        _look(c, after, now)
        return after

    return _one(db, number, task, TaskState.DONE, work, key)


def undo(
    db: Database, number: int, task: int, *, actor: str, now: float, key: str | None = None
) -> Row:
    """Open a task again that was begun, done, verified or dropped; one that was verified counts as
    reopened.
    """
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection, row: Row) -> Row:
        more: dict[str, Any] = {**UNDONE, "due_set_at": now}
        if row["state"] == TaskState.VERIFIED:
            more["reopened"] = row["reopened"] + 1
        after = _become(c, row, TaskState.OPEN, who, now, "opened again", key, **more)
        tasks.remind(c, after, None, now)
        return after

    return _one(db, number, task, TaskState.OPEN, work, key)


def drop(
    db: Database,
    number: int,
    task: int,
    *,
    actor: str,
    reason: str,
    now: float,
    key: str | None = None,
) -> Row:
    """Say that it won't be done, and why."""
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection, row: Row) -> Row:
        values = {**UNDONE, "dropped_for": why}
        return _become(c, row, TaskState.DROPPED, who, now, f"dropped ({why})", key, **values)

    return _one(db, number, task, TaskState.DROPPED, work, key)


def verify(
    db: Database,
    number: int,
    task: int,
    *,
    actor: str,
    now: float,
    told_apart: bool = True,
    key: str | None = None,
) -> Row:
    """Say that what was done holds, or let the check of the task look now; the task as it is.

    Without a check anybody may but who did it, where people are `told_apart`; where nobody is
    signed in a name is only what somebody typed, and anybody may.
    """
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection, row: Row) -> Row:
        if row["state"] == TaskState.DONE and row["check_asked"] is not None:
            tasks.look(c, row, now, now, asked=True)
            return row
        if told_apart and row["done_by"] and same_person(row["done_by"], who):
            raise Conflict(f"{row['done_by']} did task {task}: somebody else has to verify it")
        said = {"verified_at": max(now, row["done_at"] or now), "verified_by": who}
        return _become(c, row, TaskState.VERIFIED, who, now, "verified", key, **said)

    return _one(db, number, task, TaskState.VERIFIED, work, key)


def _one(  # noqa: PLR0917 - which task, and what is done to it
    db: Database, number: int, task: int, state: TaskState, work: Any, key: str | None
) -> Row:
    """Do `work` to a task that is held, unless it is in that state, or was done by this key."""

    def whole(c: Connection) -> Row:
        row = _held(c, number, task)
        if row["state"] == state or was_done(c, number, key):
            return row
        after: Row = work(c, row)
        return after

    return db.write(whole)


def _become(  # noqa: PLR0917 - the task, its next state, and what is said of that
    c: Connection,
    row: Row,
    state: TaskState,
    who: str,
    now: float,
    what: str,
    key: str | None,
    **values: Any,
) -> Row:
    if not may_become(TaskState(row["state"]), state):
        of = f"task {row['number']} of #{row['incident']}"
        raise Conflict(f"{of} is {row['state']}, and cannot become {state.value}")
    after = tasks.change(c, row, state=state.value, **values)
    changed(c, after, who, now, f"{what}: {row['title']}", key=key)
    return after


def _look(c: Connection, row: Row, now: float) -> None:
    if row["state"] == TaskState.DONE and row["check_asked"] is not None:
        tasks.look(c, row, now, now)


def _held(c: Connection, number: int, task: int) -> Row:
    hold(c, number)
    return _get(c, number, task)


def _get(c: Connection, number: int, task: int) -> Row:
    row = tasks.get(c, number, task)
    if row is None:
        raise NotFound(f"incident #{number} has no task {task}")
    return row


def _task_of(c: Connection, number: int, key: str | None) -> int:
    """The task that was added under an idempotency key."""
    entries = timeline.read(c, number)
    found = [
        entry["data"]["task"]
        for entry in entries
        if entry["kind"] == EventKind.TASK_ADDED and entry["data"].get("idempotency_key") == key
    ]
    if not found:
        raise Conflict(f"the Idempotency-Key was used on incident #{number} for something else")
    return int(found[0])


def _require_seen(c: Connection, row: Row, seen: int | None) -> None:
    """Conflict when a task was changed since the version that somebody saw."""
    if seen is None or seen == row["version"]:
        return
    since = [
        f"{entry['actor']}: {entry['text']}"
        for entry in timeline.read(c, row["incident"])
        if entry["kind"] == EventKind.TASK_CHANGED
        and entry["data"].get("task") == row["number"]
        and entry["data"]["version"] > seen
    ]
    told = f" ({'; '.join(since[-3:])[:500]})" if since else ""
    raise Conflict(f"task {row['number']} was changed since you looked{told}: look again")


def _told(name: str, before: Any, after: Any) -> str:
    """A change of one column in words; empty where it is the same."""
    if before == after:
        return ""
    if name == "due_at":
        return f"due {when(before)} -> {when(after)}"
    if name == "check_asked":
        asked = "none" if after is None else task_checks.described(task_checks.check_of(after))
        return f"check: {asked}"
    if name == "description":
        return "description changed"
    shown = [f"P{v}" if name == "priority" and v else v or "none" for v in (before, after)]
    return f"{name} {shown[0]} -> {shown[1]}"


def _values(config: Config, said: Mapping[str, Any], now: float) -> dict[str, Any]:
    """What somebody said of a task, as columns; Invalid names what cannot be."""
    found: dict[str, Any] = {}
    for name, value in said.items():
        match name:
            case "title":
                found[name] = line_of("title", value, MAX_TITLE)
            case "description":
                found[name] = text_of(name, value, MAX_DESCRIPTION) if value.strip() else ""
            case "owner":
                found[name] = line_of("owner", value, MAX_ACTOR) if value else None
            case "kind":
                found[name] = TaskKind(value).value
            case "priority":
                found[name] = _priority(value)
            case "due_at" if value is not None:
                found[name] = _due(value, now)
            case "due_at":
                pass  # there is always one: the default, or that of before
            case "check":
                found["check_asked"] = None if value is None else _check(config, value)
            case _:
                raise Invalid(f"a task has no `{name}`")
    return found


def _priority(value: int | None) -> int | None:
    if value is not None and not 1 <= value <= 5:
        raise Invalid("the priority of a task is 1 to 5")
    return value


def _due(at: float, now: float) -> float:
    if at <= now:
        raise Invalid(f"{when(at)} is past: a task is due at a time to come")
    if at > now + LATEST_S:
        raise Invalid("a task is due within five years")
    return float(at)


def _check(config: Config, said: Mapping[str, Any]) -> dict[str, Any]:
    """A check as it is stored; Invalid when it could never be answered."""
    try:
        check = task_checks.check_of(said)
    except ValueError as error:
        raise Invalid(f"the check cannot be read: {error}") from error
    if problem := _unanswerable(config, check):
        raise Invalid(problem)
    if isinstance(check, PromqlCheck):
        check = check._replace(source=check.source or _source(config))
    return task_checks.stored(check)


def _unanswerable(config: Config, check: Check) -> str:
    match check:
        case SloCheck(slo, window_s, _):
            watch = config.watches.get(SloId(slo))
            if watch is None:
                return f"there is no SLO `{slo}` for the check"
            own = watch.slo.window_s
            measured = {own} | {s for arm in watch.arms for s in (arm.long_s, arm.short_s)}
            if window_s and window_s not in measured:
                known = ", ".join(windows.show(one) for one in sorted(measured))
                return f"{slo} is not measured over {windows.show(window_s)}: take one of {known}"
        case PromqlCheck(_, source, _, _):
            if source and source not in config.sources:
                return f"there is no DataSource `{source}` for the check"
            if not (source or _source(config)):
                return "name the DataSource of the check in `source`: none is the default"
        case RunCheck(runbook):
            if all(book.name != runbook for book in config.runbooks):
                return f"there is no runbook `{runbook}` for the check"
    return ""


def _source(config: Config) -> str:
    """The DataSource of a check that names none; empty: that is not clear."""
    every = list(config.sources.values())
    default = [source.name for source in every if source.default]
    return default[0] if default else every[0].name if len(every) == 1 else ""
