"""Which label sets contribute most of the bad events: the counters of now against earlier ones.

Nothing is kept per tick. A few times an hour what is remembered of every target is put aside, which
costs a reference; what was counted since is worked out for an SLO that somebody asks about.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slo.series import Memory, Page, count
from slo.spec import CountingSli, RatioKind
from slo.status import Contributor
from vigie.pipeline.expectation import Expectation
from vigie.pipeline.feeds import TOTAL, labels_of
from vigie.pipeline.plan import Plan, measured_by

EVERY_S = 900.0
KEPT = 5  # so the oldest is at least three quarters of an hour old, in time
_OF_HISTOGRAMS = "le"  # tells buckets apart, not requests

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """What was remembered of each target at one time, and of those that had not been read by then,
    with the first page that they showed since.
    """

    at: float
    series: Mapping[str, Memory]
    unread: frozenset[str]


Snapshots = tuple[Snapshot, ...]  # oldest first


def kept(snapshots: Snapshots, memories: Mapping[str, Memory], now: float) -> Snapshots:
    """The snapshots with one of now, when it is time for one."""
    if not snapshots or now - snapshots[-1].at >= EVERY_S:
        one = _completed(Snapshot(now, {}, frozenset()), memories)
        return (*snapshots, one)[-KEPT:]
    last = snapshots[-1]
    if not last.unread and len(memories) == len(last.series):
        return snapshots
    return (*snapshots[:-1], _completed(last, memories))


def _completed(one: Snapshot, memories: Mapping[str, Memory]) -> Snapshot:
    missing = one.unread | (memories.keys() - one.series.keys())
    found = {name: memories[name] for name in missing & memories.keys()}
    unread = frozenset(name for name, memory in found.items() if memory.page_at is None)
    return Snapshot(one.at, {**one.series, **found}, unread)


def contributors(
    plan: Plan,
    memories: Mapping[str, Memory],
    snapshots: Snapshots,
    *,
    expected: Expectation,
    col: int,
    most: int = 5,
) -> tuple[Contributor, ...]:
    """The label sets with most bad events since the oldest snapshot, the worst first; those of
    target and page, without what tells the buckets of a histogram apart.
    """
    bad: dict[Labels, int] = {}
    cols = [
        base
        for base in measured_by(plan.columns_, col)
        if isinstance(plan.columns_.slis[base], CountingSli)
    ]
    heard = np.unique(expected.targets[np.isin(expected.cols, cols)])
    for name in (expected.order[target] for target in heard.tolist()):
        memory = memories[name]
        then = _oldest(snapshots, name)
        if then is None:
            continue
        for labels, counted in _bad_of(plan, name, memory, then, cols):
            bad[labels] = bad.get(labels, 0) + counted
    worst = sorted(((n, labels) for labels, n in bad.items() if n > 0), reverse=True)
    total = sum(n for n, _ in worst)
    return tuple(Contributor(dict(labels), n, n / total) for n, labels in worst[:most])


def _oldest(snapshots: Snapshots, name: str) -> Memory | None:
    """The oldest memory of a target that had been read by then."""
    memories = (one.series.get(name) for one in snapshots)
    return next((one for one in memories if one is not None and one.page_at is not None), None)


def _bad_of(
    plan: Plan, name: str, memory: Memory, then: Memory, cols: Sequence[int]
) -> Iterator[tuple[Labels, int]]:
    """What each series of a target adds to the bad events of some columns. It is counted as if the
    last page came right after that of then: after a restart, what the new process counted.
    """
    target = plan.config.targets[name]
    size = len(memory.layout.keys)
    page = Page(
        memory.page_at or 0.0,
        memory.layout,
        memory.values[:size],
        memory.created[:size],
        memory.process_start,
        memory.read_for,
    )
    _, increments = count(then, page, target.births)
    grown = np.zeros(size, dtype=np.int64)
    grown[increments.rows] = increments.counts
    feed = plan.feed(target, memory.layout)
    for entry in np.flatnonzero(np.isin(feed.cols, cols) & (grown[feed.rows] > 0)).tolist():
        row, sli = int(feed.rows[entry]), plan.columns_.slis[int(feed.cols[entry])]
        assert isinstance(sli, CountingSli), "only what is counted has series that contribute"
        is_total = int(feed.planes[entry]) == TOTAL
        sign = (0 if is_total else 1) if sli.kind is RatioKind.BAD else (1 if is_total else -1)
        labels = labels_of(target, memory.layout.keys[row])
        labels.pop(_OF_HISTOGRAMS, None)
        yield tuple(sorted(labels.items())), int(grown[row]) * sign * int(feed.signs[entry])
