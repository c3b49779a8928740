"""The whole of a replay as figures: every event of it, less what is excluded, exact to the unit."""

from dataclasses import dataclass, field

import numpy as np

from slo import exclusions
from slo.exclusions import MINUTE_S, Interval
from slo.ledger import HOUR_S, MICROSECONDS
from slo.series import Floats, Ints
from slo.spec import SloId
from vigie.pipeline.columns import mean_of
from vigie.pipeline.plan import Plan
from vigie.pipeline.state import State


@dataclass(frozen=True, slots=True)
class Whole:
    """One SLO over all that was replayed. `sli` is None where nothing happened; `excluded_s` is the
    time that does not count.
    """

    good: float
    total: float
    sli: float | None
    coverage: float
    excluded_s: float


@dataclass
class LeftOut:
    """What exclusions of a replay of [start, end] hold, by SLO.

    A ledger keeps their edges as far back as windows begin, so each is told when it is over.
    """

    start: float
    end: float
    _known: set[SloId] = field(default_factory=set)
    _waiting: list[tuple[SloId, Interval]] = field(default_factory=list)
    _sums: dict[SloId, Ints] = field(default_factory=dict)
    _length_s: dict[SloId, float] = field(default_factory=dict)
    _due: float = float("inf")

    def look(self, state: State) -> None:
        """Take note of exclusions that are over and sealed; costs nothing while there are none."""
        if not state.plan.config.maintenance:
            return
        if len(self._known) < len(state.plan.watches):
            self._learn(state.plan)
        if state.figures is not None and state.figures.at >= self._due:
            self._tell(state, state.figures.at - state.plan.open_for_s - HOUR_S)

    def whole(self, state: State, index: int) -> Whole:
        """The figures of an SLO at the end of the replay."""
        assert state.figures is not None, "a replay has ticked"
        self._tell(state, float("inf"))
        plan, ledger = state.plan, state.ledger
        slo, cols = plan.watches[index].slo.id, cols_of(plan, index)
        newest = int(self.end // plan.slice_s + 1) * plan.slice_s
        sums = ledger.between(ledger.born, newest)[:, cols] - self._sums.get(slo, 0)
        waits_s = float(np.average(state.figures.pending_s[cols], weights=weights_of(plan, index)))
        excluded_s = self._length_s.get(slo, 0.0)
        return _figures(plan, index, sums, self.end - self.start - excluded_s - waits_s, excluded_s)

    def _learn(self, plan: Plan) -> None:
        for watch in plan.watches:
            slo = watch.slo
            if slo.id not in self._known:
                self._known.add(slo.id)
                labels = plan.config.services[slo.service].labels
                # The slice of the very end counts too.
                planned = exclusions.planned(
                    plan.config.maintenance, slo, labels, self.start, self.end + MINUTE_S
                )
                edges = [exclusions.minutes(one.start, one.end) for one in planned]
                spans = exclusions.merged((a * MINUTE_S, b * MINUTE_S) for a, b in edges)
                self._waiting += [(slo.id, span) for span in spans]
        self._schedule(plan)

    def _schedule(self, plan: Plan) -> None:
        ends = [end for _, (_, end) in self._waiting]
        self._due = min(ends, default=float("inf")) + plan.open_for_s + HOUR_S

    def _tell(self, state: State, until: float) -> None:
        plan, ledger = state.plan, state.ledger
        over = [one for one in self._waiting if one[1][1] <= until]
        self._waiting = [one for one in self._waiting if one[1][1] > until]
        for slo, (start, end) in over:
            held = ledger.between(int(start), int(end))[:, cols_of(plan, plan.index[slo])]
            self._sums[slo] = self._sums.get(slo, 0) + held
            inside = min(end, self.end) - max(start, self.start)
            self._length_s[slo] = self._length_s.get(slo, 0.0) + max(inside, 0.0)
        self._schedule(plan)


def cols_of(plan: Plan, index: int) -> Ints:
    """The columns that an SLO is told from: its own, or the components of a mean."""
    col = int(plan.col_of_slo[index])
    if col < plan.columns:
        return np.array([col], dtype=np.int64)
    return plan.columns_.means[col - plan.columns].cols


def weights_of(plan: Plan, index: int) -> Floats | None:
    """How much each of these columns weighs; None of one that stands for itself."""
    col = int(plan.col_of_slo[index])
    return None if col < plan.columns else plan.columns_.means[col - plan.columns].weights


def events_of(plan: Plan, index: int, sums: Ints) -> tuple[float, float]:
    """Good and total events of an SLO from [good | total, column] of these columns."""
    weights = weights_of(plan, index)
    if weights is None:
        good, total = int(sums[0, 0]), int(sums[1, 0])
    else:
        units = plan.columns_.units[cols_of(plan, index)]
        good, total = mean_of(sums[0], sums[1], units, weights)
    unit = int(plan.columns_.units[plan.col_of_slo[index]])
    return (good, total) if unit == 1 else (good / unit, total / unit)


def _figures(plan: Plan, index: int, sums: Ints, expected_s: float, excluded_s: float) -> Whole:
    good, total = events_of(plan, index, sums)
    measured_s = float(np.average(sums[2], weights=weights_of(plan, index))) / MICROSECONDS
    return Whole(
        good=good,
        total=total,
        sli=good / total if total else None,
        coverage=min(measured_s / expected_s, 1.0) if expected_s > 0 else 1.0,
        excluded_s=excluded_s,
    )
