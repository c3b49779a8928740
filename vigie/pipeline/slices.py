"""Slices: increments and measured time of one batch, summed by slice and column."""

from collections.abc import Iterable, Iterator

import numpy as np

from collectors.targets import Target
from slo.ledger import MICROSECONDS, Addition
from slo.series import MAX_GAP_INTERVALS, Floats, Increments, Ints
from slo.spans import Spans
from vigie.pipeline.feeds import PART, TOTAL, Feed
from vigie.pipeline.plan import Plan
from vigie.pipeline.sample import Sample
from vigie.pipeline.state import Estimate, State
from vigie.pipeline.take import Taken


def slices(
    state: State, taken: Taken, sampled: Iterable[tuple[int, Sample]], open_from: int
) -> tuple[Addition, int]:
    """What the batch adds to slices from `open_from` on, and how many events came too late."""
    sums = _Sums(state.plan, open_from)
    targets = state.plan.config.targets
    for target, increments in taken.counts:
        sums.count(targets[target], increments)
    index = {target: i for i, target in enumerate(state.expected.order)}
    for one in taken.measured:
        entries = slice(*state.expected.starts[index[one.target] : index[one.target] + 2])
        cols, share = state.expected.cols[entries], state.expected.share[entries]
        if one.cols is not None:
            told = np.isin(cols, list(one.cols))
            cols, share = cols[told], share[told]
        sums.measure(cols, share, one.start, one.end)
    for col, sample in sampled:
        sums.put(sample.start, col, sample.part, sample.total, 0)
    for col, estimate in estimated(state, taken.estimates):
        sums.put(
            estimate.start + estimate.width_s - state.plan.slice_s,
            col,
            estimate.part,
            estimate.total,
            estimate.width_s * MICROSECONDS,
        )
    return sums.finish()


def estimated(state: State, estimates: Iterable[Estimate]) -> Iterator[tuple[int, Estimate]]:
    """The estimates of columns that are still wanted."""
    place = state.plan.place
    for estimate in estimates:
        if estimate.fingerprint in place:
            yield place[estimate.fingerprint], estimate


class _Sums:
    """Sums by slice: [part | total | measured_us, column]."""

    def __init__(self, plan: Plan, open_from: int) -> None:
        self._plan = plan
        self._open_from = open_from
        self._sums: dict[int, Ints] = {}
        self._spans: dict[tuple[int, float, float], list[int]] = {}
        self._late = 0

    def count(self, target: Target, increments: Increments) -> None:
        """Increments belong to the slice of the later sample."""
        at, layout = increments.at, increments.layout
        start = self._slice(at)
        feed = self._plan.feed(target, layout)
        if start < self._open_from:
            self._late += int(increments.counts.sum())
            self._count_late(feed, increments)
            return
        by_row = np.zeros(len(layout.keys), dtype=np.int64)
        by_row[increments.rows] = increments.counts
        fed = by_row[feed.rows]
        np.add.at(self._of(start), (feed.planes, feed.cols), fed * feed.signs)
        began = np.full(len(layout.keys), at)
        began[increments.rows] = increments.since
        carries = at - began[feed.rows] > MAX_GAP_INTERVALS * target.interval_s
        for entry in np.flatnonzero(carries & (fed > 0)):
            key = (int(feed.cols[entry]), float(began[feed.rows[entry]]), at)
            pair = self._spans.setdefault(key, [0, 0])
            pair[int(feed.planes[entry])] += int(fed[entry] * feed.signs[entry])

    def _count_late(self, feed: Feed, increments: Increments) -> None:
        """Events whose slice is sealed count in the oldest open one, where a policy wants that."""
        fed = np.zeros(len(increments.layout.keys), dtype=np.int64)
        fed[increments.rows] = increments.counts
        counts = (feed.planes == TOTAL) & self._plan.late_counts[feed.cols]
        if not counts.any():
            return
        cols, events = feed.cols[counts], (fed[feed.rows] * feed.signs)[counts]
        sums = self._of(self._open_from)
        np.add.at(sums[TOTAL], cols, events)
        np.add.at(sums[PART], cols, np.where(self._plan.late_is_part[cols], events, 0))

    def measure(self, cols: Ints, share: Floats, start: float, end: float) -> None:
        """The time between two good scrapes, spread over the slices it lies in."""
        width = self._plan.slice_s
        first = self._slice(start)
        while first < end:
            if first >= self._open_from:
                overlap_s = min(end, first + width) - max(start, first)
                gained = np.rint(overlap_s * MICROSECONDS * share).astype(np.int64)
                np.add.at(self._of(first)[2], cols, gained)
            first += width

    def put(self, start: int, col: int, part: int, total: int, measured_us: int) -> None:
        """What is known of a slice as a whole."""
        if start < self._open_from:
            self._late += total
        else:
            self._of(start)[:, col] += (part, total, measured_us)

    def finish(self) -> tuple[Addition, int]:
        bad = self._plan.part_is_bad
        for sums in self._sums.values():
            sums[0] = np.where(bad, sums[1] - sums[0], sums[0])
        keys, pairs = list(self._spans), list(self._spans.values())
        cols = np.array([key[0] for key in keys], dtype=np.int64)
        part = np.array([pair[0] for pair in pairs], dtype=np.int64)
        total = np.array([pair[1] for pair in pairs], dtype=np.int64)
        spans = Spans(
            cols,
            np.array([key[1] for key in keys], dtype=np.float64),
            np.array([key[2] for key in keys], dtype=np.float64),
            np.where(bad[cols], total - part, part),
            total,
        )
        return Addition(self._sums, spans), self._late

    def _slice(self, at: float) -> int:
        return int(at // self._plan.slice_s) * self._plan.slice_s

    def _of(self, start: int) -> Ints:
        if start not in self._sums:
            self._sums[start] = np.zeros((3, self._plan.columns), dtype=np.int64)
        return self._sums[start]
