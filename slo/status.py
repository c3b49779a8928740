"""The figures of one moment, as every reader sees them: arrays inside, one SLO on demand.

The pipeline makes a new `Status` after each committed tick; views, metrics and pages read it and
nothing else, so that they never disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slo.outages import Outage
from slo.redundancy import Standing
from slo.spec import AlertState, Arm, ServiceState, Slo, SloId
from slo.uptime import UNWATCHED, History, Uptime, uptime


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """One SLI over one window. A ratio is None where nothing was measured or nothing happened.

    Events are whole numbers where they were counted; of samples and of means they are not.
    """

    window_s: float
    start: float  # the edge used, at most 1/30 of its length before now - window_s
    end: float
    good: float
    total: float
    coverage: float
    sli: float | None
    burn_rate: float | None


@dataclass(frozen=True, slots=True)
class Contributor:
    """One label set and its bad events of about the last hour; `share` is of all of the SLO's."""

    labels: Mapping[str, str]
    bad: int
    share: float


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """A calendar period as a whole: what it may spend by the traffic that it is expected to have.

    `expected_total` is that of the previous period, or of this one at its pace so far (`basis`).
    """

    start: float
    end: float
    expected_total: float
    basis: str  # previous | pro_rata
    budget_remaining: float | None


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """Seconds until a budget is gone at the burn rate of the last hour; None: never.

    `full` is that of a whole budget; `left` of what is left, with what ages out of the window
    given back.
    """

    full_s: float | None
    left_s: float | None


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
    window: WindowFigures  # without what is excluded
    budget_remaining: float | None  # signed, unclamped; None without events
    arms: tuple[ArmFigures, ...]
    burns: Mapping[float, WindowFigures]  # by window length in seconds
    good_total: float
    total_total: float
    recent: WindowFigures  # the last minute, or four scrape intervals
    no_data: bool
    whole: WindowFigures | None = None  # with what is excluded; None where nothing is
    period: PeriodFigures | None = None  # of a calendar window
    exhaustion: Exhaustion = Exhaustion(None, None)
    contributors: tuple[Contributor, ...] = ()  # while an arm fires: the worst label sets first
    estimated: str = ""  # why the figures are estimates; empty: they are counted

    @property
    def budget_for_action(self) -> float | None:
        """What budget actions and the gate go by: of a calendar window, the share that is left of
        what the whole period may spend.
        """
        return self.period.budget_remaining if self.period else self.budget_remaining


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """One service now."""

    name: str
    state: ServiceState
    reason: str
    downtime_s: float  # since the ledger began, unplanned
    outage: Outage | None  # the one going on
    planned_s: float = 0.0  # down within planned work
    history: History = UNWATCHED
    bad_until: float = 0.0  # up to when the outage is certain
    standing: Standing | None = None  # None: nobody looks at its replicas

    def uptime(self, at: float, length_s: float) -> Uptime:
        """The window of a length that ends at a time, which is that of these figures."""
        return uptime(self.history, self.outage, self.bad_until, at - length_s, at)


@dataclass(frozen=True, slots=True)
class Status:
    """All figures at `at`; `tick` counts ticks since the server started."""

    at: float
    tick: int
    slos: Mapping[SloId, SloFigures]
    services: Mapping[str, ServiceFigures]
