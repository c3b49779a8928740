"""What an incident cost: its share of the budget, of the traffic, and the downtime while it lasted.

Pure, over the sums of the ledger's minutes that reports are made of: the same ledger gives the
same figures at any later time, and those of a report over the same minutes. What nobody measured
is None, never zero. The definitions, with a case worked by hand each: docs/reference/impact.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from slo import report
from slo.report_model import Figures, ServiceStatement
from slo.report_sums import MINUTE_S, Asked, Counted, width
from slo.spec import MICRO, CompositeSli
from slo.stated import window_name
from slo.uptime import Uptime

Counts = Mapping[Asked, Counted]
Object = dict[str, Any]

UNMEASURED: Final = "nothing of it was measured"
EXCLUDED: Final = "all of it lies in planned or corrected time"
NO_TRAFFIC: Final = "its window has no traffic, so no budget"
MEAN: Final = "it is a mean of components: no events are its own"
NO_SLO: Final = "it is about no SLO"
UNCONFIGURED: Final = "its SLO is not configured any more"
NO_SERVICE: Final = "its service is not configured"
UNKNOWN_STATE: Final = "nobody could tell whether the service was up"


@dataclass(frozen=True, slots=True)
class SloCost:
    """What one SLO lost in [start, end), whole minutes. `bad`, `total` and `window_total` are in
    events (judged slices, where these count); None: not measured, or of a composite. `coverage` is
    of its measured time, 0..1; `reasons` say what is missing.
    """

    slo: str
    window: str  # 30d, 1M
    start: float
    end: float
    budget_burned: float | None
    bad: float | None
    total: float | None
    window_total: float | None
    window_coverage: float
    share: float | None
    coverage: float
    covered: bool
    excluded_bad: float | None
    counts: str  # events or slices
    estimated: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceCost:
    """How long a service was down, in seconds, planned and corrected downtime apart; None where
    nobody could tell. `known_s` of the span are known.
    """

    downtime_s: float | None
    planned_s: float | None
    corrected_s: float | None
    known_s: float


def minutes(start: float, end: float, known: float) -> report.Scope:
    """Every minute that an incident touched; `known` is up to when the ledger is closed."""
    first, last = int(start // MINUTE_S), int(-(-end // MINUTE_S))
    return report.Scope(first, last, int(known // MINUTE_S))


def known_part(within: report.Scope) -> report.Scope:
    """The same, of which no more is known than there is of it."""
    known = max(within.first, min(within.last, within.known))
    return report.Scope(within.first, within.last, known)


def asked(subject: report.Subject, within: report.Scope) -> Iterator[Asked]:
    """The sums that the cost of an incident needs."""
    for part in subject.parts:
        alone = replace(subject, parts=(part,))
        for scope in _scopes(alone, within):
            yield from report.asked(alone, scope)


def is_whole(subject: report.Subject, within: report.Scope) -> bool:
    """Whether every minute that the cost is made of is known: it does not change any more."""
    spans = (_aligned(part, within) for part in subject.parts)
    return all(span.known >= span.last for span in spans)


def cost(subject: report.Subject, within: report.Scope, counts: Counts) -> SloCost:
    """What an SLO lost in these minutes.

    `budget_burned`: bad events over those that its window may have at all, (1 - objective) x the
    events of the window that ends with the span (of a calendar window, those that reports expect
    of it). So the shares of all incidents of a window, and of what no incident was about, add up
    to what reports and pages say is consumed. May be over 1. A composite adds up what each
    component takes of its mean.
    """
    parts = [_part(replace(subject, parts=(part,)), within, counts) for part in subject.parts]
    slo, weights = subject.slo, [part.weight for part in subject.parts]
    raw_measured = [one.raw for one in parts if one.raw.coverage or one.raw.total]
    kept = [one.kept for one in parts]
    # Where all of it is excluded, what was measured says how well that is known.
    shown = [one.kept if one.kept.coverage else one.raw for one in parts]
    coverage = _mean([one.coverage for one in shown], weights)
    burned = _burned(parts, weights, slo.budget) if raw_measured else None
    only = parts[0] if len(parts) == 1 and raw_measured else None
    unit = subject.parts[0].unit
    excluded = only is not None and not kept[0].coverage and not kept[0].total
    return SloCost(
        slo=slo.id,
        window=window_name(slo),
        start=min(one.start for one in kept),
        end=max(one.end for one in kept),
        budget_burned=burned,
        bad=_bad(only.kept) / unit if only else None,
        total=(only.kept.total or 0) / unit if only else None,
        window_coverage=_mean([one.window_coverage for one in parts], weights),
        window_total=only.window / unit if only and only.window is not None else None,
        share=_share(kept, weights),
        coverage=coverage,
        covered=coverage >= subject.policy.coverage_floor,
        excluded_bad=(_bad(only.raw) - _bad(only.kept)) / unit if only else None,
        counts="events" if subject.parts[0].how is None else "slices",
        estimated=report.estimated(slo),
        reasons=tuple(_reasons(subject, burned, measured=bool(raw_measured), excluded=excluded)),
    )


def service_cost(statement: ServiceStatement, time: Uptime) -> ServiceCost:
    """What a service lost, from a report over the span and its uptime in it: downtime that counts,
    planned and corrected downtime apart. None where its state is not known at any moment.
    """
    if not time.known_s and not statement.outages:
        return ServiceCost(None, None, None, 0.0)
    return ServiceCost(
        statement.counted_s, statement.planned_s, statement.corrected_s, time.known_s
    )


def facts(one: SloCost) -> Object:
    """As it is stored and shown."""
    return {
        "sli": one.slo,
        "window": one.window,
        "from": one.start,
        "until": one.end,
        "budget_burned": one.budget_burned,
        "bad": _whole(one.bad),
        "total": _whole(one.total),
        "window_total": _whole(one.window_total),
        "window_coverage": one.window_coverage,
        "traffic_share": one.share,
        "coverage": one.coverage,
        "covered": one.covered,
        "excluded_bad": _whole(one.excluded_bad),
        "counts": one.counts,
        "estimated": one.estimated,
        "reasons": list(one.reasons),
    }


# -- one part of an SLO -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """The figures of a part over the span, and how many counts its window has (None: unknown)."""

    kept: Figures
    raw: Figures
    window: float | None
    window_coverage: float


def _aligned(part: report.Part, within: report.Scope) -> report.Scope:
    """In whole slices of those that are judged: the one that it began in counts too."""
    wide = width(part.how)
    first, last = within.first // wide * wide, -(-within.last // wide) * wide
    return known_part(report.Scope(first, last, within.known // wide * wide))


def _scopes(alone: report.Subject, within: report.Scope) -> list[report.Scope]:
    """Of the span, and of the rolling window that ends with it."""
    span = _aligned(alone.parts[0], within)
    if alone.slo.calendar is not None:
        return [span]
    start = span.known - max(1, round(alone.slo.window_s / MINUTE_S))
    return [span, report.Scope(max(0, start), span.known, span.known)]


def _part(alone: report.Subject, within: report.Scope, counts: Counts) -> _Part:
    span, *rolling = _scopes(alone, within)
    said = report.statement(alone, span, counts, None)
    if rolling:
        whole = report.statement(alone, rolling[0], counts, None).figures
        total = None if whole.total is None else float(whole.total)
        return _Part(said.figures, said.raw, total, whole.coverage)
    if said.window is None or said.window.expected_total is None:
        return _Part(said.figures, said.raw, None, 0.0)
    total = said.window.expected_total * alone.parts[0].unit
    return _Part(said.figures, said.raw, total, said.window.to_date.coverage)


def _burned(parts: Sequence[_Part], weights: Sequence[float], budget: float) -> float | None:
    with_traffic = [(one, w) for one, w in zip(parts, weights, strict=True) if one.window]
    if not with_traffic:
        return None
    lost = sum(_bad(one.kept) / (one.window or 1.0) * w for one, w in with_traffic)
    return lost / sum(w for _, w in with_traffic) / budget


def _share(kept: Sequence[Figures], weights: Sequence[float]) -> float | None:
    """The share of what was measured that failed."""
    ratios = [(_bad(one) / one.total, w) for one, w in zip(kept, weights, strict=True) if one.total]
    return _mean([r for r, _ in ratios], [w for _, w in ratios]) if ratios else None


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


def _bad(one: Figures) -> int:
    return (one.total or 0) - (one.good or 0)


def _reasons(
    subject: report.Subject, burned: float | None, *, measured: bool, excluded: bool
) -> Iterator[str]:
    if isinstance(subject.slo.sli, CompositeSli):
        yield MEAN
    if not measured:
        yield UNMEASURED
    elif excluded:
        yield EXCLUDED
    elif burned is None:
        yield NO_TRAFFIC


def _whole(value: float | None) -> int | float | None:
    """Whole numbers stay whole; to a millionth, as sampled SLIs count."""
    if value is None:
        return None
    return int(value) if value == int(value) else round(value * MICRO) / MICRO
