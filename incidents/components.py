"""How the components of a status page stand: derived, never set, from what their services were
found to be and from the incidents that are published on the page; the worst wins.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final

from incidents.model import IncidentState, Severity
from slo.spec import ServiceState

STALE_INTERVALS: Final = 3.0


class ComponentState(IntEnum):
    """From the best to the worst: a group is as its worst component. What nobody can tell comes
    before what is known to be bad, and after what is known to be well.
    """

    OPERATIONAL = 0
    UNDER_MAINTENANCE = 1
    UNKNOWN = 2
    DEGRADED_PERFORMANCE = 3
    PARTIAL_OUTAGE = 4
    MAJOR_OUTAGE = 5

    @property
    def word(self) -> str:
        return self.name.lower()


_OF_SERVICE: Final = {
    ServiceState.UP: ComponentState.OPERATIONAL,
    ServiceState.DEGRADED: ComponentState.DEGRADED_PERFORMANCE,
    ServiceState.DOWN: ComponentState.MAJOR_OUTAGE,
    ServiceState.MAINTENANCE: ComponentState.UNDER_MAINTENANCE,
    ServiceState.UNKNOWN: ComponentState.UNKNOWN,
}
# What an incident says at least while it lasts; SEV4 says nothing.
_OF_INCIDENT: Final = {
    Severity.SEV1: ComponentState.PARTIAL_OUTAGE,
    Severity.SEV2: ComponentState.PARTIAL_OUTAGE,
    Severity.SEV3: ComponentState.DEGRADED_PERFORMANCE,
}
# From `mitigated` on the impact is over, and what is measured says how things are.
_HURTS: Final = frozenset(
    {IncidentState.TRIAGE, IncidentState.INVESTIGATING, IncidentState.IDENTIFIED}
)


def hurts(state: str, recovered_at: float | None) -> bool:
    """Whether an incident in this state still has an impact."""
    return state in _HURTS and recovered_at is None


def of_component(
    services: Sequence[ServiceState], severities: Iterable[int], *, stale: bool
) -> ComponentState:
    """The state of a component, by those of its services and the severities of the published
    incidents that still hurt it. Of a `stale` measurement nobody can tell anything.
    """
    measured = ComponentState.UNKNOWN if stale else _measured(services)
    told = (_OF_INCIDENT.get(Severity(one), ComponentState.OPERATIONAL) for one in severities)
    return max(measured, *told, ComponentState.OPERATIONAL)


def worst(states: Iterable[ComponentState]) -> ComponentState:
    """Of a group, or of a whole page; unknown where there is nothing."""
    return max(states, default=ComponentState.UNKNOWN)


def _measured(services: Sequence[ServiceState]) -> ComponentState:
    if any(one is ServiceState.DOWN for one in services) and len(set(services)) > 1:
        return ComponentState.PARTIAL_OUTAGE
    return worst(_OF_SERVICE[one] for one in services)
