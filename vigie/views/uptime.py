"""One service as every reader sees it: how available it was, its outages and states, redundancy."""

from collections.abc import Mapping, Set
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from slo import windows
from slo.exclusions import overlaps
from slo.outages import Outage
from slo.redundancy import Standing
from slo.status import ServiceFigures
from slo.uptime import UNWATCHED, WINDOWS_S, Uptime, uptime
from vigie.live import Live
from vigie.store import outages as stored_outages
from vigie.store import pasts
from vigie.store import states as stored_states
from vigie.store.db import Database
from vigie.store.visibility import Viewer, seen
from vigie.views.shape import Object, listing, when

SHOWN_S: Final = 90 * 86_400.0


def availability(live: Live, name: str) -> list[Object]:
    """A service over the last day, week, 30 and 90 days, as far as it is known; of what was
    measured until now.
    """
    figures, at = _figures(live, name), live.status.at if live.status is not None else None
    if figures is None or at is None:
        return []
    return [
        {"window": windows.show(length), **_shown(figures.uptime(at, length))}
        for length in WINDOWS_S
    ]


def month(live: Live, db: Database, name: str, which: str, zone: ZoneInfo) -> Object:
    """A service over one month (`2026-10`) of a time zone, as far as it has come."""
    year, number = map(int, which.split("-"))
    start = datetime(year, number, 1, tzinfo=zone)
    following = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=zone)
    found = over(live, db, name, start.timestamp(), following.timestamp())
    return {"window": which, **found}


def over(live: Live, db: Database, name: str, start: float, end: float) -> Object:
    """A service over [start, end), as far as it has come."""
    now = live.status.at if live.status is not None else start
    history = db.read(lambda c: pasts.read(c, start, name)).get(name, UNWATCHED)
    figures = _figures(live, name)
    going_on = figures.outage if figures is not None else None
    bad_until = figures.bad_until if figures is not None else 0.0
    return _shown(uptime(history, going_on, bad_until, start, min(end, now)))


def outages(
    live: Live,
    db: Database,
    name: str,
    within: tuple[float | None, float | None],
    limit: int,
    *,
    viewer: Viewer,
) -> Object:
    """The newest outages of a service that lasted into [start, end), newest first."""
    start, end = within

    def read(c: Connection) -> tuple[list[Outage], frozenset[int]]:
        found = stored_outages.read(c, start, name)
        chosen = [one for one in found if end is None or one.started_at < end][-limit:]
        numbers = (one.incident for one in chosen if one.incident is not None)
        return chosen, seen(c, viewer, numbers)

    chosen, linked = db.read(read)
    figures = _figures(live, name)
    until = figures.bad_until if figures is not None else 0.0
    return listing([outage(one, until, linked=linked) for one in reversed(chosen)])


def outage(one: Outage, bad_until: float = 0.0, *, linked: Set[int]) -> Object:
    """One outage; of one that goes on, the seconds that are certain (up to `bad_until`). It leads
    to its incident if that is one of `linked`.
    """
    until = one.ended_at if one.ended_at is not None else max(bad_until, one.started_at)
    return {
        "started_at": when(one.started_at),
        "ended_at": when(one.ended_at),
        "seconds": until - one.started_at,
        "cause": one.cause,
        "planned": one.planned,
        "incident": one.incident if one.incident in linked else None,
    }


def states(db: Database, name: str, start: float, end: float) -> Object:
    """What a service was found to be in [start, end), in order: each state until the next."""
    found = db.read(lambda c: stored_states.read(c, start, name))
    ends = [*(one.at for one in found[1:]), end]
    spans = [
        (one, (max(one.at, start), min(until, end)))
        for one, until in zip(found, ends, strict=False)
        if overlaps([(one.at, until)], start, end)
    ]
    return listing(
        [
            {
                "state": one.state.name.lower(),
                "reason": one.reason,
                "from": when(begin),
                "to": when(finish),
            }
            for one, (begin, finish) in spans
        ]
    )


def redundancy(standing: Standing | None) -> Object | None:
    """How redundant a service stands; None: it has no replica that anybody looks at."""
    if standing is None:
        return None
    return {
        "state": standing.state.name.lower(),
        "reason": standing.reason,
        "since": when(standing.since),
        "declared": standing.declared,
        "ready": standing.ready,
        "expected": standing.expected,
        "minimum": standing.minimum,
        "zones": standing.zones,
        "zones_wanted": standing.zones_wanted,
        "skew": standing.skew,
        "leader": standing.leader or None,
        "leads_since": when(standing.led_since),
        "failovers": standing.failovers,
        "failed_over_at": when(standing.failed_over_at),
    }


def _figures(live: Live, name: str) -> ServiceFigures | None:
    services: Mapping[str, ServiceFigures] = live.status.services if live.status else {}
    return services.get(name)


def _shown(found: Uptime) -> Object:
    return {
        "from": when(found.start),
        "to": when(found.end),
        "known_seconds": found.known_s,
        "availability": found.availability(),
        "availability_with_planned": found.availability(planned=True),
        "nines": found.nines,
        "downtime_seconds": found.down_s,
        "downtime_planned_seconds": found.planned_s,
        "outages": found.outages,
        "mtbf_seconds": found.mtbf_s,
        "mttr_seconds": found.mttr_s,
    }
