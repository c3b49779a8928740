"""Which objective the past would have kept, and what its traffic means for a policy. Pure.

Good and total are events; objectives and shares of a budget are 0..1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from slo import budget
from slo.spec import Arm
from slo.windows import show

CANDIDATES: Final = (0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999)
SPARE: Final = 0.25  # of the budget must have been left in every window
HOUR_S: Final = 3600
_STEPS: Final = 30  # windows begin a thirtieth of their length apart
_ENOUGH: Final = 0.95  # of the hours have traffic enough: nothing needs to be said
_MOSTLY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Hour:
    """What was counted from `start` on, for an hour; the last one may be longer or shorter."""

    start: float
    good: float
    total: float


@dataclass(frozen=True, slots=True)
class Sums:
    """What was counted in [start, end)."""

    start: float
    end: float
    good: float
    total: float

    @property
    def sli(self) -> float | None:
        return self.good / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One objective: the least share of the budget that a window left (None: nothing happened), and
    how often it would have paged (None: nobody tried).
    """

    objective: float
    least_left: float | None
    pages: int | None

    @property
    def kept(self) -> bool:
        """Whether every window left enough of the budget."""
        return self.least_left is not None and self.least_left >= SPARE - 1e-12


@dataclass(frozen=True, slots=True)
class Traffic:
    """What little traffic means for pages: a `min_total` that would help, None where none does."""

    min_total: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the past says of one SLO. `objective` is None where it kept none of the candidates."""

    objective: float | None
    windows: int
    worst_sli: float | None
    median_sli: float | None
    candidates: tuple[Candidate, ...]


def windows_over(hours: Sequence[Hour], end: float, length_s: float) -> list[Sums]:
    """Every window of this length that lies in the past, one a thirtieth of it; all of the past
    where it is shorter. `hours` are in time order, and end at `end`.
    """
    if not hours:
        return []
    edges = [*(hour.start for hour in hours), end]
    good, total = [0.0], [0.0]
    for hour in hours:
        good.append(good[-1] + hour.good)
        total.append(total[-1] + hour.total)

    def sums(first: int, last: int) -> Sums:
        return Sums(edges[first], edges[last], good[last] - good[first], total[last] - total[first])

    found, next_at = [], -math.inf
    for first, start in enumerate(edges[:-1]):
        if start + length_s > end:
            break
        if start >= next_at:
            last = next(i for i, at in enumerate(edges) if at >= start + length_s)
            found.append(sums(first, last))
            next_at = start + max(length_s / _STEPS, HOUR_S)
    return found or [sums(0, len(hours))]


def suggest(windows: Sequence[Sums], pages: Mapping[float, int]) -> Suggestion:
    """The strictest candidate of which every window left a quarter of the budget. `pages` says how
    often a candidate would have paged.
    """
    told = [window for window in windows if window.total]
    candidates = tuple(
        Candidate(objective, _least_left(told, objective), pages.get(objective))
        for objective in CANDIDATES
    )
    ratios = [window.good / window.total for window in told]
    return Suggestion(
        objective=max((one.objective for one in candidates if one.kept), default=None),
        windows=len(windows),
        worst_sli=min(ratios, default=None),
        median_sli=median(ratios) if ratios else None,
        candidates=candidates,
    )


def traffic(hours: Sequence[Hour], arm: Arm, objective: float, min_bad: int) -> Traffic | None:
    """Whether there are hours with so few events that `min_bad` failures page; None: hardly any.

    An arm needs min_bad / (burn rate x budget) events in its long window for so few failures not
    to be over its threshold.
    """
    limit = arm.burn_rate * (1.0 - objective)
    needed = math.ceil(round(max(min_bad, 1) / limit, 6))
    events = [hour.total * arm.long_s / HOUR_S for hour in hours]
    if not events:
        return None
    share = sum(count >= needed for count in events) / len(events)
    if share >= _ENOUGH:
        return None
    few = (
        f"{1.0 - share:.0%} of the hours have fewer than {needed} events in {show(arm.long_s)}: "
        f"{min_bad} failures page there"
    )
    if share >= _MOSTLY:
        return Traffic(needed, f"{few}; with `min_total: {needed}` they don't")
    usual = median(events)
    return Traffic(
        None, f"{few}; there are {usual:.3g} as a rule: choose a lower objective or longer windows"
    )


def _least_left(windows: Sequence[Sums], objective: float) -> float | None:
    left = [budget.remaining(window.good, window.total, objective) for window in windows]
    return min((one for one in left if one is not None), default=None)
