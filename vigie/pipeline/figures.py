"""The figures of one tick as arrays, and one SLO or service of them on demand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slo import budget
from slo.alerts import Alerts, Measured
from slo.availability import Availability
from slo.series import Ints
from slo.spec import AlertState, SloId
from slo.status import ArmFigures, ServiceFigures, SloFigures, WindowFigures
from vigie.pipeline.plan import Plan


@dataclass(frozen=True, eq=False, slots=True)
class Figures:
    """All windows of all columns at `at`, and what was decided from them."""

    at: float
    plan: Plan
    windows: Mapping[float, Measured]
    alerts: Alerts
    no_data: npt.NDArray[np.bool_]  # by SLO
    good: Ints  # by column, since the ledger row began
    total: Ints

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
        col = int(self.plan.col_of_slo[index])
        lengths = sorted({length for arm in watch.arms for length in (arm.long_s, arm.short_s)})
        window = self._window(index, slo.window_s)
        return SloFigures(
            slo=slo,
            window=window,
            budget_remaining=budget.remaining(window.good, window.total, slo.objective),
            arms=arms,
            burns={length: self._window(index, length) for length in lengths},
            good_total=int(self.good[col]),
            total_total=int(self.total[col]),
            recent=self._window(index, self.plan.recent_s),
            no_data=bool(self.no_data[index]),
        )

    def _window(self, index: int, length: float) -> WindowFigures:
        col = int(self.plan.col_of_slo[index])
        measured, slo = self.windows[length], self.plan.watches[index].slo
        sums = measured.sums
        good, total = int(sums.good[col]), int(sums.total[col])
        return WindowFigures(
            window_s=length,
            start=sums.start,
            end=sums.end,
            good=good,
            total=total,
            coverage=float(measured.coverage[col]),
            sli=good / total if total else None,
            burn_rate=budget.burn(good, total, slo.objective),
        )


class SloView(Mapping[SloId, SloFigures]):
    """Every SLO's figures by id, each made when it is looked at."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def __getitem__(self, key: SloId) -> SloFigures:
        return self._figures.slo(self._figures.plan.index[key])

    def __iter__(self) -> Iterator[SloId]:
        return iter(self._figures.plan.index)

    def __len__(self) -> int:
        return len(self._figures.plan.index)


class ServiceView(Mapping[str, ServiceFigures]):
    """Every service's figures by name, each made when it is looked at."""

    def __init__(self, availability: Mapping[str, Availability], at: float) -> None:
        self._availability, self._at = availability, at

    def __getitem__(self, key: str) -> ServiceFigures:
        one = self._availability[key]
        return ServiceFigures(key, one.state, one.reason, one.downtime_s(self._at), one.outage)

    def __iter__(self) -> Iterator[str]:
        return iter(self._availability)

    def __len__(self) -> int:
        return len(self._availability)
