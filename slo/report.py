"""Reports: from the slices, outages and exclusions of a period to what is said of every SLO.

Two steps, because reading stands between them: `asked` says which sums a report needs, and
`statement` makes it of them. Ranges are whole minutes, rounded down, so that periods still tile.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slo import calendar
from slo.columns import key_of, unit_of
from slo.exclusions import length, merged, minutes, overlaps
from slo.outages import Outage
from slo.report_model import (
    ExclusionFigures,
    Figures,
    OutageStatement,
    ServiceStatement,
    SloStatement,
    WindowStatement,
)
from slo.report_spells import Looked
from slo.report_sums import MINUTE_S, Asked, Counted, Minutes, Sums, whole_slices
from slo.spec import (
    MICRO,
    BasicSli,
    Budgeting,
    CompositeSli,
    Excluded,
    ForeignSli,
    Method,
    Policy,
    SampledSli,
    ServerSli,
    Slo,
)
from slo.timeslices import Slicing, slicing

Counts = Mapping[Asked, Counted]
_MINUTE_US: Final = MINUTE_S * 1_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """An SLI that an SLO measures (a composite has several): its number in the ledger (None: it was
    never measured), how its slices are judged, how many counts are one event or judged slice, its
    weight, and how many counts of its row are one event.
    """

    sli: int | None
    how: Slicing | None
    unit: int
    weight: float
    counted_in: int = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """An SLO to report on. `exclusions` are all that hold for it and may touch the report."""

    slo: Slo
    policy: Policy
    parts: tuple[Part, ...]
    exclusions: tuple[Excluded, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Increments of an SLI known only to lie in (began, ended]; see slo.ledger.Spans."""

    sli: int
    began: float
    ended: float
    good: int
    total: int


@dataclass(frozen=True, slots=True)
class Scope:
    """The period in minutes, and the minute up to which the ledger is known."""

    first: int
    last: int
    known: int


