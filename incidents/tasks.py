"""Tasks on incidents: their states, until when they are due, who hears of it when, and when a check
looks whether what was done holds. Times are Unix seconds.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

DAY_S: Final = 86_400.0
MOST_REMINDERS: Final = 14  # daily ones, after it was due
RECURS_WITHIN_S: Final = 90 * DAY_S
LOOKS_FOR_S: Final = 30 * DAY_S
# What was done shows within minutes or only by tomorrow: soon at first, then daily.
_FIRST_LOOKS_S: Final = (0.0, 300.0, 1_800.0, 7_200.0, 28_800.0)


class TaskState(StrEnum):
    """Where a task stands. `done` is somebody's word, `verified` what a check or another saw."""

    OPEN = "open"
    DOING = "doing"
    DONE = "done"
    VERIFIED = "verified"
    DROPPED = "dropped"


class TaskKind(StrEnum):
    """What a task is for: the four of a review, or work while it lasts."""

    PREVENT = "prevent"
    MITIGATE = "mitigate"
    DETECT = "detect"
    PROCESS = "process"
    WORK = "work"


class TaskSource(StrEnum):
    """Who asked for a task: people at work on the incident, its review, its type."""

    INCIDENT = "incident"
    REVIEW = "review"
    TYPE = "type"


class Reminder(StrEnum):
    """When somebody is reminded: once before, once at the time, then daily."""

    BEFORE = "before"
    DUE = "due"
    DAILY = "daily"


LEFT: Final = frozenset({TaskState.OPEN, TaskState.DOING})  # still to be done
DUE_WITHIN_S: Final[Mapping[TaskSource, float]] = {
    TaskSource.INCIDENT: DAY_S,
    TaskSource.TYPE: DAY_S,
    TaskSource.REVIEW: 7 * DAY_S,
}
# Those that a recurrence shows not to have helped: work of the day is past.
ACTIONS: Final = frozenset(TaskKind) - {TaskKind.WORK}
_AFTER: Final[Mapping[TaskState, frozenset[TaskState]]] = {
    TaskState.OPEN: frozenset({TaskState.DOING, TaskState.DONE, TaskState.DROPPED}),
    TaskState.DOING: frozenset({TaskState.OPEN, TaskState.DONE, TaskState.DROPPED}),
    TaskState.DONE: frozenset({TaskState.OPEN, TaskState.VERIFIED, TaskState.DROPPED}),
    TaskState.VERIFIED: frozenset({TaskState.OPEN}),
    TaskState.DROPPED: frozenset({TaskState.OPEN}),
}


def may_become(state: TaskState, after: TaskState) -> bool:
    """Whether a task in one state may go to another."""
    return after in _AFTER[state]


def default_due(source: TaskSource, now: float) -> float:
    """Until when a task is due for which nobody said."""
    return now + DUE_WITHIN_S[source]


def is_overdue(state: TaskState, due_at: float, now: float) -> bool:
    """Whether a task is late: what is done is not, whenever it was."""
    return state in LEFT and due_at <= now


def reminders(set_at: float, due_at: float) -> Iterator[tuple[Reminder, float]]:
    """Every reminder of a task whose due time was set at `set_at`, in order: a quarter of the time
    before it is due, then, and for two weeks daily.
    """
    if due_at > set_at:
        yield Reminder.BEFORE, due_at - (due_at - set_at) / 4
    yield Reminder.DUE, max(due_at, set_at)
    for day in range(1, MOST_REMINDERS + 1):
        yield Reminder.DAILY, max(due_at, set_at) + day * DAY_S


def reminder_after(
    last: float | None, set_at: float, due_at: float, now: float
) -> tuple[Reminder, float] | None:
    """The reminder that follows the one at `last` (None: the first). Days that passed while nobody
    could remind are left out, the due time itself never; None: that was all.
    """
    for kind, at in reminders(set_at, due_at):
        if last is not None and at <= last:
            continue
        if kind is Reminder.DUE or at >= now:
            return kind, at
    return None


def looks(done_at: float) -> Iterator[float]:
    """When a check looks at what was done: soon, then daily for 30 days."""
    for after_s in _FIRST_LOOKS_S:
        yield done_at + after_s
    for day in range(1, round(LOOKS_FOR_S / DAY_S) + 1):
        yield done_at + day * DAY_S


def look_after(now: float, done_at: float) -> float | None:
    """The next look after one that was at `now`; None: the 30 days are over."""
    return next((at for at in looks(done_at) if at > now), None)


def same_person(one: str, other: str) -> bool:
    """Whether two actors are, or act by, the same: `ada`, her token `ada/laptop`, and
    `bob (by ada/laptop)` all are ada.
    """
    return bool(_people(one) & _people(other))


_BY: Final = re.compile(r"^(.*?) \(by ([^()]+)\)$")


def _people(actor: str) -> frozenset[str]:
    found = _BY.match(actor)
    names = found.groups() if found else (actor,)
    return frozenset(_person(name) for name in names)


def _person(name: str) -> str:
    folded = name.strip().casefold()
    return folded if folded.startswith("token/") else folded.partition("/")[0]
