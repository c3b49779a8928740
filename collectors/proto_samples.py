"""The samples that a metric in protobuf stands for: those that its page would have as text, and
what a native histogram has counted up to a bound.
"""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Final, TypeAlias

from collectors.errors import ExpositionError
from collectors.lines import shortened
from collectors.proto import Kind, Message, metric_of

# What is added to the name of the family, and the value of `le` or `quantile`, None: has none.
Part: TypeAlias = tuple[str, float | None]
BUCKET: Final = "_bucket"
HISTOGRAMS: Final = (Kind.HISTOGRAM, Kind.GAUGEHISTOGRAM)
EXTRA: Final = {BUCKET: "le", "": "quantile"}
_FIELD: Final = {
    Kind.COUNTER: "counter",
    Kind.GAUGE: "gauge",
    Kind.SUMMARY: "summary",
    Kind.UNTYPED: "untyped",
    Kind.HISTOGRAM: "histogram",
    Kind.GAUGEHISTOGRAM: "histogram",
}
_SUFFIXES: Final = {
    Kind.SUMMARY: ("", "_count", "_sum"),
    Kind.HISTOGRAM: (BUCKET, "_count", "_sum"),
    Kind.GAUGEHISTOGRAM: (BUCKET, "_count", "_sum"),
}
_SCHEMAS: Final = range(-4, 9)
# Boundaries are powers of 2 that each client rounds by itself; no clock tells values this close.
_SAME: Final = 1e-12
_NO_EXPONENT: Final = range(-4, 6)  # of ten, where Go writes a number without one


def names(kind: Kind, family: str) -> tuple[str, ...]:
    """The names of the samples of a family."""
    return tuple(family + suffix for suffix in _SUFFIXES.get(kind, ("",)))


def value_of(metric: Message, kind: Kind, family: str) -> Message:
    """The Counter, the Summary ... of a metric. ExpositionError when it has another."""
    field = _FIELD[kind]
    if not metric.HasField(field):
        raise ExpositionError(f"malformed page: {shortened(family, 60)} without its {field}")
    return getattr(metric, field)


def counted(metrics: Iterable[bytes], kind: Kind, family: str) -> int:
    """How many `samples` metrics have, when nothing else is asked of them."""
    found = 0
    for raw in metrics:
        metric = metric_of(raw, family)
        if kind in HISTOGRAMS:
            buckets = metric.histogram.bucket
            found += 2 + len(buckets) + (not (buckets and buckets[-1].upper_bound == math.inf))
        else:
            found += 2 + len(metric.summary.quantile) if kind is Kind.SUMMARY else 1
    return found


def samples(value: Message, kind: Kind) -> list[tuple[Part, float]]:
    """The parts of a metric and what they say, in the order of a page in text."""
    if kind is Kind.SUMMARY:
        found: list[tuple[Part, float]] = [(("", q.quantile), q.value) for q in value.quantile]
        count = float(value.sample_count)
        return [*found, (("_sum", None), value.sample_sum), (("_count", None), count)]
    if kind in HISTOGRAMS:
        found = [
            ((BUCKET, b.upper_bound), float(b.cumulative_count_float or b.cumulative_count))
            for b in value.bucket
        ]
        count = _count(value)
        if not (found and value.bucket[-1].upper_bound == math.inf):
            found.append(((BUCKET, math.inf), count))
        return [*found, (("_sum", None), value.sample_sum), (("_count", None), count)]
    return [(("", None), value.value)]


def created(value: Message, kind: Kind) -> float:
    """When counting began, Unix seconds, NaN: it does not say."""
    if kind in (Kind.GAUGE, Kind.UNTYPED) or not value.HasField("created_timestamp"):
        return math.nan
    stamp = value.created_timestamp
    return float(stamp.seconds + stamp.nanos / 1e9)


