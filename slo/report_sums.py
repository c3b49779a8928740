"""Counting over one-minute slices: any range of minutes, with and without what is excluded.

The slices come by day, lazily: sums and spells of whole periods are asked of Polars, which streams
them; what needs every minute in its place (timeslices, the minutes of an exclusion) is laid out
densely, one day at a time. All sums are integers, so that neither changes the answer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from slo.series import Ints
from slo.timeslices import Slicing, judged

Minutes = tuple[int, int]  # [first, last), counted since 1970
Mask = npt.NDArray[np.bool_]

MINUTE_S: Final = 60
DAY: Final = 1440
_SUMS: Final = ("good", "total", "measured_us")


@dataclass(frozen=True, eq=False, slots=True)
class Day:
    """The slices of the minutes [first, last): rows of `sli`, `minute` (both unsigned), `good`,
    `total`, `measured_us`, in any order. A minute without a row was not measured.
    """

    first: int
    last: int
    rows: pl.LazyFrame


@dataclass(frozen=True, slots=True)
class Asked:
    """One range of minutes of one SLI (its number), and how it is counted.

    `out` are excluded minutes: merged, inside [first, last). With `how`, the range must begin and
    end between two of its slices (see `whole_slices`). `unit` counts of the SLI make one event.
    """

    sli: int
    first: int
    last: int
    out: tuple[Minutes, ...] = ()
    how: Slicing | None = None
    unit: int = 1


@dataclass(frozen=True, slots=True)
class Sums:
    """Counts of good and total, and measured microseconds."""

    good: int = 0
    total: int = 0
    measured_us: int = 0

    def less(self, others: "Iterable[Sums]") -> "Sums":
        """Without what some parts of it hold."""
        good, total, measured_us = self.good, self.total, self.measured_us
        for one in others:
            good, total = good - one.good, total - one.total
            measured_us -= one.measured_us
        return Sums(good, total, measured_us)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was asked: of all minutes, and of those that are not excluded."""

    all: Sums
    kept: Sums


