"""The `update` job: looks whether stakeholders are to be told again, and reminds whoever does that.

All of it is in the transaction that ends the job, so that a moment is reminded of once; so is the
job of the next look.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from incidents.model import EventKind
from incidents.people import Part
from incidents.updates import Due, cadence, due
from slo import windows
from vigie.clock import Clock
from vigie.config import Config
from vigie.jobs.worker import Done
from vigie.live import Board
from vigie.notify import outbox
from vigie.store import incidents, jobs, people, timeline, updates
from vigie.store.jobs import Job

Row = Mapping[str, Any]

_TELLS: Final = {  # who tells, the first that there is
    Part.COMMUNICATIONS: "communications",
    Part.INCIDENT_MANAGER: "incident manager",
}

log = logging.getLogger(__name__)


class WatchUpdates:
    """Reminders of stakeholder updates."""

    def __init__(self, *, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock

    async def __call__(self, job: Job) -> Done:
        now, config = self._clock.now(), self._board.now.config
        return Done(lambda c: remind(c, job, config, now))


def remind(c: Connection, job: Job, config: Config, now: float) -> None:
    """Remind of the moment that has passed, unless that was done or an update came since."""
    number = job.incident or 0
    if incidents.get(c, number) is None:
        return
    timeline.lock(c, number)
    row = incidents.get(c, number)
    assert row is not None, "its row is held"
    at = max(now, job.payload["at"])  # leases go by another clock
    began_at, reminded = updates.since(c, row)
    rows = updates.of_incident(c, number)
    rules = config.types.of(row["type"])
    found = due(row, rules, updates.told(rows), began_at=began_at, now=at)
    if found.look_at is not None:
        updates.look(c, number, found.look_at, at)
    if found.passed is not None and (reminded is None or reminded < found.passed):
        last = rows[-1]["sent_at"] if rows else None
        _say(c, config, row, found, last=last, every=cadence(rules, row["severity"]), now=at)


def dead(c: Connection, job: Job, config: Config, now: float, error: str) -> None:
    """A look was given up: it is done here, so that the next one is written."""
    log.error("updates of incident #%s: %s", job.incident, error)
    remind(c, job, config, now)


def _say(
    c: Connection,
    config: Config,
    row: Row,
    found: Due,
    *,
    last: float | None,
    every: float | None,
    now: float,
) -> None:
    assert found.passed is not None
    number, kind = row["number"], EventKind.UPDATE_DUE
    names, part = _who(c, number)
    whom = f", for {', '.join(names)} ({part})" if names else ""
    text = f"Update due{whom}: {_why(row, found, last, every, now)}"
    data = {"due_at": found.passed, "audience": found.audience, "for": names}
    timeline.append(c, number, now, kind, incidents.SELF, text, data)
    key = str(round(found.passed * 1000))
    for job in outbox.notices(key, kind, number, config.channels.values(), now, text):
        jobs.enqueue(c, job, now)


def _who(c: Connection, number: int) -> tuple[list[str], str]:
    for part, words in _TELLS.items():
        if names := [one["name"] for one in people.holders(c, number, part.value)]:
            return names, words
    return [], ""


def _why(row: Row, found: Due, last: float | None, every: float | None, now: float) -> str:
    if found.audience is not None:
        return f"the next {found.audience} update was promised for this time"
    ago = "none was posted yet" if last is None else f"the last was {_lasted(now - last)} ago"
    if every is None:
        return ago
    return f"{ago}; of a SEV{row['severity']} one is due every {_lasted(every)}"


def _lasted(seconds: float) -> str:
    return windows.show(max(1.0, round(seconds) if seconds < 3_600 else seconds // 60 * 60))
