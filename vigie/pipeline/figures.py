"""The figures of one tick as arrays, and one SLO or service of them on demand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slo import budget
from slo.alerts import Alerts, Measured
from slo.availability import Availability
from slo.calendar import Calendar
from slo.ledger import HOUR_S, MICROSECONDS, Ledger, WindowSums
from slo.redundancy import Standing
from slo.series import Floats, Ints, Memory
from slo.spec import MICRO, AlertState, SloId
from slo.status import (
    ArmFigures,
    Contributor,
    Exhaustion,
    PeriodFigures,
    ServiceFigures,
    SloFigures,
    WindowFigures,
)
from slo.uptime import UNWATCHED, History
from vigie.pipeline.columns import mean_of
from vigie.pipeline.contributors import Snapshots, contributors
from vigie.pipeline.expectation import Expectation
from vigie.pipeline.periods import Exclusions, Period
from vigie.pipeline.plan import Plan, is_estimated

ESTIMATED = "counted by a server's increase(), which extrapolates"


@dataclass(frozen=True, eq=False, slots=True)
class Figures:
    """All windows of all columns at `at`, and what was decided from them."""

    at: float
    plan: Plan
    windows: Mapping[float, Measured]
    alerts: Alerts
    no_data: npt.NDArray[np.bool_]  # by SLO
    ledger: Ledger
    pending_s: Floats  # by ledger column
    periods: Mapping[Calendar, Period]
    exclusions: Exclusions
    memories: Mapping[str, Memory]
    snapshots: Snapshots
    expected: Expectation

    def slo(self, index: int) -> SloFigures:
        """The figures of the SLO with this number."""
        watch = self.plan.watches[index]
        slo = watch.slo
        first = int(self.plan.first_arm[index])
        arms = tuple(
            ArmFigures(
                arm=arm,
                state=AlertState(int(self.alerts.state[first + offset])),
                since=float(self.alerts.since[first + offset]),
                long=self._window(index, arm.long_s),
                short=self._window(index, arm.short_s),
            )
            for offset, arm in enumerate(watch.arms)
        )
        lengths = {length for arm in watch.arms for length in (arm.long_s, arm.short_s)}
        lengths |= {a.over_s for a in watch.policy.actions if a.burning_above is not None}
        whole = self._budget_window(index)
        window = self._without_excluded(index, whole)
        good_total, total_total = self._totals(index)
        return SloFigures(
            slo=slo,
            window=window,
            budget_remaining=budget.remaining(window.good, window.total, slo.objective),
            arms=arms,
            burns={length: self._window(index, length) for length in sorted(lengths)},
            good_total=good_total,
            total_total=total_total,
            recent=self._window(index, self.plan.recent_s),
            no_data=bool(self.no_data[index]),
            whole=None if whole is window else whole,
            period=self._period(index, whole, window),
            exhaustion=self._exhaustion(index, whole, window),
            contributors=self._contributors(index, arms),
            estimated=ESTIMATED if is_estimated(self.plan, self._col(index)) else "",
        )

    def recent(self, index: int) -> tuple[str, WindowFigures]:
        """The name of an SLO and what was measured of it just now."""
        return self.plan.watches[index].slo.name, self._window(index, self.plan.recent_s)

    def past(self, index: int) -> "SloPast":
        """What the ledger remembers of the SLO with this number."""
        col, plan = self._col(index), self.plan
        cols, weights = np.array([col]), np.ones(1)
        if col >= plan.columns:
            mean = plan.columns_.means[col - plan.columns]
            cols, weights = mean.cols, mean.weights
        return SloPast(
            at=self.at,
            pending_s=self._waits(index),
            ids=tuple(plan.ids[one] for one in cols.tolist()),
            ledger=self.ledger.recolumned(cols),
            units=plan.columns_.units[cols],
            weights=weights,
        )

    # -- windows --------------------------------------------------------------------------------

    def _col(self, index: int) -> int:
        return int(self.plan.col_of_slo[index])

    def _window(self, index: int, length: float) -> WindowFigures:
        col, measured = self._col(index), self.windows[length]
        sums = (measured.sums.good[col], measured.sums.total[col])
        coverage = float(measured.coverage[col])
        return self._figures(index, length, measured.sums.start, sums, coverage)

    def _budget_window(self, index: int) -> WindowFigures:
        """The whole window of an SLO: the last so many days, or the period so far."""
        slo = self.plan.watches[index].slo
        if slo.calendar is None:
            return self._window(index, slo.window_s)
        start = self.periods[slo.calendar].start
        return self._since(index, self.ledger.window_from(start, self.at), slo.window_s)

    def _since(self, index: int, window: WindowSums, length: float) -> WindowFigures:
        sums = np.stack([window.good, window.total, window.measured_us])
        good, total, measured_s = self._told(index, sums)
        coverage = _coverage(measured_s, self.at - window.start - self._waits(index))
        return self._figures(index, length, window.start, (good, total), coverage)

    def _without_excluded(self, index: int, whole: WindowFigures) -> WindowFigures:
        """A window less what is excluded in it."""
        since = int(whole.start)
        inside = [
            (max(int(start), since), int(end))
            for start, end in self.exclusions.by_slo.get(index, ())
            if end > since and start < self.at
        ]
        if not inside:
            return whole
        kept = self._all_of(index, whole)
        for start, end in inside:
            kept = kept - self.ledger.between(start, end, since=since)
        good, total, measured_s = self._told(index, kept)
        waits_from = self.at - self._waits(index)
        expected_s = (
            waits_from
            - since
            - sum(max(min(end, waits_from) - start, 0.0) for start, end in inside)
        )
        coverage = _coverage(measured_s, expected_s)
        return self._figures(index, whole.window_s, whole.start, (good, total), coverage)

    def _all_of(self, index: int, whole: WindowFigures) -> Ints:
        slo = self.plan.watches[index].slo
        if slo.calendar is None:
            window = self.ledger.window(self.at, slo.window_s)
        else:
            window = self.ledger.window_from(int(whole.start), self.at)
        return np.stack([window.good, window.total, window.measured_us])

    def _figures(
        self,
        index: int,
        length: float,
        start: float,
        sums: tuple[int | np.int64, int | np.int64],
        coverage: float,
    ) -> WindowFigures:
        slo, unit = self.plan.watches[index].slo, int(self.plan.columns_.units[self._col(index)])
        good, total = (int(value) for value in sums)
        return WindowFigures(
            window_s=length,
            start=start,
            end=self.at,
            good=good if unit == 1 else good / unit,
            total=total if unit == 1 else total / unit,
            coverage=coverage,
            sli=good / total if total else None,
            burn_rate=budget.burn(good, total, slo.objective),
        )

    def _told(self, index: int, sums: Ints) -> tuple[int, int, float]:
        """Good, total and measured seconds of an SLO from sums by ledger column."""
        col, plan = self._col(index), self.plan
        if col < plan.columns:
            good, total, measured_us = sums[:, col].tolist()
            return good, total, measured_us / MICROSECONDS
        mean = plan.columns_.means[col - plan.columns]
        parts = sums[:, mean.cols]
        good, total = mean_of(parts[0], parts[1], plan.columns_.units[mean.cols], mean.weights)
        return good, total, float(np.average(parts[2], weights=mean.weights)) / MICROSECONDS

    def _waits(self, index: int) -> float:
        col, plan = self._col(index), self.plan
        if col < plan.columns:
            return float(self.pending_s[col])
        mean = plan.columns_.means[col - plan.columns]
        return float(np.average(self.pending_s[mean.cols], weights=mean.weights))

    def _totals(self, index: int) -> tuple[float, float]:
        good, total = self.ledger.totals()
        unit = int(self.plan.columns_.units[self._col(index)])
        told = self._told(index, np.stack([good, total, np.zeros_like(total)]))
        return (told[0], told[1]) if unit == 1 else (told[0] / unit, told[1] / unit)

    def _contributors(self, index: int, arms: tuple[ArmFigures, ...]) -> tuple[Contributor, ...]:
        """Of an SLO that burns: of others nobody asks, and every series would be looked at."""
        if not self.snapshots or all(arm.state is not AlertState.FIRING for arm in arms):
            return ()
        return contributors(
            self.plan,
            self.memories,
            self.snapshots,
            expected=self.expected,
            col=self._col(index),
        )

    # -- what is to come ------------------------------------------------------------------------

    def _period(
        self, index: int, whole: WindowFigures, window: WindowFigures
    ) -> PeriodFigures | None:
        slo = self.plan.watches[index].slo
        if slo.calendar is None:
            return None
        period = self.periods[slo.calendar]
        before = self._told(index, self.ledger.between(period.previous, period.start))
        expected = before[1] / int(self.plan.columns_.units[self._col(index)])
        watched = before[2] / (period.start - period.previous)
        basis = "previous"
        if not expected or watched < self.plan.watches[index].policy.coverage_floor:
            passed = self._told_s(index, whole) / (period.end - period.start)
            expected, basis = (whole.total / passed if passed > 0 else 0.0), "pro_rata"
        bad = window.total - window.good
        left = budget.remaining_of(bad, expected, slo.objective)
        return PeriodFigures(period.start, period.end, expected, basis, left)

    def _told_s(self, index: int, window: WindowFigures) -> float:
        """The time in which the events of a window happened: what was measured, and what the page
        after a gap tells of. Other time, that nobody watched, is no time without traffic.
        """
        col, plan, elapsed_s = self._col(index), self.plan, window.end - window.start
        cols, weights = np.array([col]), np.ones(1)
        if col >= plan.columns:
            mean = plan.columns_.means[col - plan.columns]
            cols, weights = mean.cols, mean.weights
        spanned = [self.ledger.spanned_s(one, window.start) for one in cols.tolist()]
        spanned_s = float(np.average(spanned, weights=weights))
        return min(window.coverage * elapsed_s + spanned_s, elapsed_s)

    def _exhaustion(self, index: int, whole: WindowFigures, window: WindowFigures) -> Exhaustion:
        slo = self.plan.watches[index].slo
        hour = self._window(index, self._pace_s(index))
        full_s = budget.full_lasts_s(hour.burn_rate, slo.window_s)
        seconds = max(self._told_s(index, hour), 1.0)
        bad_rate, total_rate = (hour.total - hour.good) / seconds, hour.total / seconds
        period = self._period(index, whole, window)
        if period is not None:
            allowed = (1.0 - slo.objective) * period.expected_total
            bad, rest_s = window.total - window.good, period.end - self.at
            return Exhaustion(full_s, budget.rest_lasts_s(bad, allowed, bad_rate, rest_s))
        if not bad_rate and (window.burn_rate or 0.0) < 1.0:
            return Exhaustion(full_s, None)
        return Exhaustion(full_s, self._left_s(index, bad_rate, total_rate))

    def _pace_s(self, index: int) -> float:
        """The window whose burn rate is taken for the pace: an hour, or the nearest there is."""
        slo = self.plan.watches[index].slo
        pace_s = min(float(HOUR_S), slo.window_s)
        return min(self.plan.lengths, key=lambda length: abs(length - pace_s))

    def _left_s(self, index: int, bad_rate: float, total_rate: float) -> float | None:
        col, slo = self._col(index), self.plan.watches[index].slo
        if col >= self.plan.columns:
            return None  # means have no past of their own to age out
        unit = int(self.plan.columns_.units[col])
        starts, sums = self.ledger.since_each(col, self.at, slo.window_s)
        if not len(starts):
            return None
        ahead_s = np.maximum(starts - (self.at - slo.window_s), 0.0)
        return budget.left_lasts_s(
            ahead_s=np.concatenate([[0.0], ahead_s]),
            since=np.concatenate([sums[:1, :2], sums[:, :2]]) / unit,
            bad_rate=bad_rate,
            total_rate=total_rate,
            objective=slo.objective,
        )


@dataclass(frozen=True, eq=False, slots=True)
class SloPast:
    """What is remembered of one SLO at `at`: the ledger of its columns alone, by their
    fingerprints; several where it is a composite. The next pages tell of the last `pending_s`.
    """

    at: float
    pending_s: float
    ids: tuple[str, ...]
    ledger: Ledger
    units: Ints
    weights: Floats

    def told(self, sums: Ints) -> tuple[float, float, float]:
        """Good and total events and measured seconds, of [good | total | measured_us, column]."""
        good, total, unit = int(sums[0, 0]), int(sums[1, 0]), int(self.units[0])
        if len(self.ids) > 1:
            (good, total), unit = mean_of(sums[0], sums[1], self.units, self.weights), MICRO
        measured_s = float(np.average(sums[2], weights=self.weights)) / MICROSECONDS
        return (good, total, measured_s) if unit == 1 else (good / unit, total / unit, measured_s)


def _coverage(measured_s: float, expected_s: float) -> float:
    """Where nothing could be measured yet, nothing is missing: a period that has just begun."""
    return min(measured_s / expected_s, 1.0) if expected_s > 0 else 1.0


class SloView(Mapping[SloId, SloFigures]):
    """Every SLO's figures by id, each made when it is looked at."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def __getitem__(self, key: SloId) -> SloFigures:
        return self._figures.slo(self._figures.plan.index[key])

    def __iter__(self) -> Iterator[SloId]:
        return iter(self._figures.plan.index)

    def past(self, slo: SloId) -> SloPast | None:
        """What the ledger remembers of an SLO; None of one that it doesn't know."""
        index = self._figures.plan.index.get(slo)
        return None if index is None else self._figures.past(index)

    def __len__(self) -> int:
        return len(self._figures.plan.index)


class ServiceView(Mapping[str, ServiceFigures]):
    """Every service's figures by name, each made when it is looked at."""

    def __init__(
        self,
        availability: Mapping[str, Availability],
        histories: Mapping[str, History],
        redundancy: Mapping[str, Standing],
    ) -> None:
        self._availability = availability
        self._histories, self._redundancy = histories, redundancy

    def __getitem__(self, key: str) -> ServiceFigures:
        one = self._availability[key]
        return ServiceFigures(
            key,
            one.state,
            one.reason,
            one.downtime_s(),
            one.outage,
            one.downtime_s(planned=True),
            self._histories.get(key, UNWATCHED),
            one.bad_until,
            self._redundancy.get(key),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._availability)

    def __len__(self) -> int:
        return len(self._availability)
