"""Durable jobs: one table is outbox, timers and step queue, claimed with leases and fences.

Rules, each learnt from somebody's lost page: a job is written in the transaction of the fact that
causes it; attempts are counted when it is claimed, so that one that kills the process ends too; a
fence that grows at every claim shuts out the worker that lost its lease; a job that is not
idempotent and whose worker died waits for a person.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    tuple_,
    update,
)

from vigie.store.sql import from_json, insert, to_json
from vigie.store.tables import job as t


class JobState(StrEnum):
    READY = "ready"
    RUNNING = "running"  # under a lease
    DONE = "done"
    DEAD = "dead"  # given up; somebody was told
    NEEDS_ATTENTION = "needs_attention"  # interrupted and not idempotent: a person decides


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be done at `run_at` or later. `dedup` is its name for ever: a second job of the same
    name is not enqueued, and receivers get it to drop repeats.
    """

    kind: str
    dedup: str
    payload: Mapping[str, Any]
    run_at: float
    incident: int | None = None
    max_attempts: int = 30
    idempotent: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """A job that a worker holds. `attempts` includes the one that is running."""

    id: int
    kind: str
    dedup: str
    payload: Mapping[str, Any]
    incident: int | None
    attempts: int
    max_attempts: int
    fence: int
    run_at: float
    idempotent: bool = True


Tell: TypeAlias = Callable[[Connection, Job, str], None]


def enqueue(c: Connection, job: NewJob, now: float) -> bool:
    """Write a job; False when one of this dedup key exists, whatever became of it."""
    values = {
        "kind": job.kind,
        "dedup": job.dedup,
        "state": JobState.READY,
        "run_at": job.run_at,
        "payload": to_json(job.payload),
        "incident": job.incident,
        "max_attempts": job.max_attempts,
        "idempotent": int(job.idempotent),
        "created_at": now,
    }
    added = insert(c, t).values(values).on_conflict_do_nothing(index_elements=["dedup"])
    return c.execute(added.returning(t.c.id)).first() is not None


