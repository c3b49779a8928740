"""The past of one SLO as every reader sees it: its SLI bucket by bucket, and what happened then."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from sqlalchemy import Connection

from slo.exclusions import corrected, planned
from slo.ledger import HOUR_S, MINUTE_S, Ledger
from slo.rings import SPARE, rings
from slo.series import Ints
from slo.spans import Spans
from slo.spec import SloId
from vigie.config import Config, Watch
from vigie.live import Live
from vigie.store import changes as told_changes
from vigie.store import exclusions, incidents, ledger, outages
from vigie.store.changes import Stored
from vigie.store.db import Database
from vigie.store.visibility import Viewer
from vigie.views.changes import BEFORE_S
from vigie.views.shape import Object, when

MOST_BUCKETS: Final = 400
MOST_MARKS: Final = 100  # incidents or changes that one chart shows: the newest
_AFTER_S: Final = 1800.0  # shown of the time after an incident was over
_STEPS_S: Final = (MINUTE_S, 300, HOUR_S, 14_400)  # the ledger's tiers: no bucket is cut from two


@dataclass(frozen=True, slots=True)
class Range:
    """So much time up to now, in buckets of a width that the ledger has in memory for as long."""

    length_s: int
    step_s: int


RANGES: Final[Mapping[str, Range]] = {
    "1h": Range(HOUR_S, MINUTE_S),
    "6h": Range(6 * HOUR_S, 300),
    "1d": Range(24 * HOUR_S, 300),
    "3d": Range(72 * HOUR_S, HOUR_S),
    "30d": Range(720 * HOUR_S, 14_400),
}
DEFAULT: Final = "1d"


class Past(Protocol):
    """What the pipeline remembers of one SLO, at the moment `at`."""

    @property
    def at(self) -> float: ...

    @property
    def pending_s(self) -> float:
        """How much of the time before `at` the next pages will tell of."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The fingerprints of its columns, more than one where it is a composite."""

    @property
    def ledger(self) -> Ledger:
        """These columns alone."""

    def told(self, sums: Ints) -> tuple[float, float, float]:
        """Good and total events and measured seconds, of [good | total | measured_us, column]."""


@runtime_checkable
class Remembering(Protocol):
    """Figures by SLO that know their past too."""

    def past(self, slo: SloId) -> Past | None: ...


@dataclass(frozen=True, slots=True)
class Bucket:
    """One SLI in [start, end). `good` and `total` are None where nothing was measured; `sli` also
    where nothing happened. Events of a gap that began before it are in no bucket: nobody knows
    when they happened.
    """

    start: float
    end: float
    good: float | None
    total: float | None
    coverage: float

    @property
    def sli(self) -> float | None:
        if self.good is None or not self.total:
            return None
        return self.good / self.total


