"""The ledger in memory: good, total and measured time of every SLI, summed over any window.

Columns are SLIs. Slices that may still change are *open*, small arrays copied on every change;
behind them lie rings of cumulative sums, one a tier, that every version of a ledger shares: a
version writes only past the point up to which the versions before it read. So a ledger is a
value: one that could not be committed is dropped, and the one before it is still true.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from slo.series import Floats, Ints

DAY_S = 86_400
MAX_WINDOW_S = 35 * DAY_S
MINUTE_S, HOUR_S = 60, 3600
KEPT_WIDTHS_S = (MINUTE_S, HOUR_S)  # closed rows that storage keeps beside the slices themselves
EDGE = 30  # a window's start is rounded down by at most 1/30 of its length
_SPARE = 8  # boundaries that an uncommitted version may write without harm to the one before it


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """The absolute values of one slice: int64 by column. A higher revision replaces a lower one."""

    width_s: int
    start: int
    revision: int
    good: Ints
    total: Ints
    measured_us: Ints


@dataclass(frozen=True, eq=False, slots=True)
class Spans:
    """Increments whose time is only known to lie in (began, ended]: flat arrays, one entry each.

    They are counted in the slice of `ended`; a window that starts inside one leaves it out.
    """

    cols: Ints
    began: Floats
    ended: Floats
    good: Ints
    total: Ints


@dataclass(frozen=True, eq=False, slots=True)
class Addition:
    """What one batch adds: by slice start [good | total | measured_us, column], and its spans."""

    slices: Mapping[int, Ints]
    spans: Spans


@dataclass(frozen=True, eq=False, slots=True)
class WindowSums:
    """Sums by column over [start, end): the edges that were really used."""

    start: float
    end: float
    good: Ints
    total: Ints
    measured_us: Ints


def no_spans() -> Spans:
    """No spans."""
    ints, floats = np.empty(0, dtype=np.int64), np.empty(0)
    return Spans(ints, floats, floats, ints, ints)


@dataclass(frozen=True, eq=False, slots=True)
class _Ring:
    """Cumulative sums at multiples of `width_s`: what lay before each boundary."""

    width_s: int
    sums: Ints  # [boundary, good | total | measured_us, column]

    def fill(self, after: int, upto: int, sums: Ints) -> None:
        """Set every boundary in (after, upto] to one value."""
        first, last = after // self.width_s + 1, upto // self.width_s
        slots = np.arange(max(first, last - len(self.sums) + 1), last + 1) % len(self.sums)
        self.sums[slots] = sums

    def at(self, boundary: int) -> Ints:
        sums: Ints = self.sums[boundary // self.width_s % len(self.sums)]
        return sums


@dataclass(frozen=True, eq=False, slots=True)
class _Open:
    """A slice that may still change."""

    sums: Ints
    revision: int = 0


@dataclass(frozen=True, eq=False)
class Ledger:
    """Everything known of every column up to now. Make one with `empty`."""

    slice_s: int
    columns: int
    born: int  # nothing lies before this boundary
    open_from: int  # slices before this boundary are sealed
    _rings: tuple[_Ring, ...]
    _sealed: Ints  # of all sealed slices
    _open: Mapping[int, _Open] = field(default_factory=dict)
    _changed: tuple[int, ...] = ()
    _retries: int = 0
    _spans: Spans = field(default_factory=no_spans)

    def seal(self, before: float) -> tuple["Ledger", tuple[Row, ...]]:
        """Close the slices that end at or before this time; the rows of the wider slices that are
        complete with them.
        """
        upto = int(before // self.slice_s) * self.slice_s
        if upto <= self.open_from:
            return self, ()
        sealed, passed = self._sealed, self.open_from
        for start in sorted(start for start in self._open if start < upto):
            self._fill(passed, start, sealed)
            sealed, passed = sealed + self._open[start].sums, start
        self._fill(passed, upto, sealed)
        still_open = {start: one for start, one in self._open.items() if start >= upto}
        after = replace(self, open_from=upto, _sealed=sealed, _open=still_open)
        return after, self._closed_rows(upto)

    def add(self, addition: Addition) -> "Ledger":
        """The ledger with what a batch adds; nothing may lie before `open_from`."""
        slices = dict(self._open)
        for start, sums in addition.slices.items():
            if start < self.open_from:
                raise ValueError(f"the slice of {start} is sealed")
            one = slices.get(start)
            before, revision = (one.sums, one.revision) if one else (0, 0)
            slices[start] = _Open(before + sums, revision + 1 + self._retries)
        spans = _joined(self._spans, addition.spans)
        return replace(self, _open=slices, _changed=tuple(sorted(addition.slices)), _spans=spans)

    def reopened(self, row: Row) -> "Ledger":
        """The ledger with an open slice as it was stored (at a restart)."""
        sums = np.stack([row.good, row.total, row.measured_us])
        return replace(self, _open={**self._open, row.start: _Open(sums, row.revision)})

    def retried(self) -> "Ledger":
        """The same for another try, after one whose transaction may have been committed or not:
        what this try writes replaces what that one may have written.
        """
        return replace(self, _retries=self._retries + 1)

    def changed_rows(self) -> tuple[Row, ...]:
        """The slices that the last `add` changed, whole."""
        return tuple(
            Row(self.slice_s, start, self._open[start].revision, *self._open[start].sums)
            for start in self._changed
        )

    def window(self, now: float, length_s: float) -> WindowSums:
        """The sums over the last `length_s` seconds, at most 35 days.

        The start is rounded down to a boundary of the widest tier that keeps the rounding within
        1/30 of the length (one slice where even that is not fine enough).
        """
        if length_s > MAX_WINDOW_S:
            raise ValueError(f"a live window is at most {MAX_WINDOW_S // DAY_S} days")
        ring = self._ring_for(length_s)
        start = int((now - length_s) // ring.width_s) * ring.width_s
        good, total, measured_us = self._since(start, ring)
        inside = (self._spans.began < start) & (self._spans.ended >= start)
        if inside.any():
            cols = self._spans.cols[inside]
            good, total = good.copy(), total.copy()
            np.subtract.at(good, cols, self._spans.good[inside])
            np.subtract.at(total, cols, self._spans.total[inside])
        return WindowSums(float(start), now, good, total, measured_us)

    def totals(self) -> tuple[Ints, Ints]:
        """Good and total events by column since the ledger began."""
        return self._all[0], self._all[1]

    def forget_spans(self, before: float) -> "Ledger":
        """Without the spans that no window can begin in any more."""
        keep = self._spans.ended >= before
        return self if keep.all() else replace(self, _spans=_kept(self._spans, keep))

    def _ring_for(self, length_s: float) -> _Ring:
        fitting = [ring for ring in self._rings if ring.width_s * EDGE <= length_s]
        return fitting[-1] if fitting else self._rings[0]

    def _since(self, start: int, ring: _Ring) -> Ints:
        """Sums of all slices from a boundary on."""
        if start >= self.open_from:
            return self._summed(one for at, one in self._open.items() if at >= start)
        return self._all if start <= self.born else self._all - ring.at(start)

    @cached_property
    def _all(self) -> Ints:
        return self._sealed + self._summed(self._open.values())

    def _summed(self, slices: Iterable[_Open]) -> Ints:
        sums = np.zeros((3, self.columns), dtype=np.int64)
        for one in slices:
            sums += one.sums
        return sums

    def _fill(self, after: int, upto: int, sums: Ints) -> None:
        for ring in self._rings:
            ring.fill(after, upto, sums)

    def _closed_rows(self, upto: int) -> tuple[Row, ...]:
        """The wider rows that are complete when this ledger's open slices are sealed up to here."""
        rows = []
        for ring in self._rings:
            if ring.width_s not in KEPT_WIDTHS_S or ring.width_s == self.slice_s:
                continue
            touched = {start // ring.width_s * ring.width_s for start in self._open}
            first = self.open_from // ring.width_s * ring.width_s
            complete = [at for at in sorted({*touched, first}) if at + ring.width_s <= upto]
            rows += [self._closed_row(ring, start) for start in complete]
        return tuple(row for row in rows if row.total.any() or row.measured_us.any())

    def _closed_row(self, ring: _Ring, start: int) -> Row:
        end = ring.at(start + ring.width_s)
        return Row(ring.width_s, start, 1, *(end if start <= self.born else end - ring.at(start)))


def empty(slice_s: int, columns: int, since: float) -> Ledger:
    """A ledger that knows nothing before `since`. `slice_s` divides a minute."""
    if slice_s < 1 or MINUTE_S % slice_s:
        raise ValueError(f"a slice of {slice_s} s does not divide a minute")
    born = int(since // slice_s) * slice_s
    widths = sorted({slice_s, MINUTE_S, 300, HOUR_S})
    reaches = [EDGE * width for width in widths[1:]] + [MAX_WINDOW_S]
    rings = tuple(
        _Ring(width, np.zeros((reach // width + _SPARE, 3, columns), dtype=np.int64))
        for width, reach in zip(widths, reaches, strict=True)
    )
    return Ledger(slice_s, columns, born, born, rings, np.zeros((3, columns), dtype=np.int64))


def _joined(one: Spans, other: Spans) -> Spans:
    if not len(other.cols):
        return one
    return Spans(
        np.concatenate([one.cols, other.cols]),
        np.concatenate([one.began, other.began]),
        np.concatenate([one.ended, other.ended]),
        np.concatenate([one.good, other.good]),
        np.concatenate([one.total, other.total]),
    )


def _kept(spans: Spans, keep: npt.NDArray[np.bool_]) -> Spans:
    return Spans(
        spans.cols[keep], spans.began[keep], spans.ended[keep], spans.good[keep], spans.total[keep]
    )
