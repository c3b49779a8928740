"""Burn alerts: the state of every arm of every SLO, decided from two windows and their coverage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slo.ledger import WindowSums
from slo.series import Floats, Ints
from slo.spec import AlertState, Arm, ArmKind, Policy

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Arms:
    """All arms of all SLOs, flat: entry i watches column `cols[i]`.

    `limit[i]` is the error ratio at which it fires: burn rate x budget.
    """

    cols: Ints
    limit: Floats
    long: tuple["Entries", ...]
    short: tuple["Entries", ...]
    floor: Floats
    min_bad: Ints
    pages: Bools

    @classmethod
    def of(cls, arms: Sequence[tuple[int, float, Arm, Policy]]) -> "Arms":
        """From (column, objective, arm, policy) of each arm."""
        cols = np.array([col for col, _, _, _ in arms], dtype=np.int64)
        return cls(
            cols=cols,
            limit=np.array([arm.burn_rate * (1.0 - goal) for _, goal, arm, _ in arms], dtype=float),
            long=_by_length(cols, [arm.long_s for _, _, arm, _ in arms]),
            short=_by_length(cols, [arm.short_s for _, _, arm, _ in arms]),
            floor=np.array([policy.coverage_floor for *_, policy in arms], dtype=float),
            min_bad=np.array([policy.min_bad for *_, policy in arms], dtype=np.int64),
            pages=np.array([arm.kind is ArmKind.PAGE for _, _, arm, _ in arms], dtype=np.bool_),
        )


@dataclass(frozen=True, eq=False, slots=True)
class Entries:
    """The arms that look at windows of one length, and their columns."""

    length_s: float
    arms: Ints
    cols: Ints


def _by_length(cols: Ints, lengths: Sequence[float]) -> tuple[Entries, ...]:
    by_length = np.array(lengths)
    found = [(length, np.flatnonzero(by_length == length)) for length in sorted(set(lengths))]
    return tuple(Entries(length, arms, cols[arms]) for length, arms in found)


@dataclass(frozen=True, eq=False, slots=True)
class Alerts:
    """By arm: an `AlertState` and since when it has been so."""

    state: npt.NDArray[np.int8]
    since: Floats


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """One window of every column: sums, coverage, and the events that went by unmeasured, at the
    last measured rate.
    """

    sums: WindowSums
    coverage: Floats
    unmeasured: Floats


def judge(arms: Arms, before: Alerts, windows: Mapping[float, Measured], now: float) -> Alerts:
    """The state of every arm at `now`.

    An arm burns when both windows are at its limit, and the long one holds at least `min_bad` bad
    events. Below its coverage floor a window decides only what no unmeasured event could change:
    it burns if it would with all of them good, and is quiet if it would be with all of them bad.
    Undecided arms freeze, and one that fires keeps firing until it is measured not to.
    """
    long = _gather(len(arms.cols), arms.long, windows)
    short = _gather(len(arms.cols), arms.short, windows)
    covered_long, covered_short = long.coverage >= arms.floor, short.coverage >= arms.floor
    enough = long.bad >= arms.min_bad
    long_burns = long.burns(arms, covered_long) & enough
    was_firing = before.state == AlertState.FIRING
    # A short window without a single event says nothing about the end of a failure; users who
    # cannot get through make none. Firing goes on until the long window is under its limit.
    silent = was_firing & (short.total == 0)
    firing = long_burns & (short.burns(arms, covered_short) | silent)
    quiet = long.quiet(arms, covered_long) | short.quiet(arms, covered_short)
    quiet |= covered_long & ~enough
    undecided = np.where(was_firing, AlertState.FIRING, AlertState.FROZEN)
    state = np.where(firing, AlertState.FIRING, np.where(quiet, AlertState.OK, undecided))
    state = state.astype(np.int8)
    since = np.where(state == before.state, before.since, now)
    return Alerts(state, since)


@dataclass(frozen=True, eq=False, slots=True)
class _Window:
    """One window of every arm."""

    bad: Ints
    total: Ints
    coverage: Floats
    unmeasured: Floats

    def burns(self, arms: Arms, covered: Bools) -> Bools:
        """Whether the window is at its limit: surely, where it is not covered."""
        of = self.total + np.where(covered, 0.0, self.unmeasured)
        return np.asarray((self.bad > 0) & at_least(self.bad, arms.limit * of), dtype=np.bool_)

    def quiet(self, arms: Arms, covered: Bools) -> Bools:
        """Whether the window is under its limit: surely, where it is not covered."""
        unmeasured = np.where(covered, 0.0, self.unmeasured)
        worst, of = self.bad + unmeasured, self.total + unmeasured
        known = covered | (self.total > 0)
        under = (worst == 0) | ~at_least(worst, arms.limit * of)
        return np.asarray(known & under, dtype=np.bool_)


def at_least(value: Floats | Ints, limit: Floats) -> Bools:
    """value >= limit, where both come from arithmetic that is exact but for rounding."""
    return np.asarray(value >= limit * (1.0 - 1e-12), dtype=np.bool_)


def _gather(size: int, by: tuple[Entries, ...], windows: Mapping[float, Measured]) -> _Window:
    bad, total = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    coverage, unmeasured = np.zeros(size), np.zeros(size)
    for entries in by:
        window, cols = windows[entries.length_s], entries.cols
        total[entries.arms] = window.sums.total[cols]
        bad[entries.arms] = window.sums.total[cols] - window.sums.good[cols]
        coverage[entries.arms] = window.coverage[cols]
        unmeasured[entries.arms] = window.unmeasured[cols]
    return _Window(bad, total, coverage, unmeasured)
