"""The `remind_recovered` job: says once a day that an incident which recovered is still open."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from incidents.model import EventKind
from slo import windows
from vigie.clock import Clock
from vigie.config import Channel
from vigie.jobs.worker import Done
from vigie.live import Board
from vigie.notify import outbox
from vigie.store import incidents, jobs, ranking
from vigie.store.jobs import Job

EXACT_S: Final = 0.001


class RemindRecovered:
    """Sends the notice again while nobody has resolved it and it did not relapse."""

    def __init__(self, *, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock

    async def __call__(self, job: Job) -> Done:
        now = self._clock.now()
        channels = list(self._board.now.config.channels.values())
        return Done(lambda c: tell(c, job, channels, now))


def tell(c: Connection, job: Job, channels: Iterable[Channel], now: float) -> None:
    """Say it to whoever gets notices, and write the job of the next day; or nothing."""
    number, recovered_at = job.incident or 0, float(job.payload["recovered_at"])
    row = ranking.held(c, number)
    if row is None or row["open_key"] is None or row["recovered_at"] is None:
        return  # resolved, or it relapsed
    if abs(row["recovered_at"] - recovered_at) >= EXACT_S:
        return  # it relapsed and recovered again, which has reminders of its own
    incident = incidents.get(c, number)
    assert incident is not None, "its row is held"
    since = windows.show(float(max(1, round(now - recovered_at))))
    text = f"Recovered {since} ago and still open; resolve it when the work is done"
    kind = EventKind.RECOVERED
    for notice in outbox.jobs_for(kind, incident, channels, now, text, asked=True):
        jobs.enqueue(c, notice, now)
    late = int((now - recovered_at) // outbox.REMIND_EVERY_S)  # a server that was away: once
    jobs.enqueue(c, outbox.reminder(number, recovered_at, max(late, job.payload["times"]) + 1), now)
