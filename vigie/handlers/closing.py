"""The `close` job: once an hour, close what ended long enough ago by the rules of its type."""

import logging

from sqlalchemy import Connection

from vigie.clock import Clock
from vigie.commands import closing
from vigie.commands.errors import CommandError
from vigie.jobs.worker import Done
from vigie.live import Board
from vigie.store import incidents, jobs
from vigie.store.db import Database
from vigie.store.jobs import Job, NewJob

EVERY_S = 3600
KIND = "close"
REASON = "it ended long enough ago, and nothing spoke against it"

log = logging.getLogger(__name__)


class CloseEnded:
    """Closes each in a transaction of its own, then writes its next job."""

    def __init__(self, *, db: Database, board: Board, clock: Clock) -> None:
        self._db = db
        self._board = board
        self._clock = clock

    async def __call__(self, _job: Job) -> Done:
        now = self._clock.now()
        config = self._board.now.config
        looked: int | None = 0
        while looked is not None:

            def read(c: Connection, since: int = looked) -> tuple[list[int], int | None]:
                return closing.ripe(c, config, now, since)

            numbers, looked = await self._db.aread(read)
            for number in numbers:
                await self._close(number, now)
        return Done(lambda c: begin(c, now + EVERY_S))

    async def _close(self, number: int, now: float) -> None:
        config = self._board.now.config

        def work(c: Connection) -> None:
            closing.closed(
                c, config, number, actor=incidents.SELF, reason=REASON, roles=None, now=now
            )

        try:
            await self._db.awrite(work)
        except CommandError as error:  # somebody changed it in this moment
            log.info("not closed: %s", error)


def begin(c: Connection, now: float) -> None:
    """Write the job of this hour, for a server that starts; harmless where the chain runs."""
    run_at = now // EVERY_S * EVERY_S
    jobs.enqueue(
        c, NewJob(kind=KIND, dedup=f"{KIND}:{int(run_at)}", payload={}, run_at=run_at), now
    )