def spelt(value: float) -> str:
    """A number in a label, as Prometheus writes it there from protobuf: 0.5, 1.0, 1e+06, +Inf."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    number = Decimal(repr(value)).normalize()
    power = number.adjusted()
    if power in _NO_EXPONENT or not value:
        return repr(value)
    first, *others = map(str, number.as_tuple().digits)
    digits = f"{first}.{''.join(others)}" if others else first
    return f"{'-' if value < 0 else ''}{digits}e{power:+03d}"


# -- native histograms ----------------------------------------------------------------------------


def is_native(histogram: Message) -> bool:
    """Whether it has buckets of exponential size, or could have.

    Source: Prometheus, model/textparse/protobufparse.go, isNativeHistogram.
    """
    return bool(
        histogram.positive_span
        or histogram.negative_span
        or histogram.zero_threshold > 0
        or histogram.zero_count
        or histogram.zero_count_float > 0
    )


class Native:
    """A native histogram. ExpositionError when it contradicts itself.

    A positive bucket i ends at 2**(i / 2**schema), its end included. Below the zero bucket and
    within it nothing can be told: a negative bucket includes its lower end instead. Source:
    Prometheus' specification "Native Histograms".
    """

    def __init__(self, histogram: Message, name: str) -> None:
        self._histogram, self._name = histogram, name
        self._whole = not (histogram.sample_count_float > 0 or histogram.zero_count_float > 0)
        if histogram.schema not in _SCHEMAS:
            raise self._wrong(f"is of schema {histogram.schema}, which Vigie does not read")
        if not 0 <= histogram.zero_threshold < math.inf:
            raise self._wrong("has no zero_threshold that can be")
        self._positive = self._counts("positive")
        zero = histogram.zero_count if self._whole else histogram.zero_count_float
        self._below = float(zero + sum(self._counts("negative")))
        every, total = self._below + sum(self._positive), _count(histogram)
        if not (every <= total or (not self._whole and math.isclose(every, total))):
            raise self._wrong("has more in its buckets than in all")

    def upto(self, le: float) -> float:
        """How many observations are not above `le`: exactly. ExpositionError, which says what to
        ask for instead, where no bucket ends there.
        """
        threshold, schema = self._histogram.zero_threshold, self._histogram.schema
        if le == threshold:
            return self._below
        if not le > threshold:
            said = f"its zero bucket reaches up to {spelt(threshold)}"
            raise self._wrong(f'has no bucket that ends at le="{spelt(le)}": {said}')
        index = round(math.log2(le) * 2.0**schema)
        if not math.isclose(_end(schema, index), le, rel_tol=_SAME):
            index = math.floor(math.log2(le) * 2.0**schema)
            said = " or ".join(spelt(_end(schema, index + i)) for i in (0, 1))
            raise self._wrong(f'has no bucket that ends at le="{spelt(le)}": ask for {said}')
        return self._below + self._sum_to(index)

    def _sum_to(self, last: int) -> float:
        """The sum of the positive buckets up to this one."""
        index = place = 0
        found = 0.0
        for span in self._histogram.positive_span:
            index += span.offset
            taken = max(0, min(span.length, last - index + 1))
            found += sum(self._positive[place : place + taken])
            index, place = index + span.length, place + span.length
        return found

    def _counts(self, side: str) -> Sequence[float]:
        """The counts of the buckets of one side, as many as its spans say."""
        spans = getattr(self._histogram, f"{side}_span")
        if self._whole:
            counts: list[float] = list(accumulate(getattr(self._histogram, f"{side}_delta")))
        else:
            counts = list(getattr(self._histogram, f"{side}_count"))
        if sum(span.length for span in spans) != len(counts):
            raise self._wrong("has not as many buckets as its spans say")
        if min(counts, default=0) < 0:  # one that is no number shows in the sum of all
            raise self._wrong("has a bucket of less than nothing")
        if any(span.offset < 0 for span in spans[1:]):
            raise self._wrong("has spans that overlap")
        return counts

    def _wrong(self, said: str) -> ExpositionError:
        return ExpositionError(f"native histogram {self._name} {said}")


def _count(histogram: Message) -> float:
    return float(histogram.sample_count_float or histogram.sample_count)


def _end(schema: int, index: int) -> float:
    """Where a positive bucket ends."""
    try:
        return float(2.0 ** (index / 2.0**schema))
    except OverflowError:
        return math.inf
