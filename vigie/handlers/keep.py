"""The `keep` job: once an hour, delete what is older than it has to be kept, in small batches."""

import logging
from collections.abc import Mapping

from sqlalchemy import Connection

from vigie.clock import Clock
from vigie.jobs.worker import Done
from vigie.store import jobs, keep
from vigie.store.db import Database
from vigie.store.jobs import Job, NewJob
from vigie.store.keep import Retention

EVERY_S = 3600

log = logging.getLogger(__name__)


class Keep:
    """Prunes until nothing is left to prune, then writes its next job."""

    def __init__(self, *, db: Database, clock: Clock, retention: Retention) -> None:
        self._db = db
        self._clock = clock
        self._retention = retention

    async def __call__(self, _job: Job) -> Done:
        now = self._clock.now()
        deleted: dict[str, int] = {}

        def prune(c: Connection) -> Mapping[str, int]:
            return keep.prune(c, now, self._retention)

        # Each batch is a transaction of its own: ticks come in between.
        while any((batch := await self._db.awrite(prune)).values()):
            for kind, rows in batch.items():
                deleted[kind] = deleted.get(kind, 0) + rows
        if deleted:
            log.info("kept as long as configured, then deleted: %s", deleted)

        def write(c: Connection) -> None:
            keep.sample(c, now)
            jobs.enqueue(c, next_keep(now), now)

        return Done(write)


def first_keep(now: float) -> NewJob:
    """The job that starts the chain, for a server that starts; harmless where the chain runs."""
    return _at(now // EVERY_S * EVERY_S)


def next_keep(now: float) -> NewJob:
    """The job of the next full hour."""
    return _at((now // EVERY_S + 1) * EVERY_S)


def _at(run_at: float) -> NewJob:
    return NewJob(kind="keep", dedup=f"keep:{int(run_at)}", payload={}, run_at=run_at)