def width(how: Slicing | None) -> int:
    """Minutes in a slice; slices under a minute are judged by the minute."""
    return max(1, how.slice_s // MINUTE_S) if how is not None else 1


def whole_slices(first: int, last: int, known: int, how: Slicing | None) -> Minutes:
    """The minutes of the slices that begin in [first, last) and are complete before `known`.

    A slice belongs to the period that it begins in, so that periods share none and leave none out.
    """
    wide = width(how)
    begin = -(-first // wide) * wide
    end = min(-(-last // wide), known // wide) * wide
    return begin, max(begin, end)


def count(asked: Sequence[Asked], days: Sequence[Day]) -> list[Counted]:
    """The answers, in order. The days come by time, none overlaps another; minutes that none of
    them holds were not measured.
    """
    plain = {one: None for one in asked if one.how is None}
    # What is left of added-up events is all of them less those of the excluded minutes.
    parts = {part: None for one in plain for part in _excluded(one)}
    bare = {replace(one, out=()): None for one in plain} | parts
    wide = [one for one in bare if one.last - one.first >= DAY]
    rest = [one for one in bare if one.last - one.first < DAY]
    sliced = list({one: None for one in asked if one.how is not None})
    sums = _streamed(wide, days) | {one: c.all for one, c in _laid_out(rest, days).items()}
    answers = _laid_out(sliced, days)
    for one in plain:
        whole = sums[replace(one, out=())]
        answers[one] = Counted(whole, whole.less(sums[part] for part in _excluded(one)))
    return [answers[one] for one in asked]


def _excluded(one: Asked) -> list[Asked]:
    return [Asked(one.sli, first, last) for first, last in one.out]


def _streamed(asked: Sequence[Asked], days: Sequence[Day]) -> dict[Asked, Sums]:
    """Sums of added-up events over long ranges, all SLIs of one range in one pass."""
    found: dict[Asked, Sums] = {}
    for first, last in sorted({(one.first, one.last) for one in asked}):
        mine = {one.sli: one for one in asked if (one.first, one.last) == (first, last)}
        sums = dict.fromkeys(mine.values(), Sums())
        rows = rows_of(days, first, last, mine)
        if rows is not None:
            totals = rows.group_by("sli").agg(pl.col(_SUMS).cast(pl.Int64).sum())
            for sli, *values in totals.collect(engine="streaming").iter_rows():
                sums[mine[sli]] = Sums(*values)
        found |= sums
    return found


def rows_of(days: Sequence[Day], first: int, last: int, slis: Iterable[int]) -> pl.LazyFrame | None:
    """The rows of some SLIs in [first, last), each sum as wide as needed; None without any day."""
    wanted = pl.Series(sorted(slis), dtype=pl.UInt32)
    frames = []
    for day in days:
        if day.first < last and first < day.last:
            rows = day.rows.filter(pl.col("sli").is_in(wanted.implode()))
            if day.first < first or last < day.last:
                rows = rows.filter(pl.col("minute").is_between(first, last, closed="left"))
            frames.append(rows)
    return pl.concat(frames, how="vertical_relaxed") if frames else None


# -- every minute in its place ------------------------------------------------------------------


def _laid_out(asked: Sequence[Asked], days: Sequence[Day]) -> dict[Asked, Counted]:
    """The same for what needs it, one day in memory at a time."""
    if not asked:
        return {}
    batches = _batches(asked)
    begin, end = min(b.first for b in batches), max(b.last for b in batches)
    held = {day.first // DAY: day for day in days}
    for at in range(begin // DAY, -(-end // DAY)):
        first, last = at * DAY, (at + 1) * DAY
        here = [b for b in batches if b.first < last and first < b.last]
        if not here:
            continue
        slis = sorted({one.sli for batch in here for one in batch.asked})
        sums = _dense(held.get(at), first, slis)
        for batch in here:
            batch.take(first, sums, {sli: column for column, sli in enumerate(slis)})
    return {one: counted for batch in batches for one, counted in batch.answers()}


def _dense(day: Day | None, first: int, slis: Sequence[int]) -> Ints:
    """A day as [good | total | measured_us, minute, SLI], zero where nothing was measured."""
    sums = np.zeros((3, DAY, len(slis)), dtype=np.int64)
    rows = None if day is None else rows_of([day], first, first + DAY, slis)
    if rows is None:
        return sums
    frame = rows.collect()
    columns = np.searchsorted(np.array(slis), frame["sli"].to_numpy())
    minutes = frame["minute"].to_numpy().astype(np.int64) - first
    for place, name in enumerate(_SUMS):
        sums[place, minutes, columns] = frame[name].to_numpy()
    return sums


def _batches(asked: Sequence[Asked]) -> "list[_Batch]":
    """What is asked of the same minutes in the same way is counted together."""
    alike: dict[tuple[object, ...], list[Asked]] = {}
    for one in asked:
        key = (one.first, one.last, one.how, one.unit, bool(one.out))
        alike.setdefault(key, []).append(one)
    return [_Batch(some) for some in alike.values()]


class _Batch:
    """Alike questions, and what was counted for them so far."""

    def __init__(self, asked: list[Asked]) -> None:
        self.asked = asked
        self.first, self.last = asked[0].first, asked[0].last
        self._how, self._excludes = asked[0].how, bool(asked[0].out)
        self._unit = asked[0].unit
        self._all = np.zeros((3, len(asked)), dtype=np.int64)
        self._kept = np.zeros((3, len(asked)), dtype=np.int64)
        # The minutes of a slice that goes on in the next day.
        self._waiting = np.zeros((3, 0, len(asked)), dtype=np.int64)
        self._waiting_out = np.zeros((0, len(asked)), dtype=np.bool_)

    def take(self, start: int, day: Ints, column_of: dict[int, int]) -> None:
        first, last = max(self.first, start), min(self.last, start + DAY)
        columns = [column_of[one.sli] for one in self.asked]
        sums = day[:, first - start : last - start, columns]
        if self._how is None:
            self._all += sums.sum(axis=1)
        else:
            self._add_slices(self._how, sums, self._out(first, last) if self._excludes else None)

    def answers(self) -> Iterator[tuple[Asked, Counted]]:
        kept = self._kept if self._excludes else self._all
        for place, one in enumerate(self.asked):
            yield one, Counted(Sums(*self._all[:, place].tolist()), Sums(*kept[:, place].tolist()))

    def _add_slices(self, how: Slicing, sums: Ints, out: Mask | None) -> None:
        sums = np.concatenate([self._waiting, sums], axis=1)
        wide = width(how)
        ready = sums.shape[1] // wide * wide
        shape = (3, ready // wide, wide, sums.shape[2])
        self._waiting = sums[:, ready:]
        whole = sums[:, :ready].reshape(shape).sum(axis=2)
        self._all += judged(how, whole, self._unit).sum(axis=1)
        if out is None:
            return
        out = np.concatenate([self._waiting_out, out])
        self._waiting_out = out[ready:]
        left = np.where(out[:ready], 0, sums[:, :ready]).reshape(shape).sum(axis=2)
        gone = out[:ready].reshape(shape[1:]).all(axis=1)
        self._kept += np.where(gone, 0, judged(how, left, self._unit)).sum(axis=1)

    def _out(self, first: int, last: int) -> Mask:
        out = np.zeros((last - first, len(self.asked)), dtype=np.bool_)
        for place, one in enumerate(self.asked):
            for begin, end in one.out:
                if begin < last and first < end:
                    out[max(begin - first, 0) : end - first, place] = True
        return out