@dataclass(frozen=True, slots=True)
class Spell:
    """Something that lasted; `end` is None while it does. `url` leads to its page, if any."""

    start: float
    end: float | None
    text: str
    url: str = ""
    tone: str = ""  # of an incident, its severity


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened to a service, each in the order of time."""

    outages: tuple[Spell, ...] = ()
    excluded: tuple[Spell, ...] = ()  # planned, or taken out by a correction
    incidents: tuple[Spell, ...] = ()
    changes: tuple[Stored, ...] = ()  # those that began in the time shown


@dataclass(frozen=True, slots=True)
class Story:
    """One SLO in [start, end): what was measured, in the order of time, and what happened."""

    slo: str
    objective: float
    start: float
    end: float
    step_s: int
    buckets: tuple[Bucket, ...]
    happened: Happened = Happened()


def history(live: Live, slo_id: str, name: str = DEFAULT) -> Object | None:
    """The buckets of one SLO over a range, oldest first; None if there is none with this id.

    Nothing is read from the database: what it costs does not grow with the number of SLOs.
    """
    if SloId(slo_id) not in live.config.watches:
        return None
    past, asked = _past(live, slo_id), RANGES[name]
    found = list(_remembered(past, *_edges(past, asked), asked.step_s)) if past else []
    return {
        "range": name,
        "step_seconds": asked.step_s,
        "items": [_shown(one) for one in found],
        "next": None,
    }


def story(
    live: Live, db: Database, slo_id: str, name: str = DEFAULT, *, viewer: Viewer
) -> Story | None:
    """The same with everything that happened then; None before anything was measured."""
    past, watch, asked = _past(live, slo_id), live.config.watches.get(SloId(slo_id)), RANGES[name]
    if past is None or watch is None:
        return None
    start, end = _edges(past, asked)
    buckets = tuple(_remembered(past, start, end, asked.step_s))
    told = db.read(lambda c: _happened(c, live.config, watch, (start, past.at), viewer))
    slo = watch.slo
    return Story(slo.id, slo.objective, start, past.at, asked.step_s, buckets, told)


def story_of(live: Live, db: Database, incident: Object, *, viewer: Viewer) -> Story | None:
    """The SLO of an incident (see `views.incident`) from before its onset, as far back as changes
    are looked for, to after its end; None where it is about no SLO that is measured now.
    """
    slo_id = f"{incident['service']}/{incident['slo']}"
    past, watch = _past(live, slo_id), live.config.watches.get(SloId(slo_id))
    onset, over = _unix(incident["started_at"]), incident["recovered_at"] or incident["resolved_at"]
    if past is None or watch is None or onset is None:
        return None
    end = past.at if over is None else min(past.at, (_unix(over) or past.at) + _AFTER_S)
    start, end, step = _around(past, onset - BEFORE_S, max(end, onset))

    def read(c: Connection) -> tuple[tuple[Bucket, ...], Happened]:
        buckets = tuple(_buckets(c, past, start, end, step))
        return buckets, _happened(c, live.config, watch, (start, end), viewer)

    buckets, told = db.read(read)
    return Story(watch.slo.id, watch.slo.objective, start, end, step, buckets, told)


def range_for(slo: Object) -> str:
    """The range that answers the first question: of an SLO (see `views.slo`) that burns, since
    when; of one that doesn't, how its day was.
    """
    firing = {arm["kind"] for arm in slo["arms"] if arm["state"] == "firing"}
    if "page" in firing:
        return "6h"
    return "3d" if firing else DEFAULT


# -- buckets ------------------------------------------------------------------------------------


def _past(live: Live, slo_id: str) -> Past | None:
    slos = live.status.slos if live.status is not None else None
    return slos.past(SloId(slo_id)) if isinstance(slos, Remembering) else None


def _edges(past: Past, asked: Range) -> tuple[int, float]:
    return int((past.at - asked.length_s) // asked.step_s) * asked.step_s, past.at


def _around(past: Past, start: float, end: float) -> tuple[int, float, int]:
    """The edges and the finest width that holds them in so many buckets and is at hand: minutes
    always are, in storage. What is too long and too old for memory is cut.
    """
    for step in _STEPS_S:
        first = int(start // step) * step
        at_hand = step == MINUTE_S or first >= _kept_from(past.ledger, step)
        last = min(-(-end // step) * step, past.at)
        if at_hand and last - first <= MOST_BUCKETS * step:
            return first, last, step
    first = int(start // MINUTE_S) * MINUTE_S
    return first, float(first + MOST_BUCKETS * MINUTE_S), MINUTE_S


def _kept_from(held: Ledger, step: int) -> int:
    """From where on memory has every boundary of a tier."""
    reach = next(
        (len(ring.sums) - SPARE) * step
        for ring in rings(held.slice_s, 1, held.reach_s)
        if ring.width_s == step
    )
    return held.open_from - reach


def _buckets(c: Connection, past: Past, start: int, end: float, step: int) -> Iterator[Bucket]:
    """From memory what it has at this width, else from the stored minutes."""
    kept = -(-_kept_from(past.ledger, step) // step) * step
    seam = min(max(start, kept), int(end // step) * step)
    if start < seam:
        yield from _stored(c, past, start, seam)
    yield from _remembered(past, max(start, seam), end, step)


def _remembered(past: Past, start: int, end: float, step: int) -> Iterator[Bucket]:
    held = past.ledger
    for at in range(start, int(-(-end // step)) * step, step):
        sums = held.between(at, at + step, since=at)
        yield from _bucket(past, (at, min(at + step, end)), sums)


def _stored(c: Connection, past: Past, start: int, end: int) -> Iterator[Bucket]:
    """Minute by minute."""
    numbers = ledger.numbers(c, past.ids)
    asked = np.array([numbers.get(one, 0) for one in past.ids], dtype=np.int64)  # 0: never stored
    ids, place = np.unique(asked, return_inverse=True)
    starts, *read = ledger.read_slices(c, MINUTE_S, start, end, ids)
    by_start = dict(zip(starts.tolist(), np.stack(read, axis=1), strict=True))
    nothing = np.zeros((3, len(ids)), dtype=np.int64)
    spans = ledger.read_spans(c, float(start), ids) if by_start else None
    for at in range(start, end, MINUTE_S):
        sums = by_start.get(at, nothing) - _elsewhere(spans, at, len(ids))
        yield from _bucket(past, (at, at + MINUTE_S), sums[:, place])


def _elsewhere(spans: Spans | None, at: int, columns: int) -> Ints | int:
    """What a minute holds of gaps that began before it."""
    return 0 if spans is None else spans.left_out(at, at, at + MINUTE_S, columns)


def _bucket(past: Past, edges: tuple[float, float], sums: Ints) -> Iterator[Bucket]:
    """Nothing, of time that the next pages will tell of."""
    start, end = edges
    good, total, measured_s = past.told(sums)
    expected_s = min(end, past.at - past.pending_s) - start
    if expected_s <= 0.0 and not total:
        return
    coverage = min(measured_s / expected_s, 1.0) if expected_s > 0.0 else 1.0
    if not total and not measured_s:
        yield Bucket(start, end, None, None, 0.0)
    else:
        yield Bucket(start, end, good, total, coverage)


def _shown(bucket: Bucket) -> Object:
    return {
        "start": when(bucket.start),
        "end": when(bucket.end),
        "good": bucket.good,
        "total": bucket.total,
        "coverage": bucket.coverage,
        "sli": bucket.sli,
    }


# -- what happened ------------------------------------------------------------------------------


def _happened(
    c: Connection, config: Config, watch: Watch, edges: tuple[float, float], viewer: Viewer
) -> Happened:
    (start, end), service = edges, watch.slo.service
    down = [one for one in outages.read(c, start, service) if one.started_at < end]
    rows = incidents.page(c, service=service, limit=MOST_MARKS, viewer=viewer)
    told = told_changes.page(c, start, end, service=service, limit=MOST_MARKS)
    return Happened(
        outages=tuple(
            Spell(one.started_at, one.ended_at, one.cause) for one in down if not one.planned
        ),
        excluded=tuple(_excluded(c, config, watch, edges)),
        incidents=tuple(
            _incident(row)
            for row in sorted(rows, key=lambda one: float(one["started_at"]))
            if row["slo"] in ("", watch.slo.name) and _overlaps(row, start, end)
        ),
        changes=tuple(one for one in reversed(told) if one.change.started_at >= start),
    )


def _excluded(
    c: Connection, config: Config, watch: Watch, edges: tuple[float, float]
) -> Iterator[Spell]:
    slo, (start, end) = watch.slo, edges
    labels = config.services[slo.service].labels
    for one in planned(config.maintenance, slo, labels, start, end):
        yield Spell(one.start, one.end, f"planned: {one.reason}")
    corrections = [one.excluded for one in exclusions.read(c, start, end, service=slo.service)]
    for one in corrected(corrections, slo):
        yield Spell(one.start, one.end, f"taken out by {one.author}: {one.reason}")


def _incident(row: Mapping[str, Any]) -> Spell:
    return Spell(
        start=row["started_at"],
        end=_over(row),
        text=f"#{row['number']} {row['title']}",
        url=f"/incidents/{row['number']}",
        tone=f"sev{row['severity']}",
    )


def _overlaps(row: Mapping[str, Any], start: float, end: float) -> bool:
    over = _over(row)
    return bool(row["started_at"] < end and (over is None or over > start))


def _over(row: Mapping[str, Any]) -> float | None:
    """When an incident's harm ended."""
    found: float | None = row["resolved_at"] if row["recovered_at"] is None else row["recovered_at"]
    return found


def _unix(at: str | None) -> float | None:
    return None if at is None else datetime.fromisoformat(at).timestamp()
