"""What is deleted, what is kept for ever, and when the disk is full."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Connection, insert, select

from collectors.changes import Change, Kind, Status
from incidents.model import Event, EventKind, IncidentType, Severity, Signal, Urgency
from slo.ledger import Row
from slo.spans import Spans
from vigie.store import changes, deliveries, incidents, jobs, keep, ledger
from vigie.store.db import Database
from vigie.store.jobs import NewJob
from vigie.store.keep import BATCH, DAY_S, Retention, Usage
from vigie.store.tables import job
from vigie.store.tables import ledger as rows

NOW = 1_000 * DAY_S
SIGNAL = Signal(
    key="k",
    type=IncidentType.SLO_BURN,
    service="s",
    slo="o",
    title="t",
    urgency=Urgency.HIGH,
    severity=Severity.SEV1,
    started_at=0.0,
    firing=True,
    clear=False,
    recover_after_s=1.0,
)


def prune(db: Database, retention: Retention | None = None) -> Counter[str]:
    """Prune until nothing is left to do, as the server does."""
    total: Counter[str] = Counter()
    while True:
        counts = db.write(lambda c: keep.prune(c, NOW, retention or Retention()))
        if not any(counts.values()):
            return +total
        total.update(counts)


def put_slices(db: Database, *places: tuple[int, float]) -> None:
    ones = np.ones(1, dtype=np.int64)
    made = [Row(width, int(at), 1, ones, ones, ones) for width, at in places]
    db.write(lambda c: ledger.write_slices(c, made, ledger.sli_ids(c, ["a"])))


def left(db: Database) -> list[tuple[int, int]]:
    ask = select(rows.c.width_s, rows.c.slice_start).order_by(rows.c.width_s, rows.c.slice_start)
    return [(width, start) for width, start in db.read(lambda c: c.execute(ask).all())]


def test_slices_are_kept_by_their_width(db: Database) -> None:
    fine, old = NOW - 4 * 3600, NOW - 400 * DAY_S
    put_slices(db, (10, fine - 10), (10, fine), (60, fine - 60), (60, old), (3600, old))
    put_slices(db, (60, old - 60), (3600, old - 3600))
    assert prune(db) == {"fine_slices": 1, "slices": 2}
    assert left(db) == [(10, fine), (60, old), (60, fine - 60), (3600, old)]


def test_the_minutes_of_an_incident_are_kept_for_ever(db: Database) -> None:
    began = NOW - 500 * DAY_S
    signal = replace(SIGNAL, started_at=began + 90)

    def happen(c: Connection) -> None:
        incidents.open_incident(c, signal, began + 100)
        incidents.apply(c, Event(EventKind.RESOLVED, "k", began + 200, 1))

    db.write(happen)
    put_slices(db, *((60, began + 60 * n) for n in range(6)), (3600, began))
    assert prune(db) == {"slices": 4}
    assert left(db) == [(60, began + 60 * n) for n in (1, 2, 3)]


def test_pruning_goes_in_small_batches(db: Database) -> None:
    old = int(NOW - 3 * 4 * 3600)
    blank = [
        {"width_s": 10, "slice_start": old + n, "revision": 1, "bytes": b""}
        for n in range(BATCH + 1)
    ]
    db.write(lambda c: c.execute(insert(rows), blank))
    first = db.write(lambda c: keep.prune(c, NOW, Retention()))
    assert first["fine_slices"] == BATCH
    assert prune(db) == {"fine_slices": 1}


def test_spans_deliveries_and_ended_jobs_go_in_time(db: Database) -> None:
    old = NOW - 91 * DAY_S

    def fill(c: Connection) -> None:
        ids = ledger.sli_ids(c, ["a"])
        one, times = np.zeros(1, dtype=np.int64), np.full(1, NOW - 401 * DAY_S)
        ledger.write_spans(c, Spans(one, times, times, one, one), ids)
        for at in (old, NOW):
            deliveries.record(c, "d", 1, "ch", "page", 1, at, "delivered", "")
        for state in ("done", "dead", "needs_attention", "ready", "running"):
            jobs.enqueue(c, NewJob("k", state, {}, old), old)
            ended = old if state in ("done", "dead", "needs_attention") else None
            place = job.update().where(job.c.dedup == state)
            c.execute(place.values(state=state, finished_at=ended))

    db.write(fill)
    assert prune(db) == {"spans": 1, "deliveries": 1, "jobs": 2}
    kept = db.read(lambda c: c.execute(select(job.c.dedup).order_by(job.c.id)).scalars().all())
    assert kept == ["needs_attention", "ready", "running"]


def test_changes_are_kept_as_long_as_slices_by_when_they_ended(db: Database) -> None:
    old = NOW - 400 * DAY_S
    over = Change("api", None, "over", Kind.DEPLOY, Status.SUCCEEDED, old - 9, old - 9, old - 1)
    late = replace(over, title="ended late", finished_at=old)

    def tell(c: Connection) -> None:
        for told in (over, late):
            changes.record(c, replace(told, services=("s",)), NOW)

    db.write(tell)
    assert prune(db) == {"changes": 1}
    assert [one.change.title for one in db.read(changes.page)] == ["ended late"]
    assert prune(db, Retention(slices_s=399 * DAY_S)) == {"changes": 1}


def test_retention_is_a_setting(db: Database) -> None:
    put_slices(db, (60, NOW - 2 * DAY_S))
    assert prune(db) == {}
    assert prune(db, Retention(slices_s=DAY_S)) == {"slices": 1}


def test_days_to_full_are_unknown_until_growth_was_measured(db: Database) -> None:
    first = keep.usage(db)
    assert first.database_bytes > 0
    assert (first.free_bytes is None) is (db.dialect == "postgresql")
    assert first.days_to_full is None
    db.write(lambda c: keep.sample(c, NOW))
    blob = [
        {"width_s": 60, "slice_start": n, "revision": 1, "bytes": bytes(8000)} for n in range(200)
    ]
    db.write(lambda c: c.execute(insert(rows), blob))
    db.write(lambda c: keep.sample(c, NOW + 600))  # too early: not a sample
    assert keep.usage(db).days_to_full is None
    db.write(lambda c: keep.sample(c, NOW + DAY_S))
    grown = keep.usage(db)
    if grown.free_bytes is not None:
        assert grown.days_to_full == pytest.approx(
            grown.free_bytes / (grown.database_bytes - first.database_bytes), rel=1e-6
        )


def test_a_database_that_does_not_grow_never_fills_the_disk(db: Database) -> None:
    for hours in (0, 12, 24):
        db.write(lambda c, h=hours: keep.sample(c, NOW + 3600 * h))
    assert isinstance(keep.usage(db), Usage)
    assert keep.usage(db).days_to_full is None
