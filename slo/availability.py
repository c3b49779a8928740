"""Whether services are up, and their outages: decided from what their SLOs measured just now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from slo.series import Floats, Ints
from slo.spec import ServiceState
from slo.status import Outage, WindowFigures

MIN_EVENTS = 3  # fewer recent events say nothing about being down

# From the least to the most telling: one SLO that is down makes its service down, and one that is
# measured makes it known.
_ORDER = (ServiceState.UNKNOWN, ServiceState.UP, ServiceState.DEGRADED, ServiceState.DOWN)


@dataclass(frozen=True, slots=True)
class Availability:
    """What is known of one service between two ticks.

    `ended_s` is the length of all outages that ended; `outage` the one going on.
    """

    state: ServiceState
    reason: str
    ended_s: float = 0.0
    outage: Outage | None = None

    def downtime_s(self, now: float) -> float:
        """Seconds down since the ledger began."""
        return self.ended_s + (now - self.outage.started_at if self.outage else 0.0)


@dataclass(frozen=True, slots=True)
class Look:
    """What a service is found to be, why, and since when what makes it so goes on."""

    state: ServiceState
    reason: str
    since: float


@dataclass(frozen=True, eq=False, slots=True)
class Recent:
    """By SLO: events and coverage of the recent window, and whether an arm that pages fires."""

    good: Floats
    total: Floats
    coverage: Floats
    pages: npt.NDArray[np.bool_]


def judged(recent: Recent, down_below: Floats, service: Ints, services: int) -> Ints:
    """By service: its state as a rank in `_ORDER`; see `state_of`. `service[i]` is that of SLO i.

    Down when the good share of an SLO's events is under `down_below`; degraded while an arm that
    pages fires; unknown when nothing was measured.
    """
    down = (recent.total >= MIN_EVENTS) & (recent.good < down_below * recent.total)
    rank = np.where(down, 3, np.where(recent.pages, 2, 1))
    rank = np.where(recent.coverage > 0.0, rank, 0)
    worst = np.zeros(services, dtype=np.int64)
    np.maximum.at(worst, service, rank)
    return worst


def state_of(rank: int) -> ServiceState:
    """The state that a rank stands for."""
    return _ORDER[rank]


def worse(one: ServiceState, other: ServiceState) -> ServiceState:
    """The more telling of two states: see `_ORDER`."""
    return max(one, other, key=_ORDER.index)


def reason_for(state: ServiceState, slos: Sequence[tuple[str, WindowFigures]]) -> str:
    """Why a service is in a state, in one line; from the name and the recent window of its SLOs."""
    if state is ServiceState.UNKNOWN:
        return "nothing is measured just now"
    if state is ServiceState.UP:
        return "all objectives are met"
    failing = [(1.0 - recent.sli, name) for name, recent in slos if recent.sli is not None]
    share, name = max(failing, default=(0.0, ""))
    return f"{name}: {share:.1%} of recent events failed"


def step(
    name: str, before: Availability, look: Look, now: float
) -> tuple[Availability, Outage | None]:
    """The service after one more look at it, and the outage that began or ended with it.

    An outage ends when the service is no longer measured to be down, even where nothing is
    measured any more: unknown time is never downtime.
    """
    state, reason, outage = look.state, look.reason, before.outage
    down = state is ServiceState.DOWN
    if down and outage is None:
        began = Outage(name, look.since, None)
        return Availability(state, reason, before.ended_s, began), began
    if not down and outage is not None:
        ended = replace(outage, ended_at=now)
        return Availability(state, reason, before.ended_s + now - outage.started_at), ended
    return replace(before, state=state, reason=reason), None
