"""The ledger in memory: good, total and measured time of every SLI, summed over any window.

Columns are SLIs. Slices that may still change are *open*, small arrays copied on every change;
behind them lie rings of cumulative sums, one a tier, that every version of a ledger shares: a
version writes only past the point up to which the versions before it read, and to copies where it
skips more time than the rings spare. So a ledger is a value: one that could not be committed is
dropped, and the one before it is still true.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from math import ceil, inf

import numpy as np

from slo.rings import EDGE, SPARE, Ring, rings
from slo.series import Ints
from slo.spans import Spans, no_spans

DAY_S = 86_400
MICROSECONDS = 1_000_000
REACH_S = 35 * DAY_S  # how far back windows reach where no objective asks for more
MINUTE_S, HOUR_S = 60, 3600
KEPT_WIDTHS_S = (MINUTE_S, HOUR_S)  # closed rows that storage keeps beside the slices themselves


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
    _rings: tuple[Ring, ...]
    _sealed: Ints  # of all sealed slices
    _open: Mapping[int, _Open] = field(default_factory=dict)
    _changed: tuple[int, ...] = ()
    _retries: int = 0
    _spans: Spans = field(default_factory=no_spans)
    _wanted: frozenset[int] = frozenset()  # boundaries from which sums stay exact
    _anchors: Mapping[int, Ints] = field(default_factory=dict)  # what lies before them

    def seal(self, before: float, *, alone: bool = False) -> tuple["Ledger", tuple[Row, ...]]:
        """Close the slices that end at or before this time; the rows of the wider slices that are
        complete with them. `alone`: nobody will look at this version any more.
        """
        upto = int(before // self.slice_s) * self.slice_s
        if upto <= self.open_from:
            return self, ()
        if not alone:
            rings = tuple(ring.apart(self.open_from, upto) for ring in self._rings)
            return replace(self, _rings=rings).seal(upto, alone=True)
        closed = tuple(self._closed_rows(upto))  # before the rings forget where they begin
        sealed, passed = self._sealed, self.open_from
        for start in sorted(start for start in self._open if start < upto):
            self._fill(passed, start, sealed)
            sealed, passed = sealed + self._open[start].sums, start
        self._fill(passed, upto, sealed)
        still_open = {start: one for start, one in self._open.items() if start >= upto}
        after = replace(
            self, open_from=upto, _sealed=sealed, _open=still_open, _anchors=self._anchored(upto)
        )
        return after, closed

    def wanting(self, boundaries: Mapping[int, Ints | None]) -> "Ledger":
        """The ledger that keeps exact sums from these boundaries on, and from no others.

        For one that is sealed already, what lies before it is given (at a restart, from storage).
        """
        given = {at: before for at, before in boundaries.items() if before is not None}
        kept = {at: before for at, before in self._anchors.items() if at in boundaries}
        wanted = frozenset(boundaries)
        if wanted == self._wanted and given.keys() <= kept.keys():
            return self
        return replace(self, _wanted=wanted, _anchors={**kept, **given})

    def add(self, addition: Addition) -> "Ledger":
        """The ledger with what a batch adds; nothing may lie before `open_from`."""
        slices = dict(self._open)
        for start, sums in addition.slices.items():
            slices[start] = self._changed_slice(start, partial(np.add, sums))
        spans = self._spans.joined(addition.spans)
        return replace(self, _open=slices, _changed=tuple(sorted(addition.slices)), _spans=spans)

    def settled(self, slices: Mapping[int, Ints], cols: Ints) -> "Ledger":
        """The ledger with what these columns hold of open slices, by absolute value: figures that
        are derived from other columns.
        """
        after, changed = dict(self._open), set(self._changed)
        for start, sums in slices.items():
            have = after.get(start)
            if have is None and not sums.any():
                continue
            if have is None or (have.sums[:, cols] != sums).any():
                after[start] = self._changed_slice(start, partial(_replaced, sums=sums, cols=cols))
                changed.add(start)
        return replace(self, _open=after, _changed=tuple(sorted(changed)))

    def reopened(self, row: Row) -> "Ledger":
        """The ledger with an open slice as it was stored (at a restart)."""
        sums = np.stack([row.good, row.total, row.measured_us])
        return replace(self, _open={**self._open, row.start: _Open(sums, row.revision)})

    def unchanged(self) -> "Ledger":
        """The same, with no slice that waits to be written: what a tick starts from."""
        return replace(self, _changed=())

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
        """The sums over the last `length_s` seconds, at most `reach_s`.

        The start is rounded down to a boundary of the widest tier that keeps the rounding within
        1/30 of the length (one slice where even that is not fine enough).
        """
        if length_s > self.reach_s:
            raise ValueError(f"windows of this ledger are at most {self.reach_s // DAY_S} days")
        ring = self._ring_for(length_s)
        start = int((now - length_s) // ring.width_s) * ring.width_s
        return self._window(start, now, self._since(start, ring))

    def window_from(self, start: int, now: float) -> WindowSums:
        """The sums since a wanted boundary, exact at any age; since one that nobody wanted in
        time, as near as the tiers have it.
        """
        if start >= self.open_from:
            sums = self._summed(one for at, one in self._open.items() if at >= start)
        elif start in self._anchors or start <= self.born:
            sums = self._all - self._before(start)
        else:
            return self.window(now, min(now - start, self.reach_s))
        return self._window(start, now, sums)

    def between(self, start: int, end: int, *, since: int | None = None) -> Ints:
        """[good | total | measured_us, column] of [start, end), multiples of the slice: exact where
        they are wanted, or lie no further back than slices are kept; else as near as the tiers
        have them. With `since`, what a window that begins then holds of it: see `Spans`.
        """
        held = self._before(end) - self._before(start)
        if since is None:
            return held
        return held - self._spans.left_out(since, start, end, self.columns)

    def last_events(self, col: int, least: int, now: float, at_most_s: float) -> WindowSums:
        """The shortest window that holds at least so many events of a column, or all of
        `at_most_s`; the sums are of this column alone.
        """
        for starts, sums in self._boundaries(col, now - at_most_s):
            enough = np.flatnonzero(sums[:, 1] >= least)
            if len(enough):
                good, total, measured_us = sums[enough[0]].reshape(3, 1)
                return WindowSums(float(starts[enough[0]]), now, good, total, measured_us)
        whole = self.window(now, at_most_s)
        one = slice(col, col + 1)
        return WindowSums(
            whole.start, now, whole.good[one], whole.total[one], whole.measured_us[one]
        )

    def since_each(self, col: int, now: float, length_s: float) -> tuple[Ints, Ints]:
        """Every boundary of the last `length_s` that its tier has, ascending, and the sums of a
        column since each: [boundary, good | total | measured_us].
        """
        ring = self._ring_for(length_s)
        oldest = int(max(now - length_s, self.born) // ring.width_s) * ring.width_s
        starts = np.arange(oldest, self.open_from + 1, ring.width_s, dtype=np.int64)
        slots = starts // ring.width_s % len(ring.sums)
        return starts, self._all[:, col] - ring.sums[slots, :, col]

    def recolumned(self, source: Ints) -> "Ledger":
        """The ledger with other columns: column i has the past of column `source[i]`; -1: none."""

        def moved(sums: Ints) -> Ints:
            after = np.zeros((*sums.shape[:-1], len(source)), dtype=np.int64)
            after[..., source >= 0] = sums[..., source[source >= 0]]
            return after

        place = np.full(self.columns + 1, -1, dtype=np.int64)
        place[source[source >= 0]] = np.flatnonzero(source >= 0)
        kept = self._spans.kept(place[self._spans.cols] >= 0)
        return replace(
            self,
            columns=len(source),
            _rings=tuple(Ring(ring.width_s, moved(ring.sums)) for ring in self._rings),
            _sealed=moved(self._sealed),
            _open={at: _Open(moved(one.sums), one.revision) for at, one in self._open.items()},
            _spans=replace(kept, cols=place[kept.cols]),
            _anchors={at: moved(before) for at, before in self._anchors.items()},
        )

    def _window(self, start: int, now: float, sums: Ints) -> WindowSums:
        good, total, measured_us = sums - self._spans.left_out(start, start, inf, self.columns)
        return WindowSums(float(start), now, good, total, measured_us)

    def spanned_s(self, col: int, since: float) -> float:
        """How much time the spans of a column cover that began at or after a time."""
        return self._spans.covered_s(col, since)

    @property
    def reach_s(self) -> int:
        """How long the longest window may be."""
        widest = self._rings[-1]
        return (len(widest.sums) - SPARE) * widest.width_s

    @property
    def newest(self) -> int:
        """The start of the last slice that may hold anything."""
        return max(self._open, default=self.open_from - self.slice_s)

    @property
    def anchors(self) -> frozenset[int]:
        """The sealed times from which sums are exact."""
        return frozenset(self._anchors)

    def totals(self) -> tuple[Ints, Ints]:
        """Good and total events by column since the ledger began."""
        return self._all[0], self._all[1]

    def forget_spans(self, before: float) -> "Ledger":
        """Without the spans that no window can begin in any more."""
        keep = self._spans.ended >= before
        return self if keep.all() else replace(self, _spans=self._spans.kept(keep))

    def _changed_slice(self, start: int, change: Callable[[Ints], Ints]) -> _Open:
        if start < self.open_from:
            raise ValueError(f"the slice of {start} is sealed")
        one = self._open.get(start) or _Open(np.zeros((3, self.columns), dtype=np.int64))
        return _Open(change(one.sums), one.revision + 1 + self._retries)

    def _anchored(self, upto: int) -> Mapping[int, Ints]:
        """The anchors once all slices before `upto` are sealed."""
        passed = [at for at in self._wanted - self._anchors.keys() if self.open_from <= at <= upto]
        if not passed:
            return self._anchors
        return {**self._anchors, **{at: self._before(at) for at in passed}}

    def _before(self, boundary: int) -> Ints:
        """What lies before a boundary; sealed and unwanted ones as near as the tiers have it."""
        if boundary in self._anchors:
            return self._anchors[boundary]
        if boundary >= self.open_from:
            open_ = self._summed(one for at, one in self._open.items() if at < boundary)
            return self._sealed + open_
        if boundary <= self.born:
            return np.zeros_like(self._sealed)
        return next(
            (ring for ring in self._rings if ring.holds(boundary, self.open_from)), self._rings[-1]
        ).at(boundary)

    def _boundaries(self, col: int, floor: float) -> Iterator[tuple[Ints, Ints]]:
        """Boundaries from the newest back to `floor`, a batch a tier, with the sums since each as
        [boundary, good | total | measured_us] of one column.
        """
        open_ = sorted((at for at in self._open if at >= floor), reverse=True)
        if open_:
            each = [self._open[at].sums[:, col] for at in open_]
            yield np.array(open_), np.cumsum(each, axis=0)
        newest, everything = self.open_from, self._all[:, col]
        for ring in self._rings:
            reach = (len(ring.sums) - SPARE) * ring.width_s
            oldest = ceil(max(floor, self.born, self.open_from - reach))
            starts = np.arange(
                newest // ring.width_s * ring.width_s, oldest - 1, -ring.width_s, dtype=np.int64
            )
            if len(starts):
                slots = starts // ring.width_s % len(ring.sums)
                yield starts, everything - ring.sums[slots, :, col]
                newest = int(starts[-1])

    def _ring_for(self, length_s: float) -> Ring:
        fitting = [ring for ring in self._rings if ring.width_s * EDGE <= length_s]
        return fitting[-1] if fitting else self._rings[0]

    def _since(self, start: int, ring: Ring) -> Ints:
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

    def _closed_rows(self, upto: int) -> Iterator[Row]:
        """The wider rows that are complete when this ledger's open slices are sealed up to here."""
        for ring in self._rings:
            width = ring.width_s
            if width not in KEPT_WIDTHS_S or width == self.slice_s:
                continue
            first = self.open_from // width * width
            sums = {first: self._sealed - (ring.at(first) if first > self.born else 0)}
            for at in sorted(self._open):
                start = at // width * width
                if start + width <= upto:
                    sums[start] = sums.get(start, 0) + self._open[at].sums
            for start, (good, total, measured_us) in sums.items():
                if start + width <= upto and (total.any() or measured_us.any()):
                    yield Row(width, start, 1, good, total, measured_us)


