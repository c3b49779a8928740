"""The good and total events of each step, as recording rules: what all exact figures add up.

Counters are compared with themselves one step ago, so every increment is in exactly one step.
`increase()` over short ranges would leave out what happens between two ranges, and extrapolate.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from slo import names
from slo.rules import names as recorded
from slo.rules import query
from slo.rules.model import Rule
from slo.spec import (
    CountingSli,
    Events,
    Method,
    RatioKind,
    SampledSli,
    Selector,
    ServerSli,
    Slo,
)
from slo.stated import SIGNS

STEP_S: Final = 15.0
# How far back the last value of a counter may lie: Prometheus's own patience.
_PATIENCE: Final = "5m"
_MINUTE_S: Final = 60.0  # a current value counts once a minute, as in Vigie's ledger
_RATE: Final = re.compile(r"\bi?rate\s*\(")


@dataclass(frozen=True, slots=True)
class Series:
    """The series of one SLO: how they are selected, labelled and told apart."""

    slo: Slo
    labels: Mapping[str, str]  # of every recording
    step_s: float

    @property
    def step(self) -> str:
        return query.duration(self.step_s)

    @property
    def by(self) -> str:
        """The labels of groups, as a list in PromQL; they are all that joins two queries."""
        return ", ".join(self.slo.group_by)

    def sum(self, expr: str) -> str:
        return f"sum by ({self.by}) ({expr})" if self.by else f"sum({expr})"

    def named(self, name: str, **more: str) -> str:
        """One of its recorded series. User labels are no part of it: they may change."""
        identity = {names.SERVICE: self.slo.service, names.SLO: self.slo.name}
        return name + query.matchers({**identity, **more})

    def record(self, name: str, expr: str, **more: str) -> Rule:
        return Rule(expr, name, labels={**self.labels, **more})


def series_of(slo: Slo, extra_labels: Mapping[str, str]) -> Series:
    """A slice is judged when it is over, so of timeslices the step is a slice."""
    labels = {**extra_labels, names.SERVICE: slo.service, names.SLO: slo.name}
    occurrences = slo.budgeting.method is Method.OCCURRENCES
    return Series(slo, labels, STEP_S if occurrences else slo.budgeting.slice_s)


def rules(series: Series) -> list[Rule]:
    """The recordings of total and good events, in the order in which they build on each other."""
    if series.slo.budgeting.method is Method.OCCURRENCES:
        return _events(series, recorded.TOTAL + series.step, recorded.GOOD + series.step)
    total, good = recorded.SLICE_TOTAL + series.step, recorded.SLICE_GOOD + series.step
    return [*_events(series, total, good), *_judged(series, total, good)]


def _events(series: Series, total: str, good: str) -> list[Rule]:
    sli = series.slo.sli
    if isinstance(sli, CountingSli):
        whole = _total(sli.total, series)
        part = _with_zero(sli.part, series, f"0 * {series.named(total)}")
    elif isinstance(sli, SampledSli | ServerSli):
        whole, part = _sampled(sli, series, total)
    else:  # refused before
        raise TypeError(f"no events of {type(sli).__name__}")
    if sli.kind is RatioKind.BAD and (isinstance(sli, CountingSli) or sli.op is None):
        part = f"{series.named(total)}\n- on ({series.by})\n({part})"
    return [series.record(total, whole), series.record(good, part)]


def _judged(series: Series, total: str, good: str) -> list[Rule]:
    """Slices as events: one that had any is one, and is good by its share or for its share."""
    had_any = f"{series.named(total)} > bool 0"
    share = f"{series.named(good)} / ({series.named(total)} > 0)"
    if series.slo.budgeting.method is Method.TIMESLICES:
        share = f"({share}) >= bool {series.slo.budgeting.slice_target!r}"
    whole, part = recorded.TOTAL + series.step, recorded.GOOD + series.step
    return [
        series.record(whole, had_any),
        series.record(part, f"{share}\nor\n0 * {series.named(total)}"),
    ]


def _total(events: Events, series: Series) -> str:
    """The events of all selectors; those of one that matches nothing are none while another one
    matches. Nothing at all is no sample: a target that is gone had not zero events.
    """
    if len(events.selectors) == 1 and not events.minus:
        return series.sum(_increment(events.selectors[0], series.step))
    there = " or ".join(series.sum(str(selector)) for selector in events.selectors)
    return _with_zero(events, series, f"0 * ({there})")


def _with_zero(events: Events, series: Series, zero: str) -> str:
    """The events of all selectors, each of them `zero` where it matches nothing."""
    terms = [("+", selector) for selector in events.selectors]
    terms += [("-", selector) for selector in events.minus]
    text = ""
    for sign, selector in terms:
        summed = series.sum(_increment(selector, series.step))
        text += f"\n{sign} on ({series.by})\n" if text else ""
        text += f"(\n{summed}\nor on ({series.by})\n{zero}\n)"
    return text


def _increment(selector: Selector, step: str) -> str:
    """By how much each counter grew in a step: by the difference; after a reset, by its value; by
    its value too if it was born while its target was up, as a first error is. Otherwise its first
    value was counted elsewhere and before.
    """
    before = f"last_over_time({selector}[{_PATIENCE}] offset {step})"
    up = f"(up == 1 and up offset {step} == 1)"
    return (
        f"\n  ({selector} - {before}) >= 0\n"
        f"  or ({selector} and {before})\n"
        f"  or ({selector} and on (job, instance) {up})\n"
    )


def _sampled(sli: SampledSli | ServerSli, series: Series, record: str) -> tuple[str, str]:
    """Total and part of an SLI of current values: each step gives its share of a minute.

    A threshold and a ratio are one event a minute where they have a value that is a number.
    """
    if isinstance(sli, SampledSli):
        part, total = sli.part.query, sli.total.query if sli.total else ""
    else:
        part, total = sli.part, sli.total
    value, weight = _number("avg", part), series.step_s / _MINUTE_S
    if sli.op is not None:
        judged = f"{value} {SIGNS[sli.op]} bool {sli.value!r}"
        return f"{weight!r} * ({value} == bool {value})", f"{weight!r} * ({judged})"
    if not total:
        return f"{weight!r} * ({value} == bool {value})", f"{weight!r} * ({value} >= 0)"
    if _RATE.search(total):
        weight *= _MINUTE_S  # events per second, of which a minute has sixty
    part, zero = _summed(part, series), f"0 * {series.named(record)}"
    by = series.by
    return f"{weight!r} * {_summed(total, series)}", f"{weight!r} * {part}\nor on ({by})\n{zero}"


def _summed(text: str, series: Series) -> str:
    """One value of a query for each group."""
    if not series.by:
        return _number("sum", text)
    return query.over(query.grouped(text, series.by) or text, query.duration(_MINUTE_S))


def _number(how: str, text: str) -> str:
    """One value of a query, asked over the last minute where it asks for a window."""
    return f"{how}{query.bracketed(query.over(text, query.duration(_MINUTE_S)))}"
