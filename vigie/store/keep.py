"""Keeping: what is deleted after a while, and how long the disk lasts."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, text, tuple_

from slo.ledger import KEPT_WIDTHS_S, MINUTE_S
from vigie.store import changes, deliveries, meta, runs, states, subscribers
from vigie.store.db import Database
from vigie.store.jobs import JobState
from vigie.store.tables import incident, job, ledger, span

DAY_S: Final = 86_400.0
FINE_S: Final = 4 * 3600.0  # slices under a minute: what a restart rebuilds the short windows from
BATCH: Final = 500  # rows of one kind in one transaction: a tick waits for no more than that
_SAMPLES: Final = "database_bytes_samples"
_SAMPLE_EVERY_S: Final = 3600.0
_SAMPLES_KEPT: Final = 7 * 24
_KNOWN_AFTER_S: Final = 6 * 3600.0  # shorter growth is mostly the noise of a file's page allocation


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, in seconds. Incidents, their timeline and runs, and the minutes of
    the ledger that lie in an incident are kept for ever.
    """

    slices_s: float = 400 * DAY_S
    deliveries_s: float = 90 * DAY_S
    runs_s: float = 90 * DAY_S


def prune(c: Connection, now: float, retention: Retention) -> Mapping[str, int]:
    """Delete one small batch of everything that is too old; how many rows of each kind. Call it
    again, each time in a transaction of its own, until every count is zero.
    """
    return {
        "fine_slices": _slices(c, now - FINE_S, now, ledger.c.width_s < MINUTE_S),
        "slices": _slices(c, now - retention.slices_s, now, ledger.c.width_s.in_(KEPT_WIDTHS_S)),
        "spans": _spans(c, now - retention.slices_s),
        "service_states": states.prune(c, now - retention.slices_s, BATCH),
        "changes": changes.prune(c, now - retention.slices_s, BATCH),
        "deliveries": deliveries.prune(c, now - retention.deliveries_s, BATCH),
        "jobs": _jobs(c, now - retention.deliveries_s),
        "subscribers": subscribers.prune(c, now - subscribers.UNCONFIRMED_S, BATCH),
        "run_outputs": runs.prune(c, now - retention.runs_s, BATCH),
    }


@dataclass(frozen=True, slots=True)
class Usage:
    """`free_bytes` is None where the database can't see its disk (PostgreSQL); `days_to_full` where
    growth is not known yet, or there is none.
    """

    database_bytes: int
    free_bytes: int | None
    days_to_full: float | None


def usage(db: Database) -> Usage:
    """How big the database is and how long the disk lasts at its present growth."""
    size, samples = db.read(lambda c: (_size(c), _samples(c)))
    free = None
    if db.dialect == "sqlite":
        free = shutil.disk_usage(db.url.removeprefix("sqlite:///")).free
    return Usage(size, free, _days_to_full(samples, free))


def sample(c: Connection, now: float) -> None:
    """Note the database's size for `usage`, at most once an hour. Call it when pruning."""
    samples = _samples(c)
    if samples and now - samples[-1][0] < _SAMPLE_EVERY_S:
        return
    samples.append((now, _size(c)))
    meta.set_(c, _SAMPLES, orjson.dumps(samples[-_SAMPLES_KEPT:]).decode())


def _slices(c: Connection, before: float, now: float, widths: ColumnElement[bool]) -> int:
    """Rows of these widths that began before a time, but for minutes that lie in an incident."""
    told = exists().where(
        incident.c.started_at < ledger.c.slice_start + ledger.c.width_s,
        func.coalesce(incident.c.resolved_at, now) > ledger.c.slice_start,
    )
    old = and_(widths, ledger.c.slice_start < int(before))
    key = (ledger.c.width_s, ledger.c.slice_start)
    batch = select(*key).where(old, or_(ledger.c.width_s != MINUTE_S, ~told)).limit(BATCH)
    return c.execute(ledger.delete().where(tuple_(*key).in_(batch))).rowcount


def _spans(c: Connection, before: float) -> int:
    batch = select(span.c.id).where(span.c.ended_at < before).limit(BATCH)
    return c.execute(span.delete().where(span.c.id.in_(batch))).rowcount


def _jobs(c: Connection, before: float) -> int:
    """Jobs that ended; one that needs attention stays until it gets it."""
    ended = job.c.state.in_([JobState.DONE, JobState.DEAD])
    batch = select(job.c.id).where(ended, job.c.finished_at < before).limit(BATCH)
    return c.execute(job.delete().where(job.c.id.in_(batch))).rowcount


def _size(c: Connection) -> int:
    if c.dialect.name == "postgresql":
        return int(c.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    pages = int(c.exec_driver_sql("PRAGMA page_count").scalar_one())
    return pages * int(c.exec_driver_sql("PRAGMA page_size").scalar_one())


def _samples(c: Connection) -> list[tuple[float, int]]:
    return [(at, size) for at, size in orjson.loads(meta.get(c, _SAMPLES) or "[]")]


def _days_to_full(samples: list[tuple[float, int]], free: int | None) -> float | None:
    if free is None or not samples:
        return None
    (first_at, first), (last_at, last) = samples[0], samples[-1]
    if last_at - first_at < _KNOWN_AFTER_S or last <= first:
        return None
    return free / ((last - first) / (last_at - first_at)) / DAY_S
