"""The `task` job: reminds of a task that is due, or looks whether what was done holds.

What a look finds is written in the transaction that ends the job, and only if the task still is
what the job was written for; so is the next job. A worker that dies over one leaves it to the next.
"""

import logging
from collections.abc import Iterable
from typing import Any

import aiohttp
from sqlalchemy import Connection

from collectors.errors import AccessError, SourceError
from collectors.promapi import PromApi
from incidents import task_checks
from incidents.model import EventKind
from incidents.task_checks import Check, Finding, PromqlCheck, RunCheck, SloCheck
from incidents.tasks import LEFT, Reminder, TaskState, look_after
from slo import windows
from slo.spec import SloId
from vigie.clock import Clock
from vigie.config import Config
from vigie.jobs.worker import Done
from vigie.live import Board, Live
from vigie.notify.tasks import changed, tell
from vigie.store import incidents, tasks, timeline
from vigie.store.db import Database
from vigie.store.jobs import Job
from vigie.store.tasks import Row

STALE_S = 600.0  # figures that are older say nothing of now

log = logging.getLogger(__name__)


class WatchTask:
    """Reminders and checks of tasks. `session` asks DataSources, and stays the caller's."""

    def __init__(
        self, *, db: Database, board: Board, clock: Clock, session: aiohttp.ClientSession
    ) -> None:
        self._db = db
        self._board = board
        self._clock = clock
        self._session = session

    async def __call__(self, job: Job) -> Done:
        if job.payload["what"] == tasks.REMIND:
            now, config = self._clock.now(), self._board.now.config
            return Done(lambda c: remind(c, job, config, now))
        return await self._look(job)

    async def _look(self, job: Job) -> Done:
        row = await self._db.aread(lambda c: _stored(c, job))
        if row is None or not _is_looked_at(row, job):
            return Done()
        finding = await self._ask(row, task_checks.check_of(row["check_asked"]))
        now, config = self._clock.now(), self._board.now.config
        return Done(lambda c: found(c, job, config, finding, now))

    async def _ask(self, row: Row, check: Check) -> Finding:
        match check:
            case SloCheck():
                return of_slo(self._board.now, check, self._clock.now())
            case RunCheck(runbook):
                number = row["incident"]
                state = await self._db.aread(lambda c: tasks.run_state(c, number, runbook))
                return task_checks.judge_run(check, state)
            case PromqlCheck():
                return await self._query(check)

    async def _query(self, check: PromqlCheck) -> Finding:
        source = self._board.now.config.sources.get(check.source)
        if source is None:
            return Finding(None, f"there is no DataSource `{check.source}` any more")
        api = PromApi(self._session, source, self._clock)
        try:
            series = await api.query(check.expr, self._clock.now() - source.lag_s)
        except (SourceError, AccessError) as error:
            return Finding(None, f"no answer of {source.name}: {error.reason}")
        values = [float(one.values[-1]) for one in series if len(one.values)]
        return task_checks.judge_values(check, values)


def remind(c: Connection, job: Job, config: Config, now: float) -> None:
    """Tell of a task that is near its due time, or past it; nothing of one that is done, or due at
    another time by now. The next reminder is written here too.
    """
    row = tasks.by_id(c, job.payload["task"])
    if row is None or row["state"] not in LEFT or not _is_of(row, job, "due_at", "due_set_at"):
        return
    reminder, at = Reminder(job.payload["reminder"]), job.payload["at"]
    tasks.remind(c, row, at, now)
    late = now >= row["due_at"]
    if reminder is Reminder.BEFORE and late:
        return  # the next one says so
    text = _due_text(row, now)
    if reminder is not Reminder.DAILY:
        data = {"task": row["number"], "due_at": row["due_at"], "owner": row["owner"]}
        by = incidents.SELF
        timeline.append(c, row["incident"], now, EventKind.TASK_DUE, by, text, data)
    tell(c, config, row, EventKind.TASK_DUE, text, at, now)


def found(c: Connection, job: Job, config: Config, finding: Finding, now: float) -> None:
    """Write what a look found: verified, or when the next look is; after 30 days that it is not."""
    row = _stored(c, job)
    if row is None or not _is_looked_at(row, job):
        return
    if finding.holds:
        values = {"checked_at": now, "check_result": finding.text, "verified_by": incidents.SELF}
        state = {"state": TaskState.VERIFIED.value, "verified_at": max(now, row["done_at"])}
        after = tasks.change(c, row, **state, **values)
        what = f"verified by its check, {finding.text}: {row['title']}"
        changed(c, after, incidents.SELF, now, what)
        return
    said = "not known" if finding.holds is None else "not yet"
    tasks.looked(c, row, now, f"{said}: {finding.text}")
    if job.payload["asked"]:
        return  # those that come by themselves go on beside it
    if (following := look_after(now, row["done_at"])) is not None:
        tasks.look(c, row, following, now)
        return
    what = f"not verified within 30 days of being done, {finding.text}: {row['title']}"
    changed(c, row, incidents.SELF, now, what)
    text = f"Task {row['number']} {what}"
    tell(c, config, row, EventKind.TASK_CHANGED, text, now, now)


def dead(c: Connection, job: Job, config: Config, now: float, error: str) -> None:
    """A job of a task was given up: what it was for is said, and what comes after it goes on."""
    row = _stored(c, job)
    if row is None:
        return
    log.error("task %d of incident #%d: %s", row["number"], row["incident"], error)
    if job.payload["what"] == tasks.REMIND:
        remind(c, job, config, now)
    else:
        found(c, job, config, Finding(None, f"the check could not be run ({error[:200]})"), now)


def of_slo(live: Live, check: SloCheck, now: float) -> Finding:
    """What the figures of the last tick say of an SLO."""
    watch = live.config.watches.get(SloId(check.slo))
    if watch is None:
        return Finding(None, f"there is no SLO `{check.slo}` any more")
    figures = live.status.slos.get(watch.slo.id) if live.status is not None else None
    if live.status is None or figures is None or now - live.status.at > STALE_S:
        return Finding(None, "no data: nothing was measured lately")
    own = check.window_s in (0.0, watch.slo.window_s)
    window = figures.window if own else figures.burns.get(check.window_s)
    if window is None:
        return Finding(None, f"not measured over {windows.show(check.window_s)} any more")
    return task_checks.judge_slo(
        check,
        watch.slo.objective,
        window.sli,
        window.burn_rate,
        window.coverage,
        watch.policy.coverage_floor,
    )


def _stored(c: Connection, job: Job) -> Row | None:
    return tasks.by_id(c, job.payload["task"])


def _is_looked_at(row: Row, job: Job) -> bool:
    """Whether the task still is as it was when this look was ordered."""
    asked = row["check_asked"] is not None
    return row["state"] == TaskState.DONE and asked and _is_of(row, job, "version")


def _is_of(row: Row, job: Job, *names: str) -> bool:
    fields: Iterable[tuple[Any, Any]] = ((row[name], job.payload[name]) for name in names)
    return all(stored == meant for stored, meant in fields)


def _due_text(row: Row, now: float) -> str:
    owner = f" of {row['owner']}" if row["owner"] else ", which nobody owns,"
    length_s = round(abs(row["due_at"] - now))
    # Days are enough of a time so long.
    exact = 3_600 if length_s >= 2 * 86_400 else 60 if length_s >= 7_200 else 1
    shown = windows.show(max(1, length_s // exact * exact))
    when = f"is due in {shown}" if now < row["due_at"] else "is due now"
    if length_s and now > row["due_at"]:
        when = f"is late by {shown}"
    return f"Task {row['number']}{owner} {when}: {row['title']}"
