"""The `target` job: looks whether an incident was answered or resolved in time, and says so if not.

All of it is in the transaction that ends the job, so that what it says is said once, and nothing
is said of an incident that somebody answered in the meantime.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from incidents.model import EventKind
from incidents.targets import KINDS, Moment, Promise, answered_at
from slo import windows
from vigie.clock import Clock
from vigie.config import Channel
from vigie.jobs.worker import Done
from vigie.live import Board
from vigie.notify import outbox
from vigie.store import incidents, jobs, ranking
from vigie.store.jobs import Job

EXACT_S: Final = 0.001
_VERB = {Promise.RESPONSE: "acknowledged", Promise.RESOLUTION: "resolved"}


class WatchTarget:
    """Writes a timeline entry and the notices about a target that is near, or was missed."""

    def __init__(self, *, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock

    async def __call__(self, job: Job) -> Done:
        now = self._clock.now()
        channels = list(self._board.now.config.channels.values())
        return Done(lambda c: tell(c, job, channels, now))


def tell(c: Connection, job: Job, channels: Iterable[Channel], now: float) -> None:
    """Say what is to be said, or nothing."""
    number = job.incident or 0
    row = ranking.held(c, number)
    promise, moment = Promise(job.payload["promise"]), Moment(job.payload["moment"])
    if row is None or not _is_due(row, promise, moment, job.payload["due_at"], now):
        return
    kind = KINDS[promise, moment]
    if _was_told(c, number, kind, row[promise.due]):
        return
    text = _text(row, promise, moment, now)
    data = {"target": promise.value, "due_at": row[promise.due], "priority": f"P{row['priority']}"}
    incidents.append(c, number, now, kind, incidents.SELF, text, data)
    incident = incidents.get(c, number)
    assert incident is not None, "its row is held"
    for notice in outbox.jobs_for(kind, incident, channels, now, text):
        jobs.enqueue(c, notice, now)


def _was_told(c: Connection, number: int, kind: EventKind, due_at: float) -> bool:
    """Whether another timer of the same due time was here before."""
    return any(
        entry["kind"] == kind and abs(entry["data"]["due_at"] - due_at) < EXACT_S
        for entry in incidents.timeline(c, number)
    )


def _is_due(
    row: Mapping[str, Any], promise: Promise, moment: Moment, due_at: float, now: float
) -> bool:
    """Whether this timer still counts: another due time has timers of its own."""
    if row[promise.due] != due_at:
        return False
    if row["open_key"] is None and row["resolved_at"] is None:
        return False  # cancelled, or merged into another one
    answered = answered_at(promise, row)
    if moment is Moment.BEFORE:
        return answered is None and now < due_at  # else that of the breach has it
    return answered is None or answered > due_at


def _text(row: Mapping[str, Any], promise: Promise, moment: Moment, now: float) -> str:
    due_at, verb = row[promise.due], _VERB[promise]
    level = f"P{row['priority']}"
    if moment is Moment.BEFORE:
        left = windows.show(max(1, round(due_at - now)))
        return f"To be {verb} in {left}, the {promise} target of {level}"
    within = windows.show(max(1, round(due_at - row["opened_at"])))
    return f"Not {verb} within {within} of its opening, the {promise} target of {level}"