def scope(start: float, end: float, known: float) -> Scope:
    """The minutes of a period; what is known of it ends with it."""
    first, last = int(start // MINUTE_S), int(end // MINUTE_S)
    return Scope(first, last, max(first, min(last, int(known // MINUTE_S))))


def parts_of(
    slo: Slo, policy: Policy, numbers: Mapping[str, int], slice_s: int
) -> tuple[Part, ...]:
    """The parts of an SLO, by the ledger's numbers of fingerprints."""

    def part(sli: BasicSli, budgeting: Budgeting, weight: float) -> Part:
        how = slicing(budgeting, policy)
        unit = unit_of(sli) if how is None else how.unit(unit_of(sli))
        key = key_of(sli, slo.group, policy, slice_s)
        return Part(numbers.get(key), how, unit, weight, unit_of(sli))

    if isinstance(slo.sli, CompositeSli):
        return tuple(part(c.sli, c.budgeting, c.weight) for c in slo.sli.components)
    return (part(slo.sli, slo.budgeting, 1.0),)


def measured(slo: Slo) -> tuple[BasicSli, ...]:
    """The SLIs that an SLO measures."""
    if isinstance(slo.sli, CompositeSli):
        return tuple(component.sli for component in slo.sli.components)
    return (slo.sli,)


def asked(subject: Subject, within: Scope) -> Iterator[Asked]:
    """The sums that the report on an SLO needs."""
    for ranges in _ranges(subject, within):
        yield from (one for part in subject.parts if (one := _ask(subject, part, ranges)))
    for part in subject.parts if len(subject.parts) == 1 else ():
        for exclusion in subject.exclusions:
            if one := _ask_exclusion(part, exclusion, within):
                yield one


def looked(subject: Subject, within: Scope) -> Looked | None:
    """Where to look for minutes under the policy's `down_below`; None where events don't say."""
    part, below = subject.parts[0], subject.policy.down_below
    if len(subject.parts) > 1 or part.sli is None or below <= 0.0:
        return None
    unit = MICRO if isinstance(subject.slo.sli, SampledSli) else 1
    return Looked(part.sli, within.first, within.known, below, unit)


def statement(
    subject: Subject, within: Scope, counts: Counts, spells: Sequence[Minutes] | None
) -> SloStatement:
    """What is said of an SLO. `spells` answers `looked`."""
    period = _Range(within.first, within.last, within.known)
    figures, raw = _figures(subject, period, counts)
    exclusions = (_exclusion(subject, one, within, counts) for one in subject.exclusions)
    return SloStatement(
        slo=subject.slo,
        figures=figures,
        raw=raw,
        exclusions=tuple(one for one in exclusions if one is not None),
        window=_window(subject, within, counts),
        low_s=None if spells is None else sum(b - a for a, b in spells) * MINUTE_S,
        low_spells=None if spells is None else len(spells),
        estimated=estimated(subject.slo),
        covered=figures.coverage >= subject.policy.coverage_floor,
    )


def service(
    name: str,
    outages: Iterable[Outage],
    exclusions: Sequence[Excluded],
    slos: Sequence[SloStatement],
    within: Scope,
) -> ServiceStatement:
    """What is said of a service. `exclusions` are those of the whole service."""
    start, end = float(within.first * MINUTE_S), float(within.known * MINUTE_S)
    planned = merged((one.start, one.end) for one in exclusions if one.planned)
    corrected = merged((one.start, one.end) for one in exclusions if not one.planned)
    found = [
        _outage(one, start, end, planned, corrected)
        for one in sorted(outages, key=lambda one: one.started_at)
        if one.started_at < end and (one.ended_at is None or one.ended_at > start)
    ]
    down, counted = sum(o.end - o.start for o in found), sum(o.counted_s for o in found)
    left_s = end - start - length(overlaps(merged([*planned, *corrected]), start, end))
    coverage = max((one.raw.coverage for one in slos), default=0.0)
    measured = coverage > 0.0
    failures = sum(1 for one in found if one.counted_s > 0.0)
    return ServiceStatement(
        name=name,
        outages=tuple(found),
        downtime_s=down,
        planned_s=sum(o.planned_s for o in found),
        corrected_s=sum(o.corrected_s for o in found),
        counted_s=counted,
        availability=1.0 - counted / left_s if measured and left_s > 0.0 else None,
        raw_availability=1.0 - down / (end - start) if measured and end > start else None,
        coverage=coverage,
        mtbf_s=(left_s - counted) / failures if failures else None,
        mttr_s=counted / failures if failures else None,
        slos=tuple(slos),
    )


def without_spans(counts: Counts, spans: Iterable[Span]) -> dict[Asked, Counted]:
    """The sums without what may have happened before their range began, although it was seen in
    it: as any window that begins inside a span leaves it out. Judged slices stay as they are.
    """
    by_sli: dict[int, list[Span]] = {}
    for span in spans:
        by_sli.setdefault(span.sli, []).append(span)
    return {one: _less(one, found, by_sli.get(one.sli, ())) for one, found in counts.items()}


def estimated(slo: Slo) -> str:
    """Why the figures of an SLO are not exact; empty where they are."""
    slis = measured(slo)
    if any(isinstance(sli, ServerSli) for sli in slis):
        return "its increments are computed by a DataSource, which extrapolates"
    if any(isinstance(sli, SampledSli) for sli in slis):
        return "it is judged by samples: what happened between two of them is not seen"
    if any(isinstance(sli, ForeignSli) for sli in slis):
        return "it can't be measured"
    if slo.budgeting.method is not Method.OCCURRENCES and slo.budgeting.slice_s % MINUTE_S:
        return "its slices are not whole minutes: they are judged by the minute"
    return ""


# -- ranges and figures -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Range:
    """Minutes [first, last), of which those before `known` are known."""

    first: int
    last: int
    known: int


def _ranges(subject: Subject, within: Scope) -> list[_Range]:
    ranges = [_Range(within.first, within.last, within.known)]
    windows = _windows(subject.slo, within)
    return ranges + list(windows or ())


def _windows(slo: Slo, within: Scope) -> tuple[_Range, _Range] | None:
    """The calendar window of the last known minute, and the one before it."""
    if slo.calendar is None or within.known <= within.first:
        return None
    at = (within.known - 1) * float(MINUTE_S)
    start, end = calendar.period(slo.calendar, at)
    before = calendar.previous(slo.calendar, at)
    edges = [int(edge // MINUTE_S) for edge in (before[0], start, end)]
    return _Range(edges[1], edges[2], within.known), _Range(edges[0], edges[1], within.known)


def _ask(subject: Subject, part: Part, of: _Range) -> Asked | None:
    first, last = _edges(part, of)
    if part.sli is None or first >= last:
        return None
    return Asked(part.sli, first, last, _out(subject, first, last), part.how, part.counted_in)


def _edges(part: Part, of: _Range) -> Minutes:
    return whole_slices(of.first, of.last, of.known, part.how)


def _out(subject: Subject, first: int, last: int) -> tuple[Minutes, ...]:
    union = merged(minutes(one.start, one.end) for one in subject.exclusions)
    return tuple((int(a), int(b)) for a, b in overlaps(union, first, last))


def _ask_exclusion(part: Part, exclusion: Excluded, within: Scope) -> Asked | None:
    first, last = minutes(exclusion.start, exclusion.end)
    of = _Range(max(first, within.first), min(last, within.last), within.known)
    begin, end = _edges(part, of)
    if part.sli is None or begin >= end:
        return None
    return Asked(part.sli, begin, end, (), part.how, part.counted_in)


def _figures(subject: Subject, of: _Range, counts: Counts) -> tuple[Figures, Figures]:
    """Without what is excluded, and with it."""
    pairs = [_counted(subject, part, of, counts) for part in subject.parts]
    kept = _joined(subject, of, [(sums.kept, span - out) for sums, span, out in pairs])
    raw = _joined(subject, of, [(sums.all, span) for sums, span, _ in pairs])
    return kept, raw


def _counted(subject: Subject, part: Part, of: _Range, counts: Counts) -> tuple[Counted, int, int]:
    """The sums of a part, and the minutes of its range, all and excluded."""
    first, last = _edges(part, of)
    one = _ask(subject, part, of)
    nothing = Counted(Sums(), Sums())
    excluded = sum(b - a for a, b in _out(subject, first, last))
    return (nothing if one is None else counts[one]), last - first, excluded


def _joined(subject: Subject, of: _Range, sums: Sequence[tuple[Sums, int]]) -> Figures:
    parts, budget = subject.parts, subject.slo.budget
    coverage = [_coverage(one, span) for one, span in sums]
    ratios = [one.good / one.total if one.total else None for one, _ in sums]
    weights = [part.weight for part in parts]
    known = [(r, w) for r, w in zip(ratios, weights, strict=True) if r is not None]
    sli = sum(r * w for r, w in known) / sum(w for _, w in known) if known else None
    first, last = _edges(parts[0], of) if len(parts) == 1 else (of.first, min(of.last, of.known))
    single = sums[0][0] if len(parts) == 1 else None
    consumed = None if sli is None else (1.0 - sli) / budget
    if single is not None and single.total:
        consumed = (single.total - single.good) / single.total / budget
    return Figures(
        start=float(first * MINUTE_S),
        end=float(max(first, last) * MINUTE_S),
        good=single.good if single else None,
        total=single.total if single else None,
        unit=parts[0].unit if single else 1,
        sli=sli,
        coverage=sum(c * w for c, w in zip(coverage, weights, strict=True)) / sum(weights),
        budget_events=budget * single.total / parts[0].unit if single else None,
        budget_s=budget * sums[0][1] * MINUTE_S,
        consumed=consumed,
        remaining=None if consumed is None else 1.0 - consumed,
    )


def _coverage(sums: Sums, span: int) -> float:
    return min(1.0, sums.measured_us / (span * _MINUTE_US)) if span > 0 else 0.0


def _window(subject: Subject, within: Scope, counts: Counts) -> WindowStatement | None:
    found = _windows(subject.slo, within)
    if found is None:
        return None
    now, before = found
    to_date, _ = _figures(subject, now, counts)
    past, _ = _figures(subject, before, counts)
    elapsed = max(1, min(now.known, now.last) - now.first)
    share = elapsed / (now.last - now.first)  # of the expected traffic, what has come to date
    expected, source = None, "pro_rata"
    if now.known < now.last and to_date.coverage:
        share *= to_date.coverage  # time that nobody watched is no time without traffic
    if to_date.total is not None:
        expected = to_date.total / share
    if now.known >= now.last:
        source = "actual"
    elif past.total and to_date.total is not None and _is_measured(past, subject.policy):
        expected, source, share = float(past.total), "previous", to_date.total / past.total
    consumed = None if to_date.consumed is None else to_date.consumed * share
    return WindowStatement(
        start=float(now.first * MINUTE_S),
        end=float(now.last * MINUTE_S),
        to_date=to_date,
        remaining_of_traffic_to_date=to_date.remaining,
        remaining_of_expected_traffic=None if consumed is None else 1.0 - consumed,
        expected_total=None if expected is None else expected / to_date.unit,
        expected_from=source,
    )


def _is_measured(past: Figures, policy: Policy) -> bool:
    """A window that was hardly measured says nothing about how much traffic one has."""
    return past.coverage >= policy.coverage_floor


def _exclusion(
    subject: Subject, exclusion: Excluded, within: Scope, counts: Counts
) -> ExclusionFigures | None:
    first, last = minutes(exclusion.start, exclusion.end)
    first, last = max(first, within.first), min(last, within.known)
    if first >= last:
        return None
    one, single = None, len(subject.parts) == 1
    if single:
        one = _ask_exclusion(subject.parts[0], exclusion, within)
    sums = counts[one].all if one is not None else Sums()
    return ExclusionFigures(
        exclusion=exclusion,
        start=float(first * MINUTE_S),
        end=float(last * MINUTE_S),
        good=sums.good if single else None,
        total=sums.total if single else None,
    )


def _outage(
    outage: Outage,
    start: float,
    end: float,
    planned: Sequence[tuple[float, float]],
    corrected: Sequence[tuple[float, float]],
) -> OutageStatement:
    begin, finish = max(outage.started_at, start), min(outage.ended_at or end, end)
    planned_s = length(overlaps(planned, begin, finish))
    both_s = length(overlaps(merged([*planned, *corrected]), begin, finish))
    return OutageStatement(
        start=begin,
        end=finish,
        planned_s=planned_s,
        corrected_s=both_s - planned_s,  # what lies in maintenance too needed no correction
        counted_s=finish - begin - both_s,
        ongoing=outage.ended_at is None or outage.ended_at > end,
    )


def _less(one: Asked, found: Counted, spans: Sequence[Span]) -> Counted:
    if one.how is not None:
        return found
    start = one.first * MINUTE_S
    for span in spans:
        seen = int(span.ended // MINUTE_S)
        if not (span.began < start <= span.ended and one.first <= seen < one.last):
            continue
        part = Sums(span.good, span.total)
        excluded = any(first <= seen < last for first, last in one.out)
        kept = found.kept if excluded else found.kept.less([part])
        found = Counted(found.all.less([part]), kept)
    return found
