"""What is kept of how things stood when an incident was opened."""

from incidents.model import Event, EventKind, IncidentType, Severity, Signal, Urgency
from slo.redundancy import RedundancyState, Standing
from vigie.pipeline.onset import onset_of

NOW = 1_790_000_000.0
STANDING = Standing(
    RedundancyState.AT_RISK, "1 of 3 replicas ready", NOW - 60.0, ready=1, expected=3, zones=1
)


def event(kind: EventKind, service: str) -> Event:
    signal = Signal(
        key=f"slo-burn:{service}/a",
        type=IncidentType.SLO_BURN,
        service=service,
        slo="a",
        title="t",
        urgency=Urgency.HIGH,
        severity=Severity.SEV2,
        started_at=NOW - 60.0,
        firing=True,
        clear=False,
        recover_after_s=120.0,
    )
    return Event(kind, signal.key, NOW, None, signal)


def test_the_redundancy_of_what_opens_is_kept_where_it_is_known() -> None:
    events = [
        event(EventKind.OPENED, "shop"),
        event(EventKind.OPENED, "blog"),
        event(EventKind.UPGRADED, "cart"),
    ]
    found = onset_of({"shop": STANDING, "cart": STANDING}, events, NOW)
    assert found == {
        "slo-burn:shop/a": {
            "redundancy": {
                "at": NOW,
                "state": "at_risk",
                "since": NOW - 60.0,
                "reason": "1 of 3 replicas ready",
                "ready": 1,
                "expected": 3,
                "minimum": 1,
                "zones": 1,
            }
        }
    }
