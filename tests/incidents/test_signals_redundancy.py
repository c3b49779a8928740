"""What the redundancy of a service says about an incident."""

from dataclasses import replace

import pytest

from incidents.decide import decide
from incidents.model import (
    EventKind,
    IncidentState,
    IncidentType,
    OpenIncident,
    Severity,
    Signal,
    Urgency,
)
from incidents.signals_redundancy import redundancy_signal
from replicas import seen
from slo.redundancy import Observed, Redundancy, RedundancyState, Standing, judge

SHOP = Redundancy("shop", "checkout", expected=3, minimum=2)
NOW = 1_000_000.0
KEY = "lost-redundancy:checkout"
UNKNOWN, REDUNDANT = RedundancyState.UNKNOWN, RedundancyState.REDUNDANT
DEGRADED, AT_RISK, DOWN = RedundancyState.DEGRADED, RedundancyState.AT_RISK, RedundancyState.DOWN


def opened(urgency: Urgency = Urgency.LOW, severity: Severity = Severity.SEV4) -> OpenIncident:
    return OpenIncident(7, KEY, IncidentState.TRIAGE, urgency, severity, acknowledged=False)


def standing(
    state: RedundancyState, lasted_s: float = 0.0, *, lacks: bool = True, declared: bool = True
) -> Standing:
    """One that is in its state, and at risk if it is, since so many seconds."""
    since = NOW - lasted_s
    risk_since = since if lacks and state in (AT_RISK, DOWN) else None
    return Standing(state, "so it is", since, lacks=lacks, risk_since=risk_since, declared=declared)


def said(
    one: Standing, open_: OpenIncident | None = None, *, in_maintenance: bool = False
) -> Signal | None:
    labels = {"tier": "1"}
    return redundancy_signal(SHOP, one, open_, labels, NOW, in_maintenance=in_maintenance)


@pytest.mark.parametrize(
    ("one", "urgency", "severity"),
    [
        (standing(AT_RISK, 599.0), None, None),
        (standing(AT_RISK, 600.0), Urgency.LOW, Severity.SEV4),
        (standing(DOWN, 59.0), None, None),
        (standing(DOWN, 60.0), Urgency.HIGH, Severity.SEV2),
        (standing(DOWN, 600.0), Urgency.HIGH, Severity.SEV2),
        (standing(AT_RISK, 9000.0, lacks=False), None, None),
        (standing(AT_RISK, 9000.0, declared=False), None, None),
        (standing(DOWN, 9000.0, declared=False), None, None),
        (standing(DEGRADED, 9000.0), None, None),
        (standing(REDUNDANT, 9000.0), None, None),
        (standing(UNKNOWN, 9000.0), None, None),
    ],
)
def test_what_opens_an_incident(
    one: Standing, urgency: Urgency | None, severity: Severity | None
) -> None:
    signal = said(one)
    assert (signal is not None) == (urgency is not None)
    if signal is not None:
        assert (signal.firing, signal.clear) == (True, False)
        assert (signal.urgency, signal.severity) == (urgency, severity)
        assert signal.started_at == one.risk_since


@pytest.mark.parametrize("one", [standing(AT_RISK, 9000.0), standing(DOWN, 9000.0)])
def test_planned_work_opens_nothing_and_ends_nothing(one: Standing) -> None:
    assert said(one, in_maintenance=True) is None
    signal = said(one, opened(), in_maintenance=True)
    assert signal is not None
    assert (signal.firing, signal.clear, signal.severity) == (False, False, Severity.SEV4)


@pytest.mark.parametrize(
    ("one", "firing", "clear"),
    [
        (standing(REDUNDANT, lacks=False), False, True),
        (standing(DEGRADED), False, True),
        (standing(AT_RISK, lacks=False), False, True),
        (standing(DOWN, lacks=False), False, True),
        (standing(AT_RISK, 10.0), False, False),
        (standing(DOWN, 10.0), False, False),
        (standing(UNKNOWN, lacks=False), False, False),
        (standing(AT_RISK, 9000.0), True, False),
    ],
)
def test_only_what_is_seen_to_be_well_clears(one: Standing, firing: bool, clear: bool) -> None:
    signal = said(one, opened())
    assert signal is not None
    assert (signal.firing, signal.clear, signal.recover_after_s) == (firing, clear, 120.0)


def test_an_incident_is_never_less_urgent_than_it_was() -> None:
    signal = said(standing(AT_RISK, 700.0), opened(Urgency.HIGH, Severity.SEV2))
    assert signal is not None
    assert (signal.urgency, signal.severity) == (Urgency.HIGH, Severity.SEV2)


def test_a_signal_says_what_a_person_needs_to_see() -> None:
    observed = seen("+a@x +b@y -c@y")
    one = judge(SHOP, observed, judge(SHOP, observed, None, NOW - 600.0), NOW)
    signal = said(one)
    assert signal is not None
    assert (signal.key, signal.type) == (KEY, IncidentType.LOST_REDUNDANCY)
    assert signal.title == (
        "checkout: at risk, 2 of 3 replicas ready: "
        "one more failure leaves less than the minimum of 2; not ready: c"
    )
    assert (signal.service, signal.slo) == ("checkout", "")
    assert signal.labels == {"tier": "1", "service": "checkout"}
    assert signal.detail == {
        "state": "at_risk",
        "reason": one.reason,
        "since": NOW - 600.0,
        "risk_since": NOW - 600.0,
        "ready": 2,
        "expected": 3,
        "minimum": 2,
        "missing": ["c"],
        "zones": 2,
        "zones_wanted": 1,
        "skew": None,
        "leader": None,
        "led_since": None,
        "failovers": 0,
        "failed_over_at": None,
    }


def test_the_life_of_an_incident() -> None:
    """A replica fails, then all, then all are back; the one at risk becomes one that pages."""
    looks: dict[float, Observed] = {
        0.0: seen("+a +b +c"),
        10.0: seen("+a +b -c"),
        600.0: seen("+a +b -c"),
        610.0: seen("+a +b -c"),
        700.0: seen("-a -b -c"),
        760.0: seen("-a -b -c"),
        800.0: seen("+a +b +c"),
        919.0: seen("+a +b +c"),
        920.0: seen("+a +b +c"),
    }
    one: Standing | None = None
    open_: OpenIncident | None = None
    told: list[tuple[float, EventKind]] = []
    for now, observed in looks.items():
        one = judge(SHOP, observed, one, now)
        signal = redundancy_signal(SHOP, one, open_, {}, now, in_maintenance=False)
        events = decide({} if open_ is None else {KEY: open_}, [signal] if signal else [], now)
        told += [(now, event.kind) for event in events]
        for event in events:
            assert event.signal is not None
            open_ = open_ or opened(event.signal.urgency, event.signal.severity)
            open_ = replace(open_, urgency=event.signal.urgency, severity=event.signal.severity)
            if event.kind is EventKind.CLEARING:
                open_ = replace(open_, clear_since=now)
    assert told == [
        (610.0, EventKind.OPENED),
        (760.0, EventKind.UPGRADED),
        (800.0, EventKind.CLEARING),
        (920.0, EventKind.RECOVERED),
        (920.0, EventKind.RESOLVED),
    ]