def claim(
    c: Connection,
    worker: str,
    kinds: Collection[str],
    *,
    now: float,
    lease_s: float,
    limit: int,
    tell: Tell | None = None,
) -> list[Job]:
    """Take up to `limit` due jobs under a lease until `now + lease_s`, longest overdue first.

    A job whose lease ran out is due again. One that has used up its attempts becomes dead, one that
    is not idempotent and was interrupted needs attention; `tell` is called for both, here in this
    transaction.
    """
    due = (
        select(t)
        .where(t.c.kind.in_(sorted(kinds)), or_(_ready(now), _abandoned(now)))
        .order_by(t.c.run_at, t.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # PostgreSQL; SQLite's writer is alone anyway
    )
    claimed = []
    for row in c.execute(due).mappings().all():
        if (end := _end_of(row)) is not None:
            _bury(c, row, *end, now=now, tell=tell)
        else:
            claimed.append(row)
    if not claimed:
        return []
    c.execute(_CLAIM, [_taken(row, worker, now + lease_s) for row in claimed])
    return [_job(row, claims=1) for row in claimed]


def renew(
    c: Connection, ids_and_fences: Iterable[tuple[int, int]], now: float, lease_s: float
) -> set[int]:
    """Prolong leases to `now + lease_s`; the ids of those that are still held."""
    held = list(ids_and_fences)
    if not held:
        return set()
    mine = and_(t.c.state == JobState.RUNNING, tuple_(t.c.id, t.c.fence).in_(held))
    renewed = update(t).where(mine).values(lease_until=now + lease_s).returning(t.c.id)
    return set(c.execute(renewed).scalars())


def finish(c: Connection, job: Job, now: float) -> bool:
    """Mark a job done; False when its lease was lost: then nothing of it may be written."""
    return _leave(c, job, state=JobState.DONE, error=None, finished_at=now)


def retry_later(c: Connection, job: Job, run_at: float, error: str) -> bool:
    """Give a job back until `run_at`; False when its lease was lost."""
    return _leave(c, job, state=JobState.READY, run_at=run_at, error=error)


def kill(c: Connection, job: Job, now: float, error: str) -> bool:
    """Give a job up for ever; False when its lease was lost. The caller tells somebody."""
    return _leave(c, job, state=JobState.DEAD, error=error, finished_at=now)


def release(c: Connection, worker: str, tell: Tell | None = None) -> int:
    """Give back all that a stopping worker holds, so that the next one need not wait for leases.

    Being stopped is no failed attempt, so it is not counted. A job that is not idempotent may have
    done half of its work and needs attention.
    """
    mine = select(t).where(t.c.state == JobState.RUNNING, t.c.worker == worker).with_for_update()
    rows = c.execute(mine).mappings().all()
    for row in rows:
        if row["idempotent"]:
            _leave(c, _job(row), state=JobState.READY, attempts=row["attempts"] - 1)
        else:
            _bury(c, row, JobState.NEEDS_ATTENTION, _STOPPED, now=None, tell=tell)
    return len(rows)


def end_all_leases(c: Connection) -> int:
    """Make every running job due at once. Only for a process that knows all workers to be dead."""
    running = update(t).where(t.c.state == JobState.RUNNING)
    return c.execute(running.values(lease_until=0.0)).rowcount


def next_run_at(c: Connection, kinds: Collection[str] | None = None) -> float | None:
    """When the next job (of these kinds) is due: its time, or the end of its lease."""
    at = case((t.c.state == JobState.RUNNING, t.c.lease_until), else_=t.c.run_at)
    waiting = select(func.min(at)).where(t.c.state.in_([JobState.READY, JobState.RUNNING]))
    if kinds is not None:
        waiting = waiting.where(t.c.kind.in_(sorted(kinds)))
    found = c.execute(waiting).scalar()
    return None if found is None else float(found)


def counts(c: Connection) -> Mapping[str, int]:
    """How many jobs there are in each state."""
    found = c.execute(select(t.c.state, func.count()).group_by(t.c.state)).all()
    return {**dict.fromkeys(JobState, 0), **{JobState(state): n for state, n in found}}


_INTERRUPTED = "its worker died while it ran, and it must not run twice by itself"
_STOPPED = "the server stopped while it ran, and it must not run twice by itself"

_CLAIM = (
    update(t)
    .where(t.c.id == bindparam("the_id"))
    .values(
        state=JobState.RUNNING,
        attempts=t.c.attempts + 1,
        fence=t.c.fence + 1,
        worker=bindparam("by"),
        lease_until=bindparam("until"),
    )
)


def _taken(row: RowMapping, worker: str, until: float) -> dict[str, Any]:
    return {"the_id": row["id"], "by": worker, "until": until}


def _ready(now: float) -> ColumnElement[bool]:
    return and_(t.c.state == JobState.READY, t.c.run_at <= now)


def _abandoned(now: float) -> ColumnElement[bool]:
    return and_(t.c.state == JobState.RUNNING, t.c.lease_until <= now)


def _end_of(row: RowMapping) -> tuple[JobState, str] | None:
    """How a job ends that may not run again, and why; None for one that may."""
    if row["state"] == JobState.RUNNING and not row["idempotent"]:
        return JobState.NEEDS_ATTENTION, _INTERRUPTED
    if row["attempts"] >= row["max_attempts"]:
        last = row["error"] or "its worker died each time"
        return JobState.DEAD, f"gave up after {row['attempts']} attempts: {last}"
    return None


def _bury(
    c: Connection,
    row: RowMapping,
    state: JobState,
    why: str,
    *,
    now: float | None,
    tell: Tell | None,
) -> None:
    """End a job whose row this transaction holds."""
    ended = {"state": state, "error": why, "finished_at": now, "lease_until": None, "worker": None}
    c.execute(update(t).where(t.c.id == row["id"]).values(**ended))
    if tell is not None:
        tell(c, _job(row), why)


def _leave(c: Connection, job: Job, **values: Any) -> bool:
    """Let go of a job if it is still held under its fence."""
    held = and_(t.c.id == job.id, t.c.fence == job.fence, t.c.state == JobState.RUNNING)
    left = c.execute(update(t).where(held).values(lease_until=None, worker=None, **values))
    return left.rowcount == 1


def _job(row: RowMapping, claims: int = 0) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        dedup=row["dedup"],
        payload=from_json(row["payload"]),
        incident=row["incident"],
        attempts=row["attempts"] + claims,
        max_attempts=row["max_attempts"],
        fence=row["fence"] + claims,
        run_at=row["run_at"],
        idempotent=bool(row["idempotent"]),
    )
