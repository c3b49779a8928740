"""A status page as every reader sees it: page, API, feeds and mails say the same.

Only what is meant for customers is in it: titles of components, and what customers were told.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from incidents.components import STALE_INTERVALS, ComponentState, hurts, of_component, worst
from incidents.model import IncidentState
from incidents.status_page import Component, StatusPage
from slo.exclusions import occurrences, selects_service
from slo.spec import ServiceState
from slo.status import ServiceFigures
from slo.uptime import DAY_S, Uptime, uptime
from slo.windows import show
from vigie.config import DEFAULT_INTERVAL_S
from vigie.live import Live
from vigie.store import status as store
from vigie.store.db import Database
from vigie.store.status import Published, Told
from vigie.views.shape import Object, when

AHEAD_S: Final = 14 * DAY_S  # how early planned work is told of
_RESOLVED: Final = frozenset({IncidentState.RESOLVED, IncidentState.REVIEW, IncidentState.CLOSED})
_STATUS: Final = {  # where nobody said one, as updates do
    IncidentState.TRIAGE: "investigating",
    IncidentState.INVESTIGATING: "investigating",
    IncidentState.IDENTIFIED: "identified",
    IncidentState.MITIGATED: "monitoring",
}


def pages(
    live: Live, db: Database, now: float, subscribers: Mapping[str, tuple[int, int]]
) -> list[Object]:
    """Every page in short, by name; `subscribers` are confirmed and waited for, by page."""
    found = []
    for name, page in sorted(live.config.pages.items()):
        whole = status(live, db, page, now)
        confirmed, waiting = subscribers.get(name, (0, 0))
        short = {key: whole[key] for key in ("name", "title", "url", "state", "stale")}
        counted = {"confirmed": confirmed, "unconfirmed": waiting} if page.subscribers else None
        found.append({**short, "public": page.public, "subscribers": counted})
    return found


def status(live: Live, db: Database, page: StatusPage, now: float) -> Object:
    """The whole page now."""
    since = _days(page, now)[0][0]
    shown = db.read(lambda c: store.published(c, page, since))
    measured_at, stale = measured(live, page, now)
    states = {one.name: _state(live, one, shown, stale=stale) for one in page.components}
    return {
        "name": page.name,
        "title": page.title,
        "description": page.description,
        "url": f"/status/{page.name}",
        "time_zone": page.zone,
        "state": worst(states.values()).word,
        "measured_at": when(measured_at),
        "stale": stale,
        "history_days": page.history_days,
        "groups": [
            {
                "title": group.title,
                "state": worst(states[one.name] for one in group.components).word,
                "components": [
                    _component(live, page, one, states[one.name], now, stale=stale)
                    for one in group.components
                ],
            }
            for group in page.groups
        ],
        "incidents": [incident(page, one) for one in shown],
        "maintenance": _maintenance(live, page, now),
        "subscribers": page.subscribers,
    }


def measured(live: Live, page: StatusPage, now: float) -> tuple[float | None, bool]:
    """Up to when the services of a page were measured (None: not yet), and whether that is too
    long ago to say anything: more than three intervals.
    """
    if live.status is None:
        return None, True
    at = live.status.at
    services = page.services
    intervals = [t.interval_s for t in live.config.targets.values() if t.service in services]
    met = (status.target for status in live.targets.values())
    intervals += [target.interval_s for target in met if target.service in services]
    intervals += [source.interval_s for source in live.config.sources.values()]
    interval_s = max(intervals, default=DEFAULT_INTERVAL_S)
    return at, now - at > STALE_INTERVALS * interval_s


def incident(page: StatusPage, one: Published) -> Object:
    """An incident as customers may know it; its id says nothing of how many there are."""
    titles = [component.title for component in page.concerned(one.services)]
    resolved = one.state in _RESOLVED
    told = _entries(page, one, titles)
    status = told[-1]["status"]
    return {
        "id": public_id(page, "incident", one.number),
        "title": f"Problem with {_joined(titles)}",
        "status": "resolved" if resolved else status,
        "components": [component.name for component in page.concerned(one.services)],
        "started_at": told[0]["at"],
        "resolved_at": when(one.resolved_at) if resolved else None,
        "updates": told,
    }


def public_id(page: StatusPage, kind: str, number: int) -> str:
    """The name of something for ever, by which nobody can count."""
    said = f"vigie status {page.name} {kind} {number}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _entries(page: StatusPage, one: Published, titles: Sequence[str]) -> list[Object]:
    """What customers were told, oldest first; of what shows by itself, what there is to say."""
    entries = [_entry(page, "update", told.id, told) for told in one.told]
    if not entries:
        text = f"We are looking into a problem with {_joined(titles)}."
        status = _STATUS.get(IncidentState(one.state), "investigating")
        entries = [_entry(page, "opened", one.number, Told(0, status, text, one.opened_at))]
    if one.state in _RESOLVED and one.resolved_at and entries[-1]["status"] != "resolved":
        over = Told(0, "resolved", "This problem is over.", one.resolved_at)
        entries.append(_entry(page, "resolved", one.number, over))
    return entries


def _entry(page: StatusPage, kind: str, number: int, told: Told) -> Object:
    return {
        "id": public_id(page, kind, number),
        "at": when(told.at),
        "status": told.status,
        "text": told.text,
    }


def _joined(titles: Sequence[str]) -> str:
    if len(titles) < 2:
        return "".join(titles)
    return f"{', '.join(titles[:-1])} and {titles[-1]}"


def _state(
    live: Live, component: Component, shown: Iterable[Published], *, stale: bool
) -> ComponentState:
    mine = frozenset(component.services)
    severities = [
        one.severity for one in shown if mine & one.services and hurts(one.state, one.recovered_at)
    ]
    found = _figures(live, component)
    services = [one.state if one is not None else ServiceState.UNKNOWN for one in found]
    return of_component(services, severities, stale=stale)


def _component(
    live: Live,
    page: StatusPage,
    component: Component,
    state: ComponentState,
    now: float,
    *,
    stale: bool,
) -> Object:
    found = _figures(live, component)
    at = live.status.at if live.status is not None else now
    whole = _over(found, at - page.history_days * DAY_S, at)
    return {
        "name": component.name,
        "title": component.title,
        "description": component.description,
        "state": state.word,
        "measured_until": when(_unknown_since(live, found, stale=stale)),
        "window": show(page.history_days * DAY_S),
        **_shown(whole, at - page.history_days * DAY_S, at),
        "days": [
            {"day": day, **_shown(_over(found, start, min(end, at)), start, min(end, now))}
            for start, end, day in _days(page, now)
        ],
    }


def _figures(live: Live, component: Component) -> list[ServiceFigures | None]:
    services = live.status.services if live.status is not None else {}
    return [services.get(name) for name in component.services]


def _unknown_since(
    live: Live, found: Sequence[ServiceFigures | None], *, stale: bool
) -> float | None:
    """Up to when a component was measured, where it is not any more."""
    ends = [one.history.unknown_since for one in found if one is not None]
    known = [end for end in ends if end is not None]
    if stale and live.status is not None:
        known.append(live.status.at)
    return min(known, default=None)


def _over(found: Sequence[ServiceFigures | None], start: float, end: float) -> Uptime | None:
    """The worst of these services over [start, end), which is whole: no time of one hides that of
    another. None where nobody measured one of them, unless another was down.
    """
    if not found or start >= end:
        return None
    each = [
        uptime(one.history, one.outage, one.bad_until, start, end) if one is not None else None
        for one in found
    ]
    known = [one for one in each if one is not None and one.known_s > 0.0]
    lowest = min(known, key=_share, default=None)
    if lowest is None or (len(known) < len(each) and not lowest.down_s):
        return None
    return lowest


def _share(one: Uptime) -> float:
    share = one.availability()
    return 1.0 if share is None else share


def _shown(found: Uptime | None, start: float, end: float) -> Object:
    """Figures under the names of `/api/v1/services`; `coverage` is the share of the time until now
    that was measured.
    """
    length_s = max(end - start, 0.0)
    if found is None:
        nothing: Object = {"availability": None, "downtime_seconds": None}
        nothing |= {"downtime_planned_seconds": None, "known_seconds": 0.0, "coverage": 0.0}
        return {"from": when(start), "to": when(end), **nothing}
    return {
        "from": when(start),
        "to": when(end),
        "availability": found.availability(),
        "downtime_seconds": found.down_s,
        "downtime_planned_seconds": found.planned_s,
        "known_seconds": found.known_s,
        "coverage": min(found.known_s / length_s, 1.0) if length_s else 0.0,
    }


def _days(page: StatusPage, now: float) -> list[tuple[float, float, str]]:
    """The days of the history in the page's time zone, oldest first: begin, end, date."""
    zone = ZoneInfo(page.zone)
    today = datetime.fromtimestamp(now, zone).date()
    dates = [today - timedelta(days=ago) for ago in range(page.history_days - 1, -2, -1)]
    edges = [datetime(d.year, d.month, d.day, tzinfo=zone).timestamp() for d in dates]
    return [(edges[n], edges[n + 1], dates[n].isoformat()) for n in range(page.history_days)]


def _maintenance(live: Live, page: StatusPage, now: float) -> list[Object]:
    """Planned work that goes on or is near, by its beginning: when and what, not what was written
    about it inside.
    """
    found = []
    for window in live.config.maintenance:
        services = [
            name
            for name in page.services
            if (known := live.config.services.get(name)) is not None
            and selects_service(window, name, known.labels)
        ]
        components = page.concerned(services)
        # As wide as uncut occurrences need.
        width = now - window.duration_s, now + AHEAD_S + window.duration_s
        for start, end in occurrences(window, *width) if components else ():
            if end > now and start < now + AHEAD_S:
                facts = {"from": when(start), "to": when(end), "now": start <= now}
                titles = [one.title for one in components]
                found.append({**facts, "components": titles})
    return sorted(found, key=lambda one: (one["from"], one["to"], one["components"]))
