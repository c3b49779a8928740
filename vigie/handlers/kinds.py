"""What a job does, by kind; and who hears of a job that was given up."""

from collections.abc import Callable
from pathlib import Path

import aiohttp
from sqlalchemy import Connection

from vigie.clock import Clock
from vigie.handlers.automate import Automate
from vigie.handlers.automate import dead as automation_dead
from vigie.handlers.closing import EVERY_S as CLOSE_EVERY_S
from vigie.handlers.closing import KIND as CLOSE
from vigie.handlers.closing import CloseEnded
from vigie.handlers.closing import begin as begin_closing
from vigie.handlers.keep import Keep, next_keep
from vigie.handlers.measure import Measure, go_on
from vigie.handlers.notify import Notify, page_dead
from vigie.handlers.recovered import RemindRecovered
from vigie.handlers.status_mail import StatusMail
from vigie.handlers.step import RunStep, step_dead
from vigie.handlers.target import WatchTarget
from vigie.handlers.task import WatchTask
from vigie.handlers.task import dead as task_dead
from vigie.handlers.update import WatchUpdates
from vigie.handlers.update import dead as updates_dead
from vigie.jobs.worker import Handler
from vigie.live import Board, Collected
from vigie.notify import outbox
from vigie.notify.outbox import PAGE
from vigie.notify.status import KIND as STATUS_MAIL
from vigie.store import automations, impact, jobs, ranking, tasks, updates
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
    collected: Collected,
    slice_s: int,
    history: Path | None,
) -> dict[str, Handler]:
    """The handlers by kind of job. `session` is one that keeps no cookies; it stays the caller's.
    `base_url` is where people reach Vigie's pages, for the links in messages; `history` is the
    folder of closed days of the ledger, whose slices are `slice_s` long.
    """
    return {
        "notify": Notify(db=db, board=board, clock=clock, session=session, base_url=base_url),
        "step": RunStep(db=db, clock=clock, session=session, telemetry=telemetry),
        ranking.TIMER: WatchTarget(board=board, clock=clock),
        updates.JOB: WatchUpdates(board=board, clock=clock),
        tasks.JOB: WatchTask(db=db, board=board, clock=clock, session=session),
        outbox.REMIND: RemindRecovered(board=board, clock=clock),
        impact.KIND: Measure(
            db=db, board=board, clock=clock, collected=collected, slice_s=slice_s, folder=history
        ),
        STATUS_MAIL: StatusMail(db=db, board=board, clock=clock, base_url=base_url),
        automations.JOB: Automate(db=db, board=board, clock=clock),
        CLOSE: CloseEnded(db=db, board=board, clock=clock),
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
        elif job.kind == tasks.JOB:
            task_dead(c, job, board.now.config, now, error)
        elif job.kind == updates.JOB:
            updates_dead(c, job, board.now.config, now, error)
        elif job.kind == automations.JOB:
            automation_dead(c, job, board.now.config, now, error)
        elif job.kind == CLOSE:
            begin_closing(c, now + CLOSE_EVERY_S)
        elif job.kind == "keep":
            jobs.enqueue(c, next_keep(now), now)
        elif job.kind == impact.KIND:
            go_on(c, job, now)

    return tell
