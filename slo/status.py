"""The figures of one moment, as every reader sees them: arrays inside, one SLO on demand.

The pipeline makes a new `Status` after each committed tick; views, metrics and pages read it and
nothing else, so that they never disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slo.spec import AlertState, Arm, ServiceState, Slo, SloId


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """One SLI over one window. A ratio is None where nothing was measured or nothing happened."""

    window_s: float
    start: float  # the edge used, at most one slice before now - window_s
    end: float
    good: int
    total: int
    coverage: float
    sli: float | None
    burn_rate: float | None


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """One arm of one SLO now."""

    arm: Arm
    state: AlertState
    since: float
    long: WindowFigures
    short: WindowFigures


@dataclass(frozen=True, slots=True)
class SloFigures:
    """One SLO now: its window, what is left of its budget, its arms.

    `good_total` and `total_total` count since the ledger row began (they only grow). `no_data`
    says that coverage has been below its floor for longer than `no_data_after`.
    """

    slo: Slo
    window: WindowFigures
    budget_remaining: float | None  # signed, unclamped; None without events
    arms: tuple[ArmFigures, ...]
    burns: Mapping[float, WindowFigures]  # by window length in seconds
    good_total: int
    total_total: int
    recent: WindowFigures  # the last minute, or four scrape intervals
    no_data: bool


@dataclass(frozen=True, slots=True)
class Outage:
    """An interval in which a service was down; `ended_at` is None while it lasts."""

    service: str
    started_at: float
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """One service now."""

    name: str
    state: ServiceState
    reason: str
    downtime_s: float  # since the ledger began, unplanned
    outage: Outage | None  # the one going on


@dataclass(frozen=True, slots=True)
class Status:
    """All figures at `at`; `tick` counts ticks since the server started."""

    at: float
    tick: int
    slos: Mapping[SloId, SloFigures]
    services: Mapping[str, ServiceFigures]
