"""What the pipeline knows between two ticks, what arrived, and what a tick decided."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from collectors.scrape import Scrape
from collectors.targets import TargetStatus
from incidents.model import Event, OpenIncident, Signal
from slo.alerts import Alerts
from slo.availability import Availability
from slo.ledger import Ledger, Row, Spans
from slo.series import Floats, Ints, Memory
from slo.spec import SloId
from slo.status import Outage
from vigie.pipeline.figures import Figures
from vigie.pipeline.plan import Plan


@dataclass(frozen=True, eq=False, slots=True)
class Expectation:
    """Who is expected by which column, flat: entry i says that column `cols[i]` expects target
    `targets[i]` (an index into `order`) for the share `share[i]` of its time; the shares of a
    column add up to one. Sorted by target; those of target t are `starts[t]:starts[t + 1]`.
    """

    order: tuple[str, ...]
    targets: Ints
    cols: Ints
    share: Floats
    starts: Ints
    interval_s: Floats  # by target


@dataclass(frozen=True, eq=False, slots=True)
class State:
    """All that a tick starts from. Immutable: a tick that cannot be committed leaves no trace.

    By column: `last_rate`, the events a second that were measured last. By SLO: `below_since`,
    since when fewer of its targets answer than its coverage floor asks for; NaN while enough do.
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
    figures: Figures | None  # of the last tick


@dataclass(frozen=True, slots=True)
class Batch:
    """What arrived since the last tick, in order of arrival."""

    scrapes: tuple[Scrape, ...] = ()


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
    events: tuple[Event, ...]
    figures: Mapping[int, Signal]  # by number: the newest figures of an open incident
    late: int  # events past the lateness bound: counted and reported, never merged
    firing: tuple[str, ...]  # what to tell the fallback channel when nothing can be written


def no_alerts(arms: int, now: float) -> Alerts:
    """Every arm ok since now."""
    return Alerts(np.zeros(arms, dtype=np.int8), np.full(arms, now))


Open = Mapping[str, OpenIncident]
