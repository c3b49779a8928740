"""The values of compiled expressions at one time, as Prometheus computes them.

One slice needs one evaluation of each sampled SLI, over the few series that it names: plain Python
is fast enough, and `vigie slo check` may import this.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from slo.expression_nodes import (
    Aggregate,
    Binary,
    Current,
    Matching,
    Negative,
    Node,
    Number,
    OrZero,
    Over,
    OverTime,
    Present,
    Quantile,
    Ranged,
    Sign,
)
from slo.selector import Selector

# A value older than this is none: Prometheus' --query.lookback-delta.
LOOKBACK_S: Final = 300.0

Labels: TypeAlias = frozenset[tuple[str, str]]
Vector: TypeAlias = list[tuple[Labels, float]]
_Samples: TypeAlias = Sequence[tuple[float, float]]


class Unanswerable(ValueError):  # noqa: N818  # an answer of its own, not a fault
    """An expression that has no answer with the series there are; the message says why."""


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one series: `times` ascend, Unix seconds; labels without `__name__`.

    `gone` says that the newest page did not show it: it has no current value then, while ranges
    still hold its samples.
    """

    labels: Mapping[str, str]
    times: Sequence[float]
    values: Sequence[float]
    gone: bool = False


@dataclass(frozen=True, slots=True)
class _Moment:
    series: Mapping[Selector, Sequence[Series]]
    at: float


def compute(
    root: Node, series: Mapping[Selector, Sequence[Series]], at: float
) -> list[tuple[Labels, float]]:
    """The series of the result at `at`; a number is one without labels. Unanswerable."""
    found = _value(root, _Moment(series, at))
    return [(frozenset(), found)] if isinstance(found, float) else found


def _value(node: Node, moment: _Moment) -> float | Vector:
    match node:
        case Number():
            return node.value
        case Binary():
            return _binary(node, _value(node.left, moment), _value(node.right, moment))
        case Negative():
            child = _value(node.child, moment)
            if isinstance(child, float):
                return -child
            return [(labels, -value) for labels, value in child]
        case _:
            return _vector(node, moment)


def _vector(
    node: Current | Ranged | Aggregate | OrZero | Present | Quantile, moment: _Moment
) -> Vector:
    match node:
        case Current():
            return _current(node, moment)
        case Ranged():
            return _ranged(node, moment)
    child = _value(node.child, moment)
    assert not isinstance(child, float), "the parser has checked the types"
    match node:
        case Aggregate():
            return _aggregated(node, child)
        case OrZero():
            taken = {_signature(node.matching, labels) for labels, _ in child}
            return child if frozenset() in taken else [*child, (frozenset(), 0.0)]
        case Present():
            return [(labels, 1.0) for labels, _ in child]
        case Quantile():
            return _quantiles(node.q, child)


# -- series -----------------------------------------------------------------------------------


def _current(node: Current, moment: _Moment) -> Vector:
    found: Vector = []
    for series in moment.series.get(node.selector, ()):
        samples = _within(series, moment.at, LOOKBACK_S)
        if samples and not series.gone:
            found.append((_labels(series), samples[-1][1]))
    return found


def _ranged(node: Ranged, moment: _Moment) -> Vector:
    found: Vector = []
    for series in moment.series.get(node.selector, ()):
        value = _over_time(node, _within(series, moment.at, node.range_s), moment.at)
        if value is not None:
            found.append((_labels(series), value))
    return found


def _within(series: Series, at: float, range_s: float) -> _Samples:
    """The samples in (at - range_s, at], as Prometheus 3 takes them."""
    pairs = zip(series.times, series.values, strict=True)
    return [(time, value) for time, value in pairs if at - range_s < time <= at]


def _labels(series: Series) -> Labels:
    return frozenset((name, value) for name, value in series.labels.items() if value)


def _over_time(node: Ranged, samples: _Samples, at: float) -> float | None:
    if not samples:
        return None
    if node.function in _OVER_TIME:
        return _OVER_TIME[node.function]([value for _, value in samples])
    grown = _increase(samples, at, node.range_s)
    if grown is None or node.function is OverTime.INCREASE:
        return grown
    return grown / node.range_s


def _increase(samples: _Samples, at: float, range_s: float) -> float | None:
    """The growth of a counter, stretched from the first and last sample to the whole range.

    Source: Prometheus, promql/functions.go, extrapolatedRate: to an edge that is nearer than 1.1
    mean intervals, else by half an interval, and never to where the counter was below zero.
    """
    if len(samples) < 2:
        return None
    (first_at, first), (last_at, last) = samples[0], samples[-1]
    grown, before = last - first, first
    for _, value in samples[1:]:
        if value < before:
            grown += before
        before = value
    sampled_s = last_at - first_at
    interval_s = sampled_s / (len(samples) - 1)
    before_s, after_s = first_at - (at - range_s), at - last_at
    if before_s >= 1.1 * interval_s:
        before_s = interval_s / 2
    if grown > 0 and first >= 0:
        before_s = min(before_s, sampled_s * (first / grown))
    if after_s >= 1.1 * interval_s:
        after_s = interval_s / 2
    return grown * ((sampled_s + before_s + after_s) / sampled_s)


# -- aggregation ------------------------------------------------------------------------------


def _aggregated(node: Aggregate, child: Vector) -> Vector:
    groups: dict[Labels, list[float]] = {}
    for labels, value in child:
        key = frozenset(pair for pair in labels if (pair[0] in node.labels) is not node.without)
        groups.setdefault(key, []).append(value)
    made = _OVER[node.op]
    return [(key, made(values)) for key, values in groups.items()]


