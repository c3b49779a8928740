"""From how redundant a service is to the signal that `incidents.decide` acts on."""

from collections.abc import Mapping
from typing import Final

from incidents.model import IncidentType, Json, OpenIncident, Severity, Signal, Urgency
from slo.redundancy import STEADY_S, Redundancy, RedundancyState, Standing, is_out, overdue

RECOVER_AFTER_S: Final = STEADY_S
_MEASURED: Final = (RedundancyState.REDUNDANT, RedundancyState.DEGRADED)


def redundancy_signal(
    declared: Redundancy,
    standing: Standing,
    open_: OpenIncident | None,
    labels: Mapping[str, str],
    now: float,
    *,
    in_maintenance: bool,
) -> Signal | None:
    """What a service's replicas say; None when it stands well enough and no incident is open.

    It demands an incident outside of planned work: a ticket where the service was at risk for too
    long, a page where no replica is ready. Clear where it is seen not to be at risk, or to be what
    it was meant to be; while nobody can tell, nothing is decided. `labels` are the service's.
    """
    out = is_out(standing, now)
    firing = not in_maintenance and (out or overdue(declared, standing, now))
    if not firing and open_ is None:
        return None
    pages = (firing and out) or (open_ is not None and open_.urgency is Urgency.HIGH)
    severity = Severity.SEV2 if firing and out else Severity.SEV4
    return Signal(
        key=f"{IncidentType.LOST_REDUNDANCY}:{declared.service}",
        type=IncidentType.LOST_REDUNDANCY,
        service=declared.service,
        slo="",
        title=f"{declared.service}: {_word(standing.state)}, {standing.reason}",
        urgency=Urgency.HIGH if pages else Urgency.LOW,
        severity=severity if open_ is None else min(severity, open_.severity),
        started_at=standing.since if standing.risk_since is None else standing.risk_since,
        firing=firing,
        clear=_is_clear(standing),
        recover_after_s=RECOVER_AFTER_S,
        labels={**labels, "service": declared.service},
        detail=_detail(standing),
    )


def _is_clear(standing: Standing) -> bool:
    if standing.state is RedundancyState.UNKNOWN:
        return False
    return standing.state in _MEASURED or not standing.lacks


def _word(state: RedundancyState) -> str:
    return state.name.lower().replace("_", " ")


def _detail(standing: Standing) -> dict[str, Json]:
    missing: list[Json] = [*standing.missing]
    return {
        "state": standing.state.name.lower(),
        "reason": standing.reason,
        "since": standing.since,
        "risk_since": standing.risk_since,
        "ready": standing.ready,
        "expected": standing.expected,
        "minimum": standing.minimum,
        "missing": missing,
        "zones": standing.zones,
        "zones_wanted": standing.zones_wanted,
        "skew": standing.skew,
        "leader": standing.leader,
        "led_since": standing.led_since,
        "failovers": standing.failovers,
        "failed_over_at": standing.failed_over_at,
    }
