"""What stands on /metrics of services: state, downtime, availability, redundancy."""

from typing import Final

from slo import names, windows
from slo.outages import Outage
from slo.redundancy import Standing
from slo.status import ServiceFigures
from slo.uptime import WINDOWS_S
from vigie.api.exposition import Family, labels
from vigie.views.reliability import UP

_PLANNED: Final = ((False, labels(planned="false")), (True, labels(planned="true")))
_WINDOWS: Final = tuple((length, labels(window=windows.show(length))) for length in WINDOWS_S)
_MAX_CAUSE: Final = 200


class Services:
    """The families of services, filled one service at a time."""

    def __init__(self) -> None:
        self.state = Family(
            names.SERVICE_STATE,
            "gauge",
            "State of a service: 0 down, 1 up, 2 degraded, 3 maintenance, 4 unknown.",
        )
        self.up = Family(
            names.SERVICE_UP, "gauge", "Whether a service is up; absent when nobody can tell."
        )
        self.downtime = Family(
            names.DOWNTIME_SECONDS_TOTAL, "counter", "Time in which a service was down."
        )
        self.outage = Family(
            names.OUTAGE_INFO, "gauge", "An outage that goes on: Unix time of its beginning."
        )
        self.availability = Family(
            names.SERVICE_AVAILABILITY_RATIO,
            "gauge",
            "Time up per time measured; planned: downtime in planned work counts as downtime.",
        )
        self.mtbf = Family(
            names.SERVICE_MTBF_SECONDS, "gauge", "Time up per outage, over the last 90 days."
        )
        self.redundancy = Family(
            names.SERVICE_REDUNDANCY,
            "gauge",
            "High availability: 0 down, 1 redundant, 2 degraded, 3 at risk, 4 unknown.",
        )
        self.replicas = Family(
            names.SERVICE_REPLICAS, "gauge", "Replicas of a service: ready, expected, minimum."
        )
        self.zones = Family(names.SERVICE_ZONES, "gauge", "Zones that hold a ready replica.")
        self.failovers = Family(
            names.FAILOVERS_TOTAL, "counter", "How often another replica took the lead."
        )

    def add(self, figures: ServiceFigures, at: float) -> None:
        """One service, as its figures of a time are."""
        named = labels(**{names.SERVICE: figures.name})
        self.state.add(named, int(figures.state))
        up = UP.get(figures.state)
        self.up.add(named, int(up) if up is not None else None)
        for planned, label in _PLANNED:
            down_s = figures.planned_s if planned else figures.downtime_s
            self.downtime.add(f"{named},{label}", down_s)
        if figures.outage is not None:
            self._add_outage(named, figures.outage)
        self._add_uptime(named, figures, at)
        if figures.standing is not None:
            self._add_standing(named, figures.standing)

    def families(self) -> list[Family]:
        return list(vars(self).values())

    def _add_outage(self, named: str, outage: Outage) -> None:
        planned = _PLANNED[int(outage.planned)][1]
        cause = labels(**{names.CAUSE: outage.cause[:_MAX_CAUSE]})
        self.outage.add(f"{named},{planned},{cause}", outage.started_at)

    def _add_uptime(self, named: str, figures: ServiceFigures, at: float) -> None:
        for length, window in _WINDOWS:
            uptime = figures.uptime(at, length)
            for planned, label in _PLANNED:
                share = uptime.availability(planned=planned)
                self.availability.add(f"{named},{window},{label}", share)
        self.mtbf.add(named, uptime.mtbf_s)

    def _add_standing(self, named: str, standing: Standing) -> None:
        self.redundancy.add(named, int(standing.state))
        for state in ("ready", "expected", "minimum"):
            label = labels(**{names.STATE: state})
            self.replicas.add(f"{named},{label}", getattr(standing, state))
        self.zones.add(named, standing.zones)
        self.failovers.add(named, standing.failovers)
