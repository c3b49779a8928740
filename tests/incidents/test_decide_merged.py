"""What the signal of a merged incident does to the one that it was merged into."""

import pytest

from incidents.decide import decide
from incidents.model import (
    Event,
    EventKind,
    IncidentState,
    IncidentType,
    OpenIncident,
    Severity,
    Signal,
    Urgency,
)

NOW = 1_000_000.0
OWN, MERGED = "slo-burn:a/o", "slo-burn:b/o"
FIRING, CLEAR, UNDECIDED = (True, False), (False, True), (False, False)
STATES = (FIRING, CLEAR, UNDECIDED)


def signal(
    key: str,
    state: tuple[bool, bool],
    severity: Severity = Severity.SEV3,
    urgency: Urgency = Urgency.LOW,
) -> Signal:
    return Signal(
        key=key,
        type=IncidentType.SLO_BURN,
        service=key,
        slo="o",
        title=f"{key} burns",
        urgency=urgency,
        severity=severity,
        started_at=NOW,
        firing=state[0],
        clear=state[1],
        recover_after_s=100.0,
    )


def target(clear_since: float | None = None, recovered_at: float | None = None) -> OpenIncident:
    state, low, sev3 = IncidentState.TRIAGE, Urgency.LOW, Severity.SEV3
    return OpenIncident(7, OWN, state, low, sev3, False, clear_since, recovered_at)


def happens(to: OpenIncident, *signals: Signal, at: float = NOW) -> list[Event]:
    return list(decide({OWN: to, MERGED: to}, signals, at))


@pytest.mark.parametrize("own", STATES)
def test_it_opens_nothing_however_its_own_stands(own: tuple[bool, bool]) -> None:
    for signals in ([signal(MERGED, FIRING)], [signal(OWN, own), signal(MERGED, FIRING)]):
        assert happens(target(), *signals) == []


@pytest.mark.parametrize("merged", [FIRING, UNDECIDED])
def test_while_it_is_not_clear_the_other_does_not_recover(merged: tuple[bool, bool]) -> None:
    for order in (1, -1):
        both = [signal(OWN, CLEAR), signal(MERGED, merged)][::order]
        assert happens(target(), *both) == []
        events = happens(target(clear_since=NOW - 999), *both)
        assert [(e.kind, e.number, e.key) for e in events] == [(EventKind.UNSETTLED, 7, OWN)]


def test_once_both_are_clear_for_long_enough_the_other_is_over() -> None:
    both = [signal(OWN, CLEAR), signal(MERGED, CLEAR)]
    assert [e.kind for e in happens(target(), *both)] == [EventKind.CLEARING]
    events = happens(target(clear_since=NOW - 100), *both)
    assert [e.kind for e in events] == [EventKind.RECOVERED, EventKind.RESOLVED]


def test_what_has_no_signal_of_its_own_waits_for_a_person() -> None:
    assert happens(target(), signal(MERGED, CLEAR)) == []


def test_it_burns_again_when_the_other_had_recovered() -> None:
    signals = [signal(OWN, CLEAR), signal(MERGED, FIRING)]
    (event,) = happens(target(NOW - 200, NOW - 100), *signals)
    assert (event.kind, event.number) == (EventKind.RELAPSED, 7)
    assert event.text == f"Burns again: {MERGED} burns"


@pytest.mark.parametrize("own", [FIRING, CLEAR])
def test_worse_than_the_other_it_raises_that_and_pages(own: tuple[bool, bool]) -> None:
    worse = signal(MERGED, FIRING, Severity.SEV1, Urgency.HIGH)
    (event,) = happens(target(), signal(OWN, own), worse)
    assert (event.kind, event.number, event.key) == (EventKind.UPGRADED, 7, OWN)
    assert event.signal is not None
    assert (event.signal.severity, event.signal.urgency) == (Severity.SEV1, Urgency.HIGH)
    assert event.signal.key == (OWN if own is FIRING else MERGED)


def test_others_keep_their_place_and_their_own_life() -> None:
    other = signal("slo-burn:c/o", FIRING)
    signals = [other, signal(OWN, CLEAR), signal(MERGED, CLEAR)]
    kinds = [(event.kind, event.key) for event in happens(target(), *signals)]
    assert kinds == [(EventKind.OPENED, "slo-burn:c/o"), (EventKind.CLEARING, OWN)]
