"""Services as every reader sees them: are they up, since when not, and what is open on them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection

from slo.spec import Service, ServiceState
from slo.status import ServiceFigures
from vigie.live import Live
from vigie.store import incidents as store
from vigie.store.db import Database
from vigie.store.visibility import Viewer, seen
from vigie.views.shape import Object, listing
from vigie.views.uptime import availability, outage, redundancy

MOST_OPEN: Final = 1_000
# Degraded still serves. Whether a service in maintenance or an unmeasured one is up, nobody knows.
UP: Final = {ServiceState.DOWN: False, ServiceState.UP: True, ServiceState.DEGRADED: True}


def services(live: Live, db: Database, *, viewer: Viewer) -> Object:
    """Every service of the configuration in force, by name."""
    return listing(db.read(lambda c: _found(c, live, None, viewer)))


def service(live: Live, db: Database, name: str, *, viewer: Viewer) -> Object:
    """One service of the configuration in force."""
    return db.read(lambda c: _found(c, live, name, viewer))[0]


def _found(c: Connection, live: Live, name: str | None, viewer: Viewer) -> list[Object]:
    rows = store.page(c, state="open", service=name, limit=MOST_OPEN, viewer=viewer)
    return with_open_incidents(live, by_service(rows), name, linked=linked(c, live, viewer))


def linked(c: Connection, live: Live, viewer: Viewer) -> frozenset[int]:
    """The incidents of outages that go on, as far as a viewer sees them."""
    figures = live.status.services.values() if live.status is not None else ()
    numbers = (one.outage.incident for one in figures if one.outage is not None)
    return seen(c, viewer, (number for number in numbers if number is not None))


def by_service(open_rows: Iterable[Mapping[str, Any]]) -> Mapping[str, int]:
    """How many of these incidents each service has."""
    return Counter(row["service"] for row in open_rows)


def with_open_incidents(
    live: Live,
    open_incidents: Mapping[str, int] | None,
    only: str | None = None,
    *,
    linked: Set[int],
) -> list[Object]:
    """Every service, or one, with its open incidents counted; None where nobody can count them.
    Outages lead to incidents in `linked` only.
    """
    slos: dict[str, list[str]] = defaultdict(list)
    for slo_id, watch in sorted(live.config.watches.items()):
        slos[watch.slo.service].append(slo_id)
    health: dict[str, list[str]] = defaultdict(list)
    for target_id, target in live.config.targets.items():
        status = live.targets.get(target_id)
        health[target.service].append(status.health if status is not None else "unknown")
    return [
        _named(service)
        | _state(live.status.services.get(name) if live.status is not None else None, linked)
        | {
            "availability": availability(live, name),
            "slos": slos[name],
            "incidents_open": open_incidents.get(name, 0) if open_incidents is not None else None,
            "targets": {"up": health[name].count("up"), "expected": len(health[name])},
        }
        for name, service in sorted(live.config.services.items())
        if only in (None, name)
    ]


def _named(service: Service) -> Object:
    return {
        "name": service.name,
        "url": f"/services/{quote(service.name)}",
        "display_name": service.display_name or service.name,
        "description": service.description,
        "labels": dict(service.labels),
    }


def _state(figures: ServiceFigures | None, linked: Set[int]) -> Object:
    if figures is None:
        return {
            "state": ServiceState.UNKNOWN.name.lower(),
            "up": None,
            "reason": "nothing was measured yet",
            "downtime_seconds": None,
            "downtime_planned_seconds": None,
            "outage": None,
            "redundancy": None,
        }
    return {
        "state": figures.state.name.lower(),
        "up": UP.get(figures.state),
        "reason": figures.reason,
        "downtime_seconds": figures.downtime_s,
        "downtime_planned_seconds": figures.planned_s,
        "outage": None
        if figures.outage is None
        else outage(figures.outage, figures.bad_until, linked=linked),
        "redundancy": redundancy(figures.standing),
    }
