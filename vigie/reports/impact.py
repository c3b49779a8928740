"""From the database to what incidents cost, by slo.impact, all read in one snapshot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from slo import impact, report
from slo.exclusions import merged
from slo.outages import Outage, joined
from slo.report_sums import MINUTE_S, Asked, count
from slo.spec import Excluded, SloId
from slo.uptime import UNWATCHED, uptime
from vigie.config import Config, Watch
from vigie.reports.read import (
    corrections_in,
    excluded_of_service,
    excluded_of_slo,
    fingerprints,
    gaps,
)
from vigie.store import history, outages, pasts

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Affected:
    """An incident to measure: `[start, end)` of a service, and of an SLO if it is about one; `end`
    is None while it goes on.
    """

    number: int
    service: str
    slo: str
    start: float
    end: float | None


@dataclass(frozen=True, slots=True)
class Impact:
    """The columns of an incident, and how they were found. `whole`: it has ended, and every minute
    that it is made of is closed.
    """

    budget_burned: float | None
    bad_events: int | None
    downtime_s: float | None
    planned_downtime_s: float | None
    traffic_share: float | None
    found: Object
    whole: bool


def measure(
    c: Connection,
    config: Config,
    affected: Sequence[Affected],
    now: float,
    *,
    slice_s: int,
    folder: Path | None = None,
) -> dict[int, Impact]:
    """What each of these incidents cost by now, by number; see slo.impact for what the figures
    mean. `folder` keeps closed days; see vigie.store.history.
    """
    closed = (history.last_minute(c) or 0) * float(MINUTE_S)
    asked = [
        (one, watch, impact.minutes(one.start, _end(one, now), closed))
        for one in affected
        for watch in _watches(config, one)
    ]
    subjects = _subjects(c, config, asked, slice_s)
    asks = list(
        {
            ask: None
            for subject, (_, _, within) in zip(subjects, asked, strict=True)
            for ask in impact.asked(subject, within)
        }
    )
    counts = _counted(c, asks, folder)
    costs: dict[int, list[tuple[impact.SloCost, bool]]] = {}
    for subject, (one, _, within) in zip(subjects, asked, strict=True):
        found = impact.cost(subject, within, counts), impact.is_whole(subject, within)
        costs.setdefault(one.number, []).append(found)
    return {one.number: _impact(c, config, one, costs.get(one.number, []), now) for one in affected}


def _end(one: Affected, now: float) -> float:
    return now if one.end is None else max(one.end, one.start)


def _watches(config: Config, one: Affected) -> list[Watch]:
    """The SLO that an incident is about, else those of its service, groups within them."""
    if one.slo:
        watch = config.watches.get(SloId(f"{one.service}/{one.slo}"))
        return [watch] if watch is not None else []
    watches = (w for _, w in sorted(config.watches.items()) if w.slo.service == one.service)
    return [watch for watch in watches if watch.slo.parent is None]


def _subjects(
    c: Connection,
    config: Config,
    asked: Sequence[tuple[Affected, Watch, report.Scope]],
    slice_s: int,
) -> list[report.Subject]:
    """The SLOs with every exclusion that touches what is looked at."""
    numbers = history.numbers(c, fingerprints((watch for _, watch, _ in asked), slice_s))
    bare = [
        (
            report.Subject(w.slo, w.policy, report.parts_of(w.slo, w.policy, numbers, slice_s)),
            within,
        )
        for _, w, within in asked
    ]
    edges = [_reach(subject, within) for subject, within in bare]
    if not edges:
        return []
    corrections = corrections_in(c, min(a for a, _ in edges), max(b for _, b in edges))
    return [
        replace(subject, exclusions=excluded_of_slo(config, corrections, subject.slo, *edge))
        for (subject, _), edge in zip(bare, edges, strict=True)
    ]


def _reach(subject: report.Subject, within: report.Scope) -> tuple[float, float]:
    """From when to when exclusions count: of all that is asked, of what was never measured too."""
    asks = list(impact.asked(subject, within))
    first = min((ask.first for ask in asks), default=within.first)
    last = max((ask.last for ask in asks), default=within.last)
    return first * float(MINUTE_S), last * float(MINUTE_S)


def _counted(c: Connection, asks: Sequence[Asked], folder: Path | None) -> impact.Counts:
    ranges = merged((float(ask.first), float(ask.last)) for ask in asks)
    days = history.days(c, folder, [(int(first), int(last)) for first, last in ranges])
    return report.without_spans(dict(zip(asks, count(asks, days), strict=True)), gaps(c, asks))


def _impact(
    c: Connection,
    config: Config,
    one: Affected,
    costs: Sequence[tuple[impact.SloCost, bool]],
    now: float,
) -> Impact:
    down = _service(c, config, one, now)
    slos = [cost for cost, _ in costs]
    only = slos[0] if one.slo and slos else None
    missing = list(only.reasons) if only else [impact.UNCONFIGURED if one.slo else impact.NO_SLO]
    if down is None or down.downtime_s is None:
        missing.append(impact.UNKNOWN_STATE if down is not None else impact.NO_SERVICE)
    found: Object = impact.facts(only) if only else {"coverage": None, "estimated": ""}
    found["reasons"] = missing
    found["known_seconds"] = down.known_s if down is not None else None
    found["corrected_seconds"] = down.corrected_s if down is not None else None
    if not one.slo:
        found["slos"] = [impact.facts(cost) for cost in slos]
    return Impact(
        budget_burned=only.budget_burned if only else None,
        bad_events=round(only.bad) if only and only.bad is not None else None,
        downtime_s=down.downtime_s if down is not None else None,
        planned_downtime_s=down.planned_s if down is not None else None,
        traffic_share=only.share if only else None,
        found=found,
        whole=one.end is not None and all(whole for _, whole in costs),
    )


def _service(c: Connection, config: Config, one: Affected, now: float) -> impact.ServiceCost | None:
    """None: no such service is configured."""
    if one.service not in config.services:
        return None
    within = impact.known_part(impact.minutes(one.start, _end(one, now), now))
    start, end = within.first * float(MINUTE_S), within.known * float(MINUTE_S)
    down = outages.read(c, start, one.service)
    corrections = corrections_in(c, start, end)
    excluded: Sequence[Excluded] = excluded_of_service(config, corrections, one.service, start, end)
    said = report.service(one.service, joined(down), excluded, (), within)
    past = pasts.read(c, start, one.service).get(one.service, UNWATCHED)
    return impact.service_cost(said, uptime(past, _going_on(down), end, start, end))


def _going_on(down: Iterable[Outage]) -> Outage | None:
    return next((one for one in down if one.ended_at is None), None)
