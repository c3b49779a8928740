"""Slices: increments and measured time of one batch, summed by slice and column."""

import numpy as np

from slo.ledger import Addition, Spans
from slo.series import MAX_GAP_INTERVALS, Floats, Increments, Ints
from vigie.pipeline.plan import Plan
from vigie.pipeline.state import State
from vigie.pipeline.take import Taken

MICROSECONDS = 1_000_000


def slices(state: State, taken: Taken, open_from: int) -> tuple[Addition, int]:
    """What the batch adds to slices from `open_from` on, and how many events came too late."""
    sums = _Sums(state.plan, open_from)
    targets = state.plan.config.targets
    for target, increments in taken.counts:
        sums.count(target, increments, targets[target].interval_s)
    index = {target: i for i, target in enumerate(state.expected.order)}
    for target, start, end in taken.measured:
        entries = slice(*state.expected.starts[index[target] : index[target] + 2])
        sums.measure(state.expected.cols[entries], state.expected.share[entries], start, end)
    return sums.finish()


class _Sums:
    """Sums by slice: [part | total | measured_us, column]."""

    def __init__(self, plan: Plan, open_from: int) -> None:
        self._plan = plan
        self._open_from = open_from
        self._sums: dict[int, Ints] = {}
        self._spans: dict[tuple[int, float, float], list[int]] = {}
        self._late = 0

    def count(self, target: str, increments: Increments, interval_s: float) -> None:
        """Increments belong to the slice of the later sample."""
        at, layout = increments.at, increments.layout
        start = self._slice(at)
        if start < self._open_from:
            self._late += int(increments.counts.sum())
            return
        feed = self._plan.feed(target, layout)
        by_row = np.zeros(len(layout.keys), dtype=np.int64)
        by_row[increments.rows] = increments.counts
        fed = by_row[feed.rows]
        np.add.at(self._of(start), (feed.is_total.astype(np.int64), feed.cols), fed)
        began = np.full(len(layout.keys), at)
        began[increments.rows] = increments.since
        carries = at - began[feed.rows] > MAX_GAP_INTERVALS * interval_s
        for entry in np.flatnonzero(carries & (fed > 0)):
            key = (int(feed.cols[entry]), float(began[feed.rows[entry]]), at)
            pair = self._spans.setdefault(key, [0, 0])
            pair[int(feed.is_total[entry])] += int(fed[entry])

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
