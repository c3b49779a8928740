"""What a job does, by kind; and who hears of a job that was given up."""

from collections.abc import Callable

import aiohttp
from sqlalchemy import Connection

from vigie.clock import Clock
from vigie.handlers.keep import Keep, next_keep
from vigie.handlers.notify import Notify, page_dead
from vigie.handlers.step import RunStep, step_dead
from vigie.handlers.target import WatchTarget
from vigie.jobs.worker import Handler
from vigie.live import Board
from vigie.notify.outbox import PAGE
from vigie.store import jobs, ranking
from vigie.store.db import Database
from vigie.store.jobs import Job
from vigie.store.keep import Retention
from vigie.telemetry import Telemetry


def build(
    *,
    db: Database,
    board: Board,
    clock: Clock,
    session: aiohttp.ClientSession,
    telemetry: Telemetry,
    base_url: str,
    retention: Retention,
) -> dict[str, Handler]:
    """The handlers by kind of job. `session` is one that keeps no cookies; it stays the caller's.
    `base_url` is where people reach Vigie's pages, for the links in messages.
    """
    return {
        "notify": Notify(db=db, board=board, clock=clock, session=session, base_url=base_url),
        "step": RunStep(db=db, clock=clock, session=session, telemetry=telemetry),
        ranking.TIMER: WatchTarget(board=board, clock=clock),
        "keep": Keep(db=db, clock=clock, retention=retention),
    }


def on_dead(board: Board, clock: Clock) -> Callable[[Connection, Job, str], None]:
    """What to do, in the same transaction, when a job is given up: a page that reached nobody is
    told to the other channels, a diagnosis goes on with its next step, keeping goes on in an hour.
    """

    def tell(c: Connection, job: Job, error: str) -> None:
        now = clock.now()
        if job.kind == "notify" and job.payload["kind"] == PAGE:
            page_dead(c, job, board.now.config.channels.values(), now, error)
        elif job.kind == "step":
            step_dead(c, job, now, error)
        elif job.kind == "keep":
            jobs.enqueue(c, next_keep(now), now)

    return tell
