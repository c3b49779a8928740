"""What happens to incidents, given what the signals say now. Pure; the tick applies the result."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from incidents.model import Event, EventKind, IncidentType, OpenIncident, Signal, Urgency
from slo import recovery, windows

_AGAIN = {
    IncidentType.SLO_BURN: "Burns again",
    IncidentType.NO_DATA: "Silent again",
    IncidentType.BUDGET: "Again",
    IncidentType.MISSED_HEARTBEAT: "Missed again",
    IncidentType.LOST_REDUNDANCY: "At risk again",
    IncidentType.CERTIFICATE_EXPIRY: "About to end again",
}
_OVER = {
    IncidentType.SLO_BURN: "Below every burn threshold",
    IncidentType.NO_DATA: "Coverage is back, and has been",
    IncidentType.BUDGET: "No budget action has asked for it",
    IncidentType.MISSED_HEARTBEAT: "On time again",
    IncidentType.LOST_REDUNDANCY: "Not at risk any more",
    IncidentType.CERTIFICATE_EXPIRY: "The certificate was renewed; seen",
}
_UNANSWERED = "before anybody acknowledged"


def decide(
    open_: Mapping[str, OpenIncident], signals: Sequence[Signal], now: float
) -> tuple[Event, ...]:
    """The events of this moment, in the order of the signals.

    An event is given once per transition: applying it takes its cause away. A signal that is
    neither firing nor clear decides nothing, and an incident without a signal (its SLO left the
    configuration) waits for a person. Nothing recovers but by an unbroken, measured clear time.
    Under the key of an incident that was merged stands the one that it was merged into: all their
    signals together are those of that one.
    """
    first: dict[str, Signal] = {}
    for signal in signals:  # the same possible incident told twice: the first word counts
        first.setdefault(signal.key, signal)
    told: dict[str | int, list[Signal]] = {}  # by the number of an incident, or the key of none
    for key, signal in first.items():
        told.setdefault(open_[key].number if key in open_ else key, []).append(signal)
    events: list[Event] = []
    for of_one in told.values():
        incident, signal = open_.get(of_one[0].key), of_one[0]
        if incident is not None:
            together = _together(incident.key, of_one)
            events.extend(_of_open(incident, _raised(incident, together), now))
        elif signal.firing:
            events.append(Event(EventKind.OPENED, signal.key, now, None, signal, signal.title))
    return tuple(events)


def _together(key: str, signals: Sequence[Signal]) -> Signal:
    """The signals of an incident and of those that were merged into it as one; `key` is that of the
    incident itself.

    It fires while one of them does, with the words of its own before those of another. It is clear
    when all are, its own among them: that what was merged into it is over says nothing of the rest.
    """
    own = next((signal for signal in signals if signal.key == key), None)
    if own is not None and len(signals) == 1:
        return own
    firing = [signal for signal in signals if signal.firing]
    shown = own if own is not None and (own.firing or not firing) else (firing or signals)[0]
    return replace(
        shown,
        urgency=Urgency.HIGH if any(one.urgency is Urgency.HIGH for one in firing) else Urgency.LOW,
        severity=min((one.severity for one in firing), default=shown.severity),
        firing=bool(firing),
        clear=own is not None and all(signal.clear for signal in signals),
        recover_after_s=max(signal.recover_after_s for signal in signals),
        on_recovery=recovery.together(signal.on_recovery for signal in signals),
    )


def _raised(incident: OpenIncident, signal: Signal) -> Signal:
    """The signal at no less than the incident's urgency and severity: only a person lowers them."""
    return replace(
        signal,
        urgency=Urgency.HIGH if incident.urgency is Urgency.HIGH else signal.urgency,
        severity=min(incident.severity, signal.severity),
    )


def _of_open(incident: OpenIncident, signal: Signal, now: float) -> Iterator[Event]:
    if signal.firing:
        yield from _while_firing(incident, signal, now)
    elif signal.clear:
        yield from _while_clear(incident, signal, now)
    elif incident.clear_since is not None and incident.recovered_at is None:
        yield _event(EventKind.UNSETTLED, incident, signal, now)


def _while_firing(incident: OpenIncident, signal: Signal, now: float) -> Iterator[Event]:
    if incident.recovered_at is not None:
        text = f"{_AGAIN[signal.type]}: {signal.title}"
        yield _event(EventKind.RELAPSED, incident, signal, now, text)
    elif incident.clear_since is not None:
        yield _event(EventKind.UNSETTLED, incident, signal, now)
    text = _upgrade(incident, signal)
    if text:
        yield _event(EventKind.UPGRADED, incident, signal, now, text)


def _upgrade(incident: OpenIncident, signal: Signal) -> str:
    """What got worse, for the timeline; empty when nothing did."""
    reasons = []
    if signal.severity < incident.severity:
        worse = f"{incident.severity.name} -> {signal.severity.name}"
        reasons.append(f"measured {worse}, set by a person" if incident.severity_set else worse)
    if signal.urgency is not incident.urgency:
        reasons.append("from now on it pages")
    return f"{', '.join(reasons)}: {signal.title}" if reasons else ""


def _while_clear(incident: OpenIncident, signal: Signal, now: float) -> Iterator[Event]:
    if incident.recovered_at is None:
        if incident.clear_since is None:
            yield _event(EventKind.CLEARING, incident, signal, now)
            return
        if now - incident.clear_since < signal.recover_after_s:
            return
        clear_for = windows.show(round(now - incident.clear_since))
        over = f"{_OVER[signal.type]} for {clear_for}"
        asked = "; resolve it when the work is done" if _asks(incident, signal) else ""
        yield _event(EventKind.RECOVERED, incident, signal, now, f"{over}{asked}")
    if not _asks(incident, signal):
        text = "and its policy says so" if incident.acknowledged else _UNANSWERED
        yield _event(EventKind.RESOLVED, incident, signal, now, f"it recovered {text}")


def _asks(incident: OpenIncident, signal: Signal) -> bool:
    return recovery.asks(signal.on_recovery, acknowledged=incident.acknowledged)


def _event(
    kind: EventKind, incident: OpenIncident, signal: Signal, now: float, text: str = ""
) -> Event:
    return Event(kind, incident.key, now, incident.number, signal, text)
