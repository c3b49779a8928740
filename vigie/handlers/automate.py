"""The `automate` job: what automations do about one entry of a timeline.

What is to be done is decided in one transaction and each action is one of its own, so that a worker
that dies is followed by one that goes on where it was.
"""

import asyncio

from sqlalchemy import Connection

from vigie import faults
from vigie.clock import Clock
from vigie.commands import automation
from vigie.config import Config
from vigie.jobs.worker import Done
from vigie.live import Board
from vigie.store import automations
from vigie.store.db import Database
from vigie.store.jobs import Job


class Automate:
    """Runs the automations that are for an entry."""

    def __init__(self, *, db: Database, board: Board, clock: Clock) -> None:
        self._db = db
        self._board = board
        self._clock = clock

    async def __call__(self, job: Job) -> Done:
        config, now = self._board.now.config, self._clock.now()
        number, position, only = _asked(job)
        ids = await self._db.awrite(
            lambda c: automation.decide(c, config, number, position, only, now)
        )
        for id_ in ids:
            await asyncio.to_thread(self._run, config, id_)
        return Done()

    def _run(self, config: Config, id_: int) -> None:
        while automation.act(self._db, config, id_, self._clock.now()):
            faults.reach("automation.after_action")
        self._db.write(lambda c: automation.end(c, config, id_, self._clock.now()))


def wait(c: Connection, *configs: Config) -> None:
    """Have entries looked at that the automations of these files wait for, from now on."""
    every = [one for config in configs for one in config.automations]
    automations.wait_for(c, {event for one in every for event in one.events})


def dead(c: Connection, job: Job, config: Config, now: float, error: str) -> None:
    """A job was given up: what is left of its runs is said not to be done."""
    number, position, only = _asked(job)
    for run in automations.of_entry(c, number, position):
        if only is None or run["automation"] == only:
            automation.end(c, config, run["id"], now, trouble=error)


def _asked(job: Job) -> tuple[int, int, str | None]:
    assert job.incident is not None, "it is about an entry of one"
    return job.incident, job.payload["position"], job.payload["automation"]