def _sum(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:  # not fsum(), which refuses what overflows
        total += value
    return total


def _mean(values: Sequence[float]) -> float:
    total = _sum(values)
    if math.isinf(total):  # the sum may overflow where the mean does not
        return _sum([value / len(values) for value in values])
    return total / len(values)


def _least(values: Sequence[float]) -> float:
    return min((value for value in values if not math.isnan(value)), default=math.nan)


def _greatest(values: Sequence[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def _count(values: Sequence[float]) -> float:
    return float(len(values))


_OVER: Final[Mapping[Over, Callable[[Sequence[float]], float]]] = {
    Over.SUM: _sum,
    Over.AVG: _mean,
    Over.MIN: _least,
    Over.MAX: _greatest,
    Over.COUNT: _count,
}
_OVER_TIME: Final = {OverTime(f"{over}_over_time"): made for over, made in _OVER.items()}


# -- two sides --------------------------------------------------------------------------------


def _binary(node: Binary, left: float | Vector, right: float | Vector) -> float | Vector:
    if isinstance(left, float):
        if isinstance(right, float):
            return _number(node.sign, left, right)
        return _with_number(node, right, lambda own: _number(node.sign, left, own))
    if isinstance(right, float):
        return _with_number(node, left, lambda own: _number(node.sign, own, right))
    return _paired(node, left, right)


def _with_number(node: Binary, vector: Vector, apply: Callable[[float], float]) -> Vector:
    """Each series of one side with the number of the other."""
    if not node.sign.compares or node.as_bool:
        return [(labels, apply(own)) for labels, own in vector]
    return [(labels, own) for labels, own in vector if apply(own)]


def _paired(node: Binary, left: Vector, right: Vector) -> Vector:
    """Each series of the left with the one of the right that belongs to it."""
    other: dict[Labels, float] = {}
    for labels, value in right:
        key = _signature(node.matching, labels)
        if key in other:
            raise Unanswerable(f"several series on the right of `{node.sign}` match {_shown(key)}")
        other[key] = value
    found: dict[Labels, float] = {}
    for labels, own in left:
        key = _signature(node.matching, labels)
        if key not in other:
            continue
        value = _number(node.sign, own, other[key])
        if node.sign.compares and not node.as_bool:
            if not value:
                continue
            value = own
        if key in found:
            raise Unanswerable(f"several series on the left of `{node.sign}` match {_shown(key)}")
        found[key] = value
    return list(found.items())


def _signature(matching: Matching, labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if (pair[0] in matching.labels) is matching.on)


def _shown(labels: Labels) -> str:
    inner = ",".join(f'{name}="{value}"' for name, value in sorted(labels))
    return f"{{{inner}}}: name more labels in on(...), or sum the series first"


def _number(sign: Sign, left: float, right: float) -> float:
    """One operation of two numbers; a comparison is 1 or 0."""
    return float(_SIGNS[sign](left, right))


def _divided(left: float, right: float) -> float:
    """left / right as IEEE 754 has it, where Python raises."""
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


_SIGNS: Final[Mapping[Sign, Callable[[float, float], float | bool]]] = {
    Sign.ADD: operator.add,
    Sign.SUB: operator.sub,
    Sign.MUL: operator.mul,
    Sign.DIV: _divided,
    Sign.EQ: operator.eq,
    Sign.NE: operator.ne,
    Sign.GT: operator.gt,
    Sign.LT: operator.lt,
    Sign.GE: operator.ge,
    Sign.LE: operator.le,
}


# -- histograms -------------------------------------------------------------------------------


def _quantiles(q: float, child: Vector) -> Vector:
    histograms: dict[Labels, dict[float, float]] = {}
    for labels, value in child:
        edge = _edge(dict(labels).get("le", ""))
        if edge is None:
            continue
        buckets = histograms.setdefault(frozenset(p for p in labels if p[0] != "le"), {})
        buckets[edge] = buckets.get(edge, 0.0) + value
    return [(key, _quantile(q, sorted(found.items()))) for key, found in histograms.items()]


def _edge(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _quantile(q: float, buckets: list[tuple[float, float]]) -> float:
    """The value below which a share q lies; `buckets` are (edge, count up to it), edges ascending.

    Source: Prometheus, promql/quantile.go, bucketQuantile: even within a bucket, the first of which
    begins at zero; the last edge for what lies above it.
    """
    if math.isnan(q) or len(buckets) < 2 or buckets[-1][0] != math.inf:
        return math.nan
    if not 0 <= q <= 1:
        return math.copysign(math.inf, q)
    edges = [edge for edge, _ in buckets]
    counts = [count for _, count in buckets]
    for i in range(1, len(counts)):  # scraped while it was being written, a bucket may lag behind
        counts[i] = max(counts[i - 1], counts[i])
    if counts[-1] == 0 or math.isnan(counts[-1]):
        return math.nan
    rank = q * counts[-1]
    row = next((i for i, count in enumerate(counts[:-1]) if count >= rank), len(counts) - 1)
    if row == len(counts) - 1:
        return edges[-2]
    if row == 0:
        return edges[0] if edges[0] <= 0 else edges[0] * _divided(rank, counts[0])
    within = _divided(rank - counts[row - 1], counts[row] - counts[row - 1])
    return edges[row - 1] + (edges[row] - edges[row - 1]) * within
