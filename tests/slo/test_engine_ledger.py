"""Whatever happens to a ledger, its sums are those of the slices that their edges name.

A plain model keeps every slice and span for ever and adds them up one by one. Ledgers that were
made and thrown away, as those of a tick that could not be committed, harm nothing.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.ledger import DAY_S, REACH_S, Addition, Ledger, Row, WindowSums, empty
from slo.spans import Spans, no_spans

T0 = 1_790_000_000 // 3600 * 3600
OPEN_FOR_S = 60
LENGTHS = (60, 300, 1800, 3600, 7200, 21_600, DAY_S, 3 * DAY_S, 28 * DAY_S, REACH_S)
# How far sealed sums reach back, by the width of their boundaries (`slo.ledger`).
REACHES = ((60, 9000), (300, 108_000), (3600, 432_000), (14_400, REACH_S))

Three = tuple[int, int, int]


@dataclass
class Model:
    """Every slice of every column, and every span, as they were put in."""

    slice_s: int
    columns: int
    slices: dict[tuple[int, int], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0, 0])
    )
    spans: list[tuple[int, float, float, int, int]] = field(default_factory=list)

    def add(self, start: int, col: int, sums: Three) -> None:
        for plane, value in enumerate(sums):
            self.slices[start, col][plane] += value

    def between(self, start: float, end: float, col: int) -> Three:
        inside = [v for (at, c), v in self.slices.items() if c == col and start <= at < end]
        good, total, measured = (sum(value[plane] for value in inside) for plane in range(3))
        return good, total, measured

    def window(self, start: float, col: int) -> Three:
        """All from `start` on, without the spans that it begins inside of."""
        good, total, measured = self.between(start, float("inf"), col)
        for c, began, ended, span_good, span_total in self.spans:
            if c == col and began < start <= ended:
                good, total = good - span_good, total - span_total
        return good, total, measured

    def recolumned(self, source: list[int]) -> "Model":
        after = Model(self.slice_s, len(source))
        for col, old in enumerate(source):
            for (at, c), sums in self.slices.items():
                if c == old:
                    after.slices[at, col] = list(sums)
            after.spans += [(col, *rest) for c, *rest in self.spans if c == old]
        return after


def addition(columns: int, start: int, col: int, sums: Three, span_s: float = 0.0) -> Addition:
    block = np.zeros((3, columns), dtype=np.int64)
    block[:, col] = sums
    if not span_s:
        return Addition({start: block}, no_spans())
    ints = (np.array([value]) for value in (col, sums[0], sums[1]))
    cols, good, total = ints
    spans = Spans(cols, np.array([start - span_s]), np.array([start + 0.5]), good, total)
    return Addition({start: block}, spans)


@dataclass
class Told:
    """A ledger, its model, and the moments at which its boundaries were wanted."""

    ledger: Ledger
    model: Model
    now: int
    exact: set[int] = field(default_factory=set)  # wanted while their slice was still open

    def on(self, by: int) -> None:
        self.now += by
        before = self.ledger.open_from
        self.ledger, rows = self.ledger.seal(self.now - OPEN_FOR_S)
        told = {(row.width_s, row.start): row for row in rows}
        assert len(told) == len(rows)
        for width in {60, 3600} - {self.slice_s}:
            for col in range(self.model.columns):
                self._check_rows(told, width, col, before)

    def _check_rows(
        self, told: dict[tuple[int, int], Row], width: int, col: int, before: int
    ) -> None:
        """Minutes and hours that are over, each told once, when it is."""
        starts = {at // width * width for at, c in self.model.slices if c == col}
        for start in starts:
            is_over = before < start + width <= self.ledger.open_from
            assert is_over or (width, start) not in told
            if is_over and any(self.model.between(start, start + width, col)[1:]):
                row = told[width, start]
                found = (row.good[col], row.total[col], row.measured_us[col])
                assert found == self.model.between(start, start + width, col)

    def add(self, back: int, col: int, sums: Three, span_s: float) -> None:
        at = max(self.ledger.open_from, (self.now - back) // self.model.slice_s * self.slice_s)
        self.ledger = self.ledger.add(addition(self.model.columns, at, col, sums, span_s))
        self.model.add(at, col, sums)
        if span_s:
            self.model.spans.append((col, at - span_s, at + 0.5, sums[0], sums[1]))

    @property
    def slice_s(self) -> int:
        return self.model.slice_s

    def drop(self, by: int, again: int, col: int, sums: Three) -> None:
        """A tick that could not be committed: what it made is thrown away."""
        at = max(self.ledger.open_from, self.now // self.slice_s * self.slice_s)
        dropped = self.ledger.wanting({at: None})
        dropped = dropped.add(addition(self.model.columns, at, col, sums, 30.0))
        dropped.seal(self.now + by - OPEN_FOR_S)
        self.now += again

    def want(self, boundaries: set[int]) -> None:
        self.exact &= boundaries
        self.exact |= {at for at in boundaries if at >= self.ledger.open_from}
        self.ledger = self.ledger.wanting(dict.fromkeys(boundaries))

    def settle(self, back: int, col: int, sums: Three) -> None:
        at = max(self.ledger.open_from, (self.now - back) // self.slice_s * self.slice_s)
        self.ledger = self.ledger.settled({at: np.array(sums).reshape(3, 1)}, np.array([col]))
        self.model.slices[at, col] = list(sums)

    def recolumn(self, source: list[int]) -> None:
        self.ledger = self.ledger.recolumned(np.array(source))
        self.model = self.model.recolumned(source)

    def check(self, lengths: tuple[int, int], least: int) -> None:
        for length in lengths:
            self._check_window(self.ledger.window(self.now, length), self.now - length, length)
            for col in range(self.model.columns):
                self._check_since_each(col, length)
                self._check_last_events(col, least, length)
        wanted = sorted(self.ledger._wanted)
        for at in wanted:
            self._check_from(at)
        for start, end in pairwise(wanted):
            if self._is_exact(start) and self._is_exact(end):
                held = self.ledger.between(start, end)
                for col in range(self.model.columns):
                    assert tuple(held[:, col]) == self.model.between(start, end, col)

    def _is_exact(self, at: int) -> bool:
        return at in self.exact or at <= self.ledger.born or at >= self.ledger.open_from

    def _check_window(self, window: WindowSums, start: float, length: float) -> None:
        assert 0 <= start - window.start < max(length / 30, self.slice_s)
        self._check_sums(window)

    def _check_sums(self, window: WindowSums) -> None:
        for col in range(self.model.columns):
            found = (window.good[col], window.total[col], window.measured_us[col])
            assert found == self.model.window(window.start, col)

    def _check_from(self, at: int) -> None:
        window = self.ledger.window_from(at, self.now)
        self._check_sums(window)
        if self._is_exact(at):
            assert window.start == at
        elif self.now - at <= REACH_S:
            assert 0 <= at - window.start < max((self.now - at) / 30, self.slice_s)

    def _check_since_each(self, col: int, length: int) -> None:
        starts, sums = self.ledger.since_each(col, self.now, length)
        assert (np.diff(starts) > 0).all()
        for start, held in zip(starts.tolist(), sums.tolist(), strict=True):
            assert tuple(held) == self.model.between(start, float("inf"), col)

    def _check_last_events(self, col: int, least: int, length: int) -> None:
        """It holds so many, and half of its width later it would not: or it is the whole."""
        window = self.ledger.last_events(col, least, self.now, length)
        found = (window.good[0], window.total[0], window.measured_us[0])
        if window.total[0] >= least and window.start > self.now - length:
            assert found == self.model.between(window.start, float("inf"), col)
            back = self.ledger.open_from - window.start
            width = next((w for w, reach in self._reaches() if back <= reach), 14_400)
            assert self.model.between(window.start + width, float("inf"), col)[1] < least
        elif window.total[0] < least:
            assert found == self.model.window(window.start, col)
            assert window.start <= self.now - length

    def _reaches(self) -> list[tuple[int, int]]:
        own = [(self.slice_s, 1800)] if self.slice_s < 60 else []
        return [*own, *REACHES]


counts = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(
    lambda pair: (pair[0], pair[0] + pair[1], 7 * pair[1])
)
forward = st.one_of(
    st.integers(0, 60),
    st.integers(0, 5000),
    st.integers(0, 100_000),
    st.just(12 * DAY_S),
)
minutes = st.one_of(st.integers(-3000, 200), st.integers(-5, 5), st.just(-60 * 24 * 33))
moves = st.one_of(
    st.tuples(
        st.just("add"),
        forward,
        st.integers(0, 60),
        st.integers(0, 2),
        counts,
        st.sampled_from([0.0, 0.0, 45.0, 4000.0, 200_000.0]),
    ),
    st.tuples(
        st.just("drop"), forward, st.sampled_from([0, 0, 5, 4000]), st.integers(0, 2), counts
    ),
    st.tuples(st.just("want"), st.lists(minutes, max_size=5)),
    st.tuples(st.just("want again"), st.lists(st.integers(0, 9), max_size=3)),
    st.tuples(st.just("settle"), st.integers(0, 60), st.integers(0, 2), counts),
    st.tuples(st.just("recolumn"), st.lists(st.integers(-1, 2), min_size=1, max_size=3)),
    st.tuples(st.just("check"), st.tuples(*[st.sampled_from(LENGTHS)] * 2), st.integers(1, 80)),
)


@given(
    st.sampled_from([1, 5, 10, 30, 60]),
    st.integers(0, 400),
    st.lists(moves, min_size=20, max_size=40),
)
def test_whatever_happens_sums_are_those_of_the_slices_that_edges_name(
    slice_s: int, born: int, steps: list[tuple[object, ...]]
) -> None:
    since = T0 + born * 60
    told = Told(empty(slice_s, 3, since), Model(slice_s, 3), since)
    seen: list[int] = []
    for name, *how in [*steps, ("check", (300, 28 * DAY_S), 5)]:
        done(told, seen, str(name), how)


def done(told: Told, seen: list[int], name: str, how: list[object]) -> None:
    """One step of a story, in the columns that there are."""
    columns = told.model.columns
    match name, how:
        case "add", [int(by), int(back), int(col), tuple(sums), float(span_s)]:
            told.on(by)
            told.add(back, col % columns, sums, span_s)
        case "drop", [int(by), int(again), int(col), tuple(sums)]:
            told.drop(by, again, col % columns, sums)
        case "settle", [int(back), int(col), tuple(sums)]:
            told.settle(back, col % columns, sums)
        case "recolumn", [list(source)]:
            # A column has one past, and no two have the same.
            one_each = [
                c if source.index(c) == i and c < columns else -1 for i, c in enumerate(source)
            ]
            told.recolumn(one_each)
        case "want", [list(offsets)]:
            boundaries = {(told.now // 60 + offset) * 60 for offset in offsets}
            seen.extend(sorted(boundaries))
            told.want(boundaries)
        case "want again", [list(numbers)]:
            told.want({seen[-1 - number] for number in numbers if number < len(seen)})
        case "check", [tuple(lengths), int(least)]:
            told.check(lengths, least)
        case _:
            pytest.fail(f"no such step: {name}")