def told_by(
    rows: Sequence[Row], empty_at: Callable[[int], Ledger], upto: int, wanted: frozenset[int]
) -> Ledger:
    """The ledger that rows tell of, of any widths, in order and apart, all before `upto`, where it
    is sealed. Its sums are exact from the boundaries that are wanted on. `empty_at` makes the one
    that knows nothing before some time.
    """
    ledger = empty_at(rows[0].start if rows else upto)
    sealed, passed, anchors = ledger._sealed, ledger.born, dict[int, Ints]()
    left = sorted(at for at in wanted if ledger.born <= at <= upto)[::-1]
    for row in (*rows, None):
        at = upto if row is None else row.start
        while left and left[-1] <= at:
            anchors[left.pop()] = sealed
        for ring in ledger._rings:  # nobody reads in between: what is older at the end stays out
            ring.fill(max(passed, upto - len(ring.sums) * ring.width_s), at, sealed)
        passed = at
        if row is not None:
            sealed = sealed + np.stack([row.good, row.total, row.measured_us])
    return replace(ledger, open_from=upto, _sealed=sealed, _wanted=wanted, _anchors=anchors)


def widened(rows: Iterable[Row], width_s: int, upto: int) -> Iterator[Row]:
    """The rows of one width that narrower ones make, of the cells that end by `upto`."""
    sums: dict[int, Ints] = {}
    for row in rows:
        cell = row.start // width_s * width_s
        if row.width_s < width_s and cell + width_s <= upto:
            sums[cell] = sums.get(cell, 0) + np.stack([row.good, row.total, row.measured_us])
    for start, (good, total, measured_us) in sums.items():
        if total.any() or measured_us.any():
            yield Row(width_s, start, 1, good, total, measured_us)


def empty(slice_s: int, columns: int, since: float, reach_s: float = REACH_S) -> Ledger:
    """A ledger that knows nothing before `since`, for windows up to `reach_s` and at least 35 days.
    `slice_s` divides a minute.
    """
    if slice_s < 1 or MINUTE_S % slice_s:
        raise ValueError(f"a slice of {slice_s} s does not divide a minute")
    born = int(since // slice_s) * slice_s
    tiers = tuple(rings(slice_s, columns, max(reach_s, REACH_S)))
    return Ledger(slice_s, columns, born, born, tiers, np.zeros((3, columns), dtype=np.int64))


def _replaced(before: Ints, sums: Ints, cols: Ints) -> Ints:
    after = before.copy()
    after[:, cols] = sums
    return after
