"""From the database and the configuration to a report, all read in one snapshot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from slo import report
from slo.columns import key_of
from slo.exclusions import corrected, merged, planned, planned_of_service
from slo.outages import joined
from slo.report_model import Report, SloStatement
from slo.report_spells import Looked, spells
from slo.report_sums import MINUTE_S, Asked, Counted, Minutes, count
from slo.spec import CompositeSli, Excluded, Slo, SloId
from vigie.config import Config, Watch
from vigie.store import exclusions, history, ledger, outages


def read(
    c: Connection,
    config: Config,
    start: float,
    end: float,
    *,
    slice_s: int,
    at: float | None = None,
    service: str | None = None,
    folder: Path | None = None,
) -> Report:
    """The report on [start, end), of one service or all.

    What is known ends at `at`, else at the newest closed minute of the ledger, so that the same
    ledger gives the same report at any time. `folder` keeps closed days; see vigie.store.history.
    """
    known = (history.last_minute(c) or 0) * float(MINUTE_S) if at is None else at
    within = report.scope(start, end, known)
    names = [name for name in sorted(config.services) if service in (None, name)]
    watches = [w for _, w in sorted(config.watches.items()) if w.slo.service in names]
    subjects = _subjects(c, config, watches, within, slice_s)
    statements = _statements(c, subjects, within, folder)
    since, until = within.first * float(MINUTE_S), within.known * float(MINUTE_S)
    down = joined(outages.read(c, since))
    corrections = corrections_in(c, since, until)
    return Report(
        start=since,
        end=within.last * float(MINUTE_S),
        until=until,
        services=tuple(
            report.service(
                name,
                [one for one in down if one.service == name],
                excluded_of_service(config, corrections, name, since, until),
                [one for one in statements if one.slo.service == name],
                within,
            )
            for name in names
        ),
    )


def figures_of(
    c: Connection, watches: Iterable[Watch], first: int, last: int, *, slice_s: int
) -> dict[SloId, tuple[int, int]]:
    """The good and total counts of SLOs in the minutes [first, last), exactly; of a composite, or
    one that was never measured, there are none.
    """
    within = report.Scope(first, last, last)
    plain = [watch for watch in watches if not isinstance(watch.slo.sli, CompositeSli)]
    numbers = history.numbers(c, fingerprints(plain, slice_s))
    asks: dict[SloId, Asked] = {}
    for watch in plain:
        parts = report.parts_of(watch.slo, watch.policy, numbers, slice_s)
        for one in report.asked(report.Subject(watch.slo, watch.policy, parts), within):
            asks.setdefault(watch.slo.id, one)  # the first is the period itself
    counts = _counted(c, list(asks.values()), None)
    return {slo: (counts[one].all.good, counts[one].all.total) for slo, one in asks.items()}


def _subjects(
    c: Connection, config: Config, watches: Sequence[Watch], within: report.Scope, slice_s: int
) -> list[report.Subject]:
    """The SLOs with every exclusion that touches the report or their calendar windows."""
    numbers = history.numbers(c, fingerprints(watches, slice_s))
    bare = [
        report.Subject(w.slo, w.policy, report.parts_of(w.slo, w.policy, numbers, slice_s))
        for w in watches
    ]
    first = min((a.first for s in bare for a in report.asked(s, within)), default=within.first)
    since, until = first * float(MINUTE_S), within.known * float(MINUTE_S)
    corrections = corrections_in(c, since, until)
    return [
        replace(subject, exclusions=excluded_of_slo(config, corrections, subject.slo, since, until))
        for subject in bare
    ]


def _statements(
    c: Connection, subjects: Sequence[report.Subject], within: report.Scope, folder: Path | None
) -> list[SloStatement]:
    asks = list({one: None for subject in subjects for one in report.asked(subject, within)})
    looks = [report.looked(subject, within) for subject in subjects]
    asked = [one for one in looks if one is not None]
    edges = [(a.first, a.last) for a in asks] + [(one.first, one.last) for one in asked]
    ranges = merged(edges)
    days = history.days(c, folder, [(int(first), int(last)) for first, last in ranges])
    counts = report.without_spans(dict(zip(asks, count(asks, days), strict=True)), gaps(c, asks))
    found: Mapping[Looked, Sequence[Minutes]] = dict(zip(asked, spells(asked, days), strict=True))
    return [
        report.statement(subject, within, counts, None if look is None else found[look])
        for subject, look in zip(subjects, looks, strict=True)
    ]


def _counted(c: Connection, asks: Sequence[Asked], folder: Path | None) -> dict[Asked, Counted]:
    days = history.days(c, folder, [(one.first, one.last) for one in asks])
    return dict(zip(asks, count(asks, days), strict=True))


def gaps(c: Connection, asks: Sequence[Asked]) -> list[report.Span]:
    """Those that end in any of the ranges."""
    if not asks:
        return []
    slis = sorted({one.sli for one in asks})
    since = min(one.first for one in asks) * float(MINUTE_S)
    found = ledger.read_spans(c, since, np.array(slis, dtype=np.int64))
    columns = (found.cols, found.began, found.ended, found.good, found.total)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [report.Span(slis[col], *rest) for col, *rest in rows]


def fingerprints(watches: Iterable[Watch], slice_s: int) -> list[str]:
    """Those of every SLI that the SLOs measure, the components of composites too."""
    found: dict[str, None] = {}
    for watch in watches:
        for sli in report.measured(watch.slo):
            found[key_of(sli, watch.slo.group, watch.policy, slice_s)] = None
    return list(found)


def corrections_in(c: Connection, start: float, end: float) -> list[Excluded]:
    """What people took out of the figures of this time."""
    return [one.excluded for one in exclusions.read(c, start, end)]


def excluded_of_slo(
    config: Config, corrections: Sequence[Excluded], slo: Slo, start: float, end: float
) -> tuple[Excluded, ...]:
    """What is excluded of an SLO: planned work, and corrections of it or of its whole service."""
    labels = config.services[slo.service].labels
    return (
        *planned(config.maintenance, slo, labels, start, end),
        *corrected(corrections, slo),
    )


def excluded_of_service(
    config: Config, corrections: Sequence[Excluded], name: str, start: float, end: float
) -> list[Excluded]:
    """What is excluded of a whole service: of outages, for they are those of a service."""
    labels = config.services[name].labels
    return [
        *(one for one in corrections if one.service == name and not one.slo),
        *planned_of_service(config.maintenance, name, labels, start, end),
    ]
