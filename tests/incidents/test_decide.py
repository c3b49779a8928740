"""What happens to incidents, one moment at a time and over whole lives."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

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
from slo.recovery import OnRecovery

NOW = 1_000_000.0
KEY = "slo-burn:checkout/availability"
RECOVER_S = 120.0


def signal(
    *,
    firing: bool = False,
    clear: bool = False,
    urgency: Urgency = Urgency.HIGH,
    severity: Severity = Severity.SEV3,
    key: str = KEY,
) -> Signal:
    return Signal(
        key=key,
        type=IncidentType.SLO_BURN,
        service="checkout",
        slo="availability",
        title="checkout/availability burns 21x its error budget (1h/5m)",
        urgency=urgency,
        severity=severity,
        started_at=NOW - 5,
        firing=firing,
        clear=clear,
        recover_after_s=RECOVER_S,
    )


def incident(
    *,
    acknowledged: bool = False,
    clear_since: float | None = None,
    recovered_at: float | None = None,
    urgency: Urgency = Urgency.HIGH,
    severity: Severity = Severity.SEV3,
) -> OpenIncident:
    state = IncidentState.INVESTIGATING if acknowledged else IncidentState.TRIAGE
    return OpenIncident(7, KEY, state, urgency, severity, acknowledged, clear_since, recovered_at)


def happens(open_: OpenIncident | None, *signals: Signal, at: float = NOW) -> list[EventKind]:
    world = {} if open_ is None else {open_.key: open_}
    return [event.kind for event in decide(world, signals, at)]


def test_a_firing_signal_opens_an_incident_that_says_what_burns() -> None:
    (event,) = decide({}, [signal(firing=True)], NOW)
    assert (event.kind, event.key, event.at, event.number) == (EventKind.OPENED, KEY, NOW, None)
    assert event.text == "checkout/availability burns 21x its error budget (1h/5m)"
    assert event.signal == signal(firing=True)


def test_the_same_signal_told_twice_opens_one_incident() -> None:
    assert happens(None, signal(firing=True), signal(firing=True)) == [EventKind.OPENED]


@pytest.mark.parametrize("undecided", [signal(), signal(clear=True)])
def test_what_does_not_fire_opens_nothing(undecided: Signal) -> None:
    assert happens(None, undecided) == []


def test_an_open_incident_that_goes_on_firing_changes_nothing() -> None:
    assert happens(incident(), signal(firing=True)) == []


def test_an_slo_that_left_the_configuration_leaves_its_incident_to_a_person() -> None:
    assert happens(incident(clear_since=NOW - 900)) == []


@pytest.mark.parametrize(
    ("open_", "now", "text"),
    [
        (incident(severity=Severity.SEV3), {"severity": Severity.SEV1}, "SEV3 -> SEV1: "),
        (incident(urgency=Urgency.LOW), {"urgency": Urgency.HIGH}, "from now on it pages: "),
        (incident(), {"severity": Severity.SEV4}, None),
        (incident(), {"urgency": Urgency.LOW}, None),
    ],
)
def test_urgency_and_severity_only_rise(
    open_: OpenIncident, now: dict[str, object], text: str | None
) -> None:
    events = decide({KEY: open_}, [replace(signal(firing=True), **now)], NOW)
    assert [event.kind for event in events] == ([EventKind.UPGRADED] if text else [])
    assert all(event.text.startswith(text or "") for event in events)


def test_clear_begins_a_clear_time_and_ends_nothing() -> None:
    assert happens(incident(), signal(clear=True)) == [EventKind.CLEARING]
    assert happens(incident(clear_since=NOW - 119.9), signal(clear=True)) == []


def test_unacknowledged_it_resolves_when_it_was_clear_for_long_enough() -> None:
    events = decide({KEY: incident(clear_since=NOW - 120)}, [signal(clear=True)], NOW)
    assert [event.kind for event in events] == [EventKind.RECOVERED, EventKind.RESOLVED]
    assert events[0].text == "Below every burn threshold for 2m"
    assert events[1].actor == "vigie"


def test_acknowledged_it_recovers_and_the_responder_is_asked() -> None:
    acknowledged = incident(acknowledged=True, clear_since=NOW - 120)
    (event,) = decide({KEY: acknowledged}, [signal(clear=True)], NOW)
    assert event.kind is EventKind.RECOVERED
    assert event.text.endswith("resolve it when the work is done")
    recovered = replace(acknowledged, recovered_at=NOW)
    assert happens(recovered, signal(clear=True), at=NOW + 9999) == []


def test_a_policy_that_resolves_does_so_under_whoever_acknowledged() -> None:
    taken = incident(acknowledged=True, clear_since=NOW - 120)
    by_policy = replace(signal(clear=True), on_recovery=OnRecovery.RESOLVE)
    events = decide({KEY: taken}, [by_policy], NOW)
    assert [event.kind for event in events] == [EventKind.RECOVERED, EventKind.RESOLVED]
    assert "resolve it" not in events[0].text


def test_a_policy_that_asks_resolves_nothing_that_nobody_acknowledged() -> None:
    asking = replace(signal(clear=True), on_recovery=OnRecovery.ASK)
    (event,) = decide({KEY: incident(clear_since=NOW - 120)}, [asking], NOW)
    assert event.kind is EventKind.RECOVERED
    assert event.text.endswith("resolve it when the work is done")
    recovered = incident(clear_since=NOW - 120, recovered_at=NOW)
    assert happens(recovered, asking, at=NOW + 9999) == []


def test_a_broken_clear_time_is_withdrawn_without_a_word_on_the_timeline() -> None:
    clearing = incident(clear_since=NOW - 60)
    assert happens(clearing, signal(firing=True)) == [EventKind.UNSETTLED]
    assert happens(clearing, signal()) == [EventKind.UNSETTLED]


def test_a_recovered_incident_that_burns_again_relapses() -> None:
    recovered = incident(acknowledged=True, clear_since=NOW - 200, recovered_at=NOW - 80)
    (event,) = decide({KEY: recovered}, [signal(firing=True)], NOW)
    assert event.kind is EventKind.RELAPSED
    assert event.text.startswith("Burns again: checkout/availability")
    assert happens(recovered, signal()) == []


def test_the_clock_set_back_resolves_nothing() -> None:
    assert happens(incident(clear_since=NOW + 500), signal(clear=True)) == []


# -- whole lives ------------------------------------------------------------------------------

KEYS = ("slo-burn:a/x", "no-data:a")
verdicts = st.sampled_from(["firing", "clear", "undecided", "gone"])


def applied(open_: OpenIncident, event: Event) -> OpenIncident | None:
    """What the store does with an event, said a second time."""
    match event.kind:
        case EventKind.CLEARING:
            return replace(open_, clear_since=event.at)
        case EventKind.UNSETTLED:
            return replace(open_, clear_since=None)
        case EventKind.RELAPSED:
            return replace(open_, clear_since=None, recovered_at=None)
        case EventKind.RECOVERED:
            return replace(open_, recovered_at=event.at)
        case EventKind.UPGRADED:
            assert event.signal is not None
            return replace(
                open_,
                urgency=event.signal.urgency,
                severity=event.signal.severity,
            )
        case EventKind.RESOLVED:
            return None
    raise AssertionError(event.kind)


class Life(RuleBasedStateMachine):
    """Two possible incidents under every order of verdicts, acknowledgements and pauses."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.open: dict[str, OpenIncident] = {}
        self.clear_from: dict[str, float | None] = dict.fromkeys(KEYS)
        self.number = 0

    @rule(
        step_s=st.sampled_from([0.1, 5.0, 60.0, 120.0]),
        said=st.tuples(verdicts, verdicts),
        urgency=st.sampled_from(Urgency),
        severity=st.sampled_from(Severity),
    )
    def tick(
        self, step_s: float, said: tuple[str, str], urgency: Urgency, severity: Severity
    ) -> None:
        self.now += step_s
        signals = [
            signal(
                firing=verdict == "firing",
                clear=verdict == "clear",
                urgency=urgency,
                severity=severity,
                key=key,
            )
            for key, verdict in zip(KEYS, said, strict=True)
            if verdict != "gone"
        ]
        for one in signals:  # how long each has been clear without a break
            if not one.clear:
                self.clear_from[one.key] = None
            elif self.clear_from[one.key] is None:
                self.clear_from[one.key] = self.now
        for event in decide(self.open, signals, self.now):
            self.apply(event)
        assert decide(self.open, signals, self.now) == (), "the same inputs decide nothing more"

    def apply(self, event: Event) -> None:
        if event.kind is EventKind.OPENED:
            assert event.key not in self.open
            assert event.signal is not None
            self.number += 1
            self.open[event.key] = OpenIncident(
                self.number,
                event.key,
                IncidentState.TRIAGE,
                event.signal.urgency,
                event.signal.severity,
                acknowledged=False,
            )
            return
        before = self.open[event.key]
        assert event.number == before.number
        if event.kind in (EventKind.RECOVERED, EventKind.RESOLVED):
            since = self.clear_from[event.key]
            assert since is not None
            assert self.now - since >= RECOVER_S
        if event.kind is EventKind.RESOLVED:
            assert not before.acknowledged
        after = applied(before, event)
        if after is None:
            del self.open[event.key]
            return
        assert after != before, "an event without a change is a storm"
        assert after.severity <= before.severity
        assert not (before.urgency is Urgency.HIGH and after.urgency is Urgency.LOW)
        self.open[event.key] = after

    @rule(key=st.sampled_from(KEYS))
    def acknowledge(self, key: str) -> None:
        if key in self.open:
            self.open[key] = replace(self.open[key], acknowledged=True)

    @rule(key=st.sampled_from(KEYS))
    def resolve(self, key: str) -> None:
        self.open.pop(key, None)

    @invariant()
    def one_open_incident_for_a_key(self) -> None:
        assert all(key == one.key for key, one in self.open.items())


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


def test_a_heartbeat_that_comes_again_ends_its_incident_at_once() -> None:
    beats = replace(
        signal(clear=True), type=IncidentType.MISSED_HEARTBEAT, recover_after_s=0.0, title="late"
    )
    (clearing,) = decide({KEY: incident()}, [beats], NOW)
    assert clearing.kind is EventKind.CLEARING
    events = decide({KEY: incident(clear_since=NOW)}, [beats], NOW + 10)
    assert [event.kind for event in events] == [EventKind.RECOVERED, EventKind.RESOLVED]
    assert events[0].text == "On time again for 10s"
    missed = replace(beats, firing=True, clear=False)
    (again,) = decide({KEY: incident(recovered_at=NOW, acknowledged=True)}, [missed], NOW + 20)
    assert (again.kind, again.text) == (EventKind.RELAPSED, "Missed again: late")
