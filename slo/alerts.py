"""Burn alerts: the state of every arm of every SLO, decided from two windows and their coverage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from slo.ledger import WindowSums
from slo.series import Floats, Ints
from slo.significance import surely, tail
from slo.spec import AlertState, Arm, ArmKind, Policy

Bools = npt.NDArray[np.bool_]


# A firing arm clears below this share of its threshold, so that one at its edge does not flap.
HOLD = 0.9


class LastEvents(Protocol):
    """The shortest window of a column that holds at least `least` events, or all of `at_most_s`."""

    def __call__(self, col: int, least: int, at_most_s: float) -> WindowSums: ...


@dataclass(frozen=True, eq=False, slots=True)
class Arms:
    """All arms of all SLOs, flat: entry i watches column `cols[i]`.

    `limit[i]` is the error ratio at which it fires: burn rate x budget. `min_bad` and `min_total`
    are in the units of the column, of which `unit[i]` make an event.
    """

    cols: Ints
    limit: Floats
    long: tuple["Entries", ...]
    short: tuple["Entries", ...]
    long_s: Floats
    after_s: Floats
    floor: Floats
    unit: Ints
    min_bad: Ints
    min_total: Ints
    alpha: Floats
    pages: Bools

    @classmethod
    def of(cls, arms: Sequence[tuple[int, float, Arm, Policy]], units: Ints) -> "Arms":
        """From (column, objective, arm, policy) of each arm; `units[column]` make an event."""
        cols = np.array([col for col, _, _, _ in arms], dtype=np.int64)
        unit = units[cols]
        policies = [policy for *_, policy in arms]
        return cls(
            cols=cols,
            limit=np.array([arm.burn_rate * (1.0 - goal) for _, goal, arm, _ in arms], dtype=float),
            long=_by_length(cols, [arm.long_s for _, _, arm, _ in arms]),
            short=_by_length(cols, [arm.short_s for _, _, arm, _ in arms]),
            long_s=np.array([arm.long_s for _, _, arm, _ in arms], dtype=float),
            after_s=np.array([arm.after_s for _, _, arm, _ in arms], dtype=float),
            floor=np.array([policy.coverage_floor for policy in policies], dtype=float),
            unit=unit,
            min_bad=np.array([policy.min_bad for policy in policies], dtype=np.int64) * unit,
            min_total=np.array([policy.min_total for policy in policies], dtype=np.int64) * unit,
            alpha=np.array([policy.alpha for policy in policies], dtype=float),
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
    """By arm: an `AlertState`, since when it has been so, and since when the arm has been burning
    without a break (NaN while it is not).
    """

    state: npt.NDArray[np.int8]
    since: Floats
    burning_since: Floats


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """One window of every column: sums, coverage, and the events that went by unmeasured, at the
    last measured rate.
    """

    sums: WindowSums
    coverage: Floats
    unmeasured: Floats


def judge(
    arms: Arms,
    before: Alerts,
    windows: Mapping[float, Measured],
    now: float,
    last_events: LastEvents,
) -> Alerts:
    """The state of every arm at `now`.

    An arm fires when both windows are at its limit and the long one says so beyond chance: with at
    least `min_bad` bad events of `min_total`, and less than `alpha` chance of so many at a failure
    rate of just the limit. The short window only asks whether the failing goes on, by its share;
    where it holds fewer than `min_bad` events, it reaches back to the last so many. To end what
    fires it must hold so many that at the share of the long window one would have failed: where
    failures are sparse, a minute without any is no recovery; and where some fail, so few that it is
    no chance either.

    Below its coverage floor a window decides only what no unmeasured event could change: it burns
    if it would with all of them good, and is quiet if it would be with all of them bad. Undecided
    arms freeze, and one that fires keeps firing until it is measured not to.
    """
    was_firing = before.state == AlertState.FIRING
    limit = np.where(was_firing, HOLD * arms.limit, arms.limit)
    long = _gather(len(arms.cols), arms.long, windows)
    short = _gather(len(arms.cols), arms.short, windows)
    covered_long, covered_short = long.coverage >= arms.floor, short.coverage >= arms.floor
    enough = was_firing | ((long.bad >= arms.min_bad) & (long.total >= arms.min_total))
    long_burns = long.burns(limit, covered_long) & enough
    chance = _chance(arms, long, covered_long, np.flatnonzero(long_burns & ~was_firing))
    long_burns[chance] = False
    # Few events say nothing about the end of a failure: users who can't get through make none.
    least = np.where(
        was_firing, np.maximum(arms.min_bad, telling(arms, long.bad, long.total)), arms.min_bad
    )
    few = long_burns & (short.total < least) & (was_firing | covered_short)
    covered_short |= few
    _reach_back(arms, short, least, np.flatnonzero(few), last_events)
    burning = long_burns & short.burns(limit, covered_short)
    ended = short.quiet(limit, covered_short)
    ended[_may_go_on(arms, short, covered_short, np.flatnonzero(ended & was_firing))] = False
    quiet = long.quiet(limit, covered_long) | ended | (covered_long & ~long_burns)
    began = np.where(np.isnan(before.burning_since), now, before.burning_since)
    burning_since = np.where(burning, began, np.nan)
    waited = burning & (was_firing | (now - began >= arms.after_s))
    undecided = np.where(was_firing, AlertState.FIRING, AlertState.FROZEN)
    state = np.where(quiet | burning, AlertState.OK, undecided)
    state = np.where(waited, AlertState.FIRING, state).astype(np.int8)
    since = np.where(state == before.state, before.since, now)
    return Alerts(state, since, burning_since)


def telling(arms: Arms, bad: Ints, total: Ints) -> Ints:
    """By arm: how many events its short window needs to tell of an end, when its long one holds
    these. So many all succeed only by a chance under `alpha`: (1 - share) ** n < alpha. The lower
    the share of bad ones, the more.
    """
    share = np.divide(bad, total, out=np.zeros(len(bad)), where=total > 0)
    kept = np.clip(1.0 - share, 1e-9, 1.0 - 1e-9)
    return np.asarray(np.ceil(np.log(arms.alpha) / np.log(kept)) * arms.unit, dtype=np.int64)


def _chance(arms: Arms, long: "_Window", covered: Bools, over: Ints) -> Ints:
    """Those of the arms over their limit whose failures may yet be chance."""
    unmeasured = np.where(covered, 0.0, long.unmeasured)
    return np.array(
        [
            arm
            for arm in over.tolist()
            if not surely(
                int(long.bad[arm] // arms.unit[arm]),
                round((long.total[arm] + unmeasured[arm]) / arms.unit[arm]),
                float(arms.limit[arm]),
                float(arms.alpha[arm]),
            )
        ],
        dtype=np.int64,
    )


def _may_go_on(arms: Arms, short: "_Window", covered: Bools, under: Ints) -> Ints:
    """Those of the arms under their limit in whose short window something fails, and so little only
    by chance: it may go on at the limit all the same.
    """
    hidden = np.where(covered, 0.0, short.unmeasured)
    return np.array(
        [
            arm
            for arm in under.tolist()
            if short.bad[arm]
            and 1.0
            - tail(
                int((short.bad[arm] + hidden[arm]) // arms.unit[arm]) + 1,
                round((short.total[arm] + hidden[arm]) / arms.unit[arm]),
                float(arms.limit[arm]),
            )
            >= arms.alpha[arm]
        ],
        dtype=np.int64,
    )


def _reach_back(
    arms: Arms, short: "_Window", least: Ints, few: Ints, last_events: LastEvents
) -> None:
    for arm in few.tolist():
        sums = last_events(int(arms.cols[arm]), int(least[arm]), float(arms.long_s[arm]))
        short.total[arm] = sums.total[0]
        short.bad[arm] = sums.total[0] - sums.good[0]


@dataclass(frozen=True, eq=False, slots=True)
class _Window:
    """One window of every arm."""

    bad: Ints
    total: Ints
    coverage: Floats
    unmeasured: Floats

    def burns(self, limit: Floats, covered: Bools) -> Bools:
        """Whether the window is at its limit: surely, where it is not covered."""
        of = self.total + np.where(covered, 0.0, self.unmeasured)
        return np.asarray((self.bad > 0) & at_least(self.bad, limit * of), dtype=np.bool_)

    def quiet(self, limit: Floats, covered: Bools) -> Bools:
        """Whether the window is under its limit: surely, where it is not covered."""
        unmeasured = np.where(covered, 0.0, self.unmeasured)
        worst, of = self.bad + unmeasured, self.total + unmeasured
        known = covered | (self.total > 0)
        under = (worst == 0) | ~at_least(worst, limit * of)
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
