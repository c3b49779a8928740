"""What happens to incidents, given what the signals say now. Pure; the tick applies the result."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from incidents.model import Event, EventKind, IncidentType, OpenIncident, Signal, Urgency
from slo import windows

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


def decide(
    open_: Mapping[str, OpenIncident], signals: Sequence[Signal], now: float
) -> tuple[Event, ...]:
    """The events of this moment, in the order of the signals.

    An event is given once per transition: applying it takes its cause away. A signal that is
    neither firing nor clear decides nothing, and an incident without a signal (its SLO left the
    configuration) waits for a person. Nothing recovers but by an unbroken, measured clear time.
    """
    seen: set[str] = set()
    events: list[Event] = []
    for signal in signals:
        if signal.key in seen:
            continue  # the same possible incident told twice: the first word counts
        seen.add(signal.key)
        incident = open_.get(signal.key)
        if incident is not None:
            events.extend(_of_open(incident, _raised(incident, signal), now))
        elif signal.firing:
            events.append(Event(EventKind.OPENED, signal.key, now, None, signal, signal.title))
    return tuple(events)


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
        asked = "; resolve it when the work is done" if incident.acknowledged else ""
        yield _event(EventKind.RECOVERED, incident, signal, now, f"{over}{asked}")
    if not incident.acknowledged:
        text = "it recovered before anybody acknowledged"
        yield _event(EventKind.RESOLVED, incident, signal, now, text)


def _event(
    kind: EventKind, incident: OpenIncident, signal: Signal, now: float, text: str = ""
) -> Event:
    return Event(kind, incident.key, now, incident.number, signal, text)
