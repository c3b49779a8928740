"""Incidents in memory: what `vigie.store.incidents` keeps of them, for as long as a replay takes.

Nobody acknowledges here, so every incident ends by the engine's own rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident that would have been. `paged_at` is when it first was urgent (None: never), and
    `resolved_at` when it was over (None: it went on to the end). Urgency and severity are the
    worst that they came to.
    """

    type: IncidentType
    service: str
    slo: str  # empty: of the whole service
    title: str
    urgency: Urgency
    severity: Severity
    opened_at: float
    paged_at: float | None = None
    resolved_at: float | None = None


class Incidents:
    """The incidents of one replay, in the order in which they opened."""

    def __init__(self) -> None:
        self.open: dict[str, OpenIncident] = {}
        self._all: list[Incident] = []

    @property
    def all(self) -> tuple[Incident, ...]:
        return tuple(self._all)

    def apply(self, event: Event) -> None:
        """Carry out an event; one that no longer applies changes nothing, as in the database."""
        if event.kind is EventKind.OPENED:
            self._opened(event)
            return
        known = self.open.get(event.key)
        if known is None:
            return
        if event.kind is EventKind.RESOLVED:
            del self.open[event.key]
            self._amend(known.number, resolved_at=event.at)
        elif event.kind is EventKind.UPGRADED and event.signal is not None:
            self._upgraded(known, event.signal, event.at)
        else:
            self.open[event.key] = _moved(known, event)

    def refresh(self, figures: Mapping[int, Signal]) -> None:
        """The newest figures of open incidents, by number: only a worse severity is taken over."""
        for number, signal in figures.items():
            known = self.open.get(signal.key)
            if known is not None and signal.severity < known.severity:
                self.open[signal.key] = replace(known, severity=signal.severity)
                self._amend(number, severity=signal.severity)

    def _opened(self, event: Event) -> None:
        signal = event.signal
        if signal is None or event.key in self.open:
            return
        number = len(self._all)
        self.open[event.key] = OpenIncident(
            number=number,
            key=event.key,
            state=IncidentState.TRIAGE,
            urgency=signal.urgency,
            severity=signal.severity,
            acknowledged=False,
        )
        self._all.append(
            Incident(
                type=signal.type,
                service=signal.service,
                slo=signal.slo,
                title=signal.title,
                urgency=signal.urgency,
                severity=signal.severity,
                opened_at=event.at,
                paged_at=event.at if signal.urgency is Urgency.HIGH else None,
            )
        )

    def _upgraded(self, known: OpenIncident, signal: Signal, at: float) -> None:
        high = Urgency.HIGH in (known.urgency, signal.urgency)
        urgency = Urgency.HIGH if high else Urgency.LOW
        severity = min(known.severity, signal.severity)
        self.open[known.key] = replace(known, urgency=urgency, severity=severity)
        self._amend(known.number, title=signal.title, urgency=urgency, severity=severity)
        if high and self._all[known.number].paged_at is None:
            self._amend(known.number, paged_at=at)

    def _amend(self, number: int, **values: Any) -> None:
        self._all[number] = replace(self._all[number], **values)


def _moved(known: OpenIncident, event: Event) -> OpenIncident:
    match event.kind:
        case EventKind.CLEARING if known.clear_since is None:
            return replace(known, clear_since=event.at)
        case EventKind.UNSETTLED if known.recovered_at is None:
            return replace(known, clear_since=None)
        case EventKind.RELAPSED:
            return replace(known, clear_since=None, recovered_at=None)
        case EventKind.RECOVERED if known.recovered_at is None:
            return replace(known, recovered_at=event.at)
        case _:
            return known
