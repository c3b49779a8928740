"""What the pipeline knows between two ticks, what arrived, and what a tick decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from collectors.heartbeat import Beats, Standing
from collectors.scrape import Scrape
from collectors.targets import Target, TargetStatus
from incidents.budget import Acting, RunWanted
from incidents.budget import Key as ActionKey
from incidents.model import Certificate, Event, Json, OpenIncident, Signal
from slo.alerts import Alerts
from slo.availability import Availability, Look
from slo.calendar import Calendar
from slo.ledger import Ledger, Row
from slo.outages import Outage
from slo.redundancy import Observed, Rollout
from slo.redundancy import Standing as Redundant
from slo.series import Floats, Memory, Page
from slo.spans import Spans
from slo.spec import Excluded, SloId
from slo.uptime import History
from vigie.pipeline.contributors import Snapshots
from vigie.pipeline.expectation import Expectation
from vigie.pipeline.figures import Figures
from vigie.pipeline.periods import NO_EXCLUSIONS, Exclusions, Period
from vigie.pipeline.plan import Plan
from vigie.pipeline.replicas import Reading
from vigie.store.states import Became


@dataclass(frozen=True, eq=False, slots=True)
class State:
    """All that a tick starts from. Immutable: a tick that cannot be committed leaves no trace.

    By column: `last_rate`, the events a second that were measured last. By SLO: `below_since`,
    since when fewer of its targets answer than its coverage floor asks for; NaN while enough do.
    By target: `gauges`, the pages that what is sampled still looks back to, oldest first. By
    source, slices that end by `sampled_upto` were sampled; by fingerprint, `estimated_upto` is
    the end of the last slice that a server estimated; by DataSource, `polled` is when it last
    answered.
    """

    plan: Plan
    since: float  # when this server began to watch
    tick: int
    ledger: Ledger
    memories: Mapping[str, Memory]
    targets: Mapping[str, TargetStatus]
    yields: Mapping[str, frozenset[int]]
    expected: Expectation
    alerts: Alerts
    last_rate: Floats
    below_since: Floats
    availability: Mapping[str, Availability]
    acting: Mapping[ActionKey, Acting]  # budget actions
    figures: Figures | None  # of the last tick
    gauges: Mapping[str, tuple[Page, ...]] = field(default_factory=dict)
    sampled_upto: Mapping[str, int] = field(default_factory=dict)
    estimated_upto: Mapping[str, float] = field(default_factory=dict)
    polled: Mapping[str, float] = field(default_factory=dict)
    periods: Mapping[Calendar, Period] = field(default_factory=dict)
    exclusions: Exclusions = NO_EXCLUSIONS
    corrections: tuple[Excluded, ...] = ()
    snapshots: Snapshots = ()
    beats: Mapping[str, Beats] = field(
        default_factory=dict
    )  # by heartbeat, as the database has them
    standings: Mapping[str, Standing] = field(default_factory=dict)  # of the last tick
    probed: Mapping[str, Look] = field(default_factory=dict)  # by service
    certificates: tuple[Certificate, ...] = ()  # as probes saw them last
    readings: Mapping[str, Reading] = field(default_factory=dict)  # by target that is a replica
    observed: Mapping[str, Observed] = field(default_factory=dict)  # by service, as clusters tell
    rollouts: Mapping[str, Rollout] = field(default_factory=dict)  # by service, told as changes
    redundancy: Mapping[str, Redundant] = field(default_factory=dict)  # by service
    histories: Mapping[str, History] = field(default_factory=dict)  # by service


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a server says that one slice holds of a column, `width_s` long; in the column's units,
    by absolute value.
    """

    fingerprint: str
    start: int
    width_s: int
    part: int
    total: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What arrived since the last tick, in order of arrival.

    `targets` are those of DataSources that were not known before.
    """

    scrapes: tuple[Scrape, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    polled: Mapping[str, float] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    beats: Mapping[str, Beats] | None = None  # None: no heartbeat said anything
    probed: Mapping[str, Look] | None = None  # by service, of all that are probed
    certificates: tuple[Certificate, ...] = ()  # all that probes know
    observed: Mapping[str, Observed] = field(default_factory=dict)  # by service
    rollouts: Mapping[str, Rollout] | None = None  # by service; None: no change was told


@dataclass(frozen=True, eq=False, slots=True)
class AlertChange:
    """An arm that changed its state."""

    slo: SloId
    arm: str
    state: int
    since: float


@dataclass(frozen=True, eq=False, slots=True)
class Effects:
    """What one tick writes, all of it in one transaction."""

    rows: tuple[Row, ...]
    spans: Spans
    memories: Mapping[str, Memory]
    alerts: tuple[AlertChange, ...]
    outages: tuple[Outage, ...]
    states: tuple[Became, ...]  # of services that are in another one now
    redundancy: Mapping[str, Redundant]  # by service: what stands elsewhere now
    events: tuple[Event, ...]
    acting: tuple[Acting, ...]  # budget actions that stand elsewhere now
    runs: tuple[RunWanted, ...]
    figures: Mapping[int, Signal]  # by number: the newest figures of an open incident
    late: int  # events past the lateness bound: counted and reported, never merged
    firing: tuple[str, ...]  # what to tell the fallback channel when nothing can be written
    onset: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)  # by key of what opens


def no_alerts(arms: int, now: float) -> Alerts:
    """Every arm ok since now."""
    return Alerts(np.zeros(arms, dtype=np.int8), np.full(arms, now), np.full(arms, np.nan))


Open = Mapping[str, OpenIncident]
