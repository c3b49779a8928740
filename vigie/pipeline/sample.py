"""Sample: the SLIs that judge current values, once at the end of each slice."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from collectors.targets import Target
from slo import expression
from slo.expression import Expression, Series, Unanswerable
from slo.selector import Selector
from slo.series import MAX_GAP_INTERVALS, Page
from slo.spec import MICRO, Op, SampledSli
from vigie.pipeline.feeds import labels_of
from vigie.pipeline.plan import Plan
from vigie.pipeline.state import State

log = logging.getLogger(__name__)

MAX_SLICES = 60  # that one tick samples

_GOOD = {
    Op.LT: lambda value, limit: value < limit,
    Op.LTE: lambda value, limit: value <= limit,
    Op.GT: lambda value, limit: value > limit,
    Op.GTE: lambda value, limit: value >= limit,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What one slice holds of a sampled column, in its units."""

    start: int
    part: int
    total: int


Pages = Mapping[str, tuple[Page, ...]]  # by target, oldest first


def kept(state: State, pages: Pages, now: float) -> Pages:
    """The pages that what is sampled may still look back to."""
    if not state.plan.sampled:
        return {}
    targets, reach_s = state.plan.config.targets, state.plan.reach_s
    after = {}
    for name, shown in pages.items():
        if name in targets:
            told_to = _told_to(state, targets[name].source, now)
            oldest = told_to - reach_s - MAX_GAP_INTERVALS * targets[name].interval_s
            after[name] = tuple(page for page in shown if page.at >= oldest)
    return {name: shown for name, shown in after.items() if shown}


def due(state: State, now: float) -> Mapping[str, tuple[int, ...]]:
    """By source: the ends of the slices that are over, were told of, and were not sampled."""
    return {source: _due(state, source, now) for source in state.plan.samples}


def _due(state: State, source: str, now: float) -> tuple[int, ...]:
    width = state.plan.slice_s
    last = int(_told_to(state, source, now) // width) * width
    done = state.sampled_upto.get(source, last)
    return tuple(range(max(done + width, last - (MAX_SLICES - 1) * width), last + 1, width))


def _told_to(state: State, source: str, now: float) -> float:
    """Up to when current values are known: a DataSource tells them at its polls, with its lag."""
    asked = state.plan.config.sources.get(source)
    return now if asked is None else state.polled.get(source, state.since) - asked.lag_s


def samples(
    state: State, pages: Pages, ends: Mapping[str, Sequence[int]]
) -> list[tuple[int, Sample]]:
    """By column: the sample of each slice that ends then. Where no target was read lately, or the
    expression has no value, there is none.
    """
    found = []
    for end in sorted({end for some in ends.values() for end in some}):
        until = {name: [page for page in shown if page.at <= end] for name, shown in pages.items()}
        for col in state.plan.sampled:
            sli = state.plan.columns_.slis[col]
            assert isinstance(sli, SampledSli), "the plan lists sampled columns"
            if end not in ends[sli.source]:
                continue
            sample = _sample(sli, _series(state.plan, col, sli, until, end), end)
            if sample is not None:
                start = end - state.plan.slice_s
                found.append((col, Sample(start, *sample)))
    return found


def _series(
    plan: Plan, col: int, sli: SampledSli, pages: Mapping[str, Sequence[Page]], at: float
) -> dict[Selector, list[Series]]:
    """The series that each selector of an SLI names, in the group of its column."""
    group = plan.columns_.groups[col]
    found: dict[Selector, list[Series]] = {}
    for selector in dict.fromkeys(sli.selectors):
        found[selector] = [
            series
            for name, shown in pages.items()
            if plan.config.targets[name].source == sli.source
            for series in _named(plan.config.targets[name], str(selector), shown, at)
            if all(series.labels.get(label, "") == value for label, value in group)
        ]
    return found


def _named(target: Target, text: str, pages: Sequence[Page], at: float) -> Iterator[Series]:
    """The series of one target that a selector names, with all their samples on the pages that
    were read for it; none where the last of them is too old to speak for the target.
    """
    pages = [page for page in pages if text in page.read_for]
    if not pages or at - pages[-1].at > MAX_GAP_INTERVALS * target.interval_s:
        return
    shown: dict[bytes, tuple[list[float], list[float]]] = {}
    for page in pages:
        for row, named in enumerate(page.gauge_layout.named_by):
            if text in named:
                times, values = shown.setdefault(page.gauge_layout.keys[row], ([], []))
                times.append(page.at)
                values.append(float(page.gauges[row]))
    for key, (times, values) in shown.items():
        yield Series(labels_of(target, key), times, values, gone=times[-1] < pages[-1].at)


def _sample(
    sli: SampledSli, series: Mapping[Selector, Sequence[Series]], at: float
) -> tuple[int, int] | None:
    """Part and total in millionths; None when there is nothing to judge."""
    try:
        if sli.op is not None:
            found = [value for value in expression.values(sli.part, series, at) if isfinite(value)]
            if not found:
                return None
            good = all(_GOOD[sli.op](value, sli.value) for value in found)
            return (MICRO if good else 0), MICRO
        if sli.total is None:
            share = _one(sli.part, series, at)
            return None if share is None else (round(share * MICRO), MICRO)
        total = _one(sli.total, series, at)
        if total is None:
            return None
        part = _one(sli.part, series, at) or 0.0  # nothing fulfils it: none of them
        return round(part * MICRO), round(total * MICRO)
    except Unanswerable as error:
        log.warning("no sample of `%s`: %s", sli.part.query, error)
        return None


def _one(expr: Expression, series: Mapping[Selector, Sequence[Series]], at: float) -> float | None:
    value = expression.evaluate(expr, series, at)
    return value if value is not None and isfinite(value) else None
