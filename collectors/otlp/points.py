"""The series that OTLP points make: gauges, sums and histograms, each with its newest value."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from collectors.otlp.edges import cumulated

DELTA: Final = 1
CUMULATIVE: Final = 2
MAX_BOUNDS: Final = 200  # of a histogram
_STALE: Final = 1  # DataPointFlags: no recorded value
_MOST: Final = 2.0**63  # more than that cannot be counted
_NS: Final = 1e9


class Rejected(Exception):  # noqa: N818 - an answer, not a fault of ours
    """A point, or a metric, that cannot be taken, with the reason for the sender."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Series(ABC):
    """One series. `created` is when it was zero, Unix seconds; None where nobody says."""

    def __init__(self, scope: str, delta: bool) -> None:
        self.origin = (type(self).__name__, scope, delta)
        self.delta = delta
        self.seen_at = 0.0
        self.created: float | None = None
        self._time = -1  # of the newest point, Unix nanoseconds
        self._start = 0  # of its process, Unix nanoseconds; 0: unknown

    def take(self, point: Any, now: float) -> bool:
        """Take a point; False: it is no newer than the last. Rejected leaves all as it was."""
        if point.time_unix_nano <= self._time:
            self.seen_at = now
            return False
        if not self.delta and 0 < point.start_time_unix_nano < self._start:
            raise Rejected("start times go back: give each process its own service.instance.id")
        self._add(point, now)
        self._time, self.seen_at = point.time_unix_nano, now
        if self.delta:
            self.created = now if self.created is None else self.created
        elif point.start_time_unix_nano:
            self._start = point.start_time_unix_nano
            self.created = self._start / _NS
        return True

    @abstractmethod
    def lines(self, name: str, labels: str) -> Iterator[tuple[str, str]]:
        """Its lines on a page, each with the name of its sample."""

    @abstractmethod
    def _add(self, point: Any, now: float) -> None:
        """Add what a point tells; Rejected leaves all as it was."""

    def _created_line(self, stem: str, labels: str) -> Iterator[tuple[str, str]]:
        if self.created is not None:
            yield _line(f"{stem}_created", labels, self.created)


class Gauge(Series):
    """A current value."""

    value: float = math.nan

    def lines(self, name: str, labels: str) -> Iterator[tuple[str, str]]:
        yield _line(name, labels, self.value)

    def _add(self, point: Any, now: float) -> None:  # noqa: ARG002 - only some keep the time
        self.value = _value_of(point)


class Sum(Series):
    """A counter, or a sum that may fall as well, which is a gauge on the page."""

    def __init__(self, scope: str, delta: bool, monotonic: bool) -> None:
        super().__init__(scope, delta)
        self.origin = (*self.origin[:1], scope, delta)
        self._monotonic = monotonic
        self.value: float = 0

    def lines(self, name: str, labels: str) -> Iterator[tuple[str, str]]:
        yield _line(name, labels, self.value)
        if self._monotonic:
            yield from self._created_line(name.removesuffix("_total"), labels)

    def _add(self, point: Any, now: float) -> None:  # noqa: ARG002 - as above
        value = _value_of(point)
        total = self.value + value if self.delta else value
        if self._monotonic and not (value >= 0 and total < _MOST):
            raise Rejected("a monotonic sum that is negative, no number or too large")
        self.value = total


class Histogram(Series):
    """Counts of buckets by their upper bounds, and the sum where it can be one of a counter."""

    def __init__(self, scope: str, delta: bool) -> None:
        super().__init__(scope, delta)
        self._bounds: tuple[float, ...] | None = None
        self._counts: list[int] = []
        self._sum: float | None = 0.0

    def lines(self, name: str, labels: str) -> Iterator[tuple[str, str]]:
        upto = cumulated(self._counts)
        between = "," if labels else ""
        for le, count in zip([*(self._bounds or ()), math.inf], upto, strict=True):
            yield _line(f"{name}_bucket", f'{labels}{between}le="{_spelt(le)}"', count)
        if self._sum is not None:
            yield _line(f"{name}_sum", labels, self._sum)
        yield _line(f"{name}_count", labels, upto[-1])
        yield from self._created_line(name, labels)

    def _add(self, point: Any, now: float) -> None:
        bounds, counts, total = _buckets_of(point)
        if bounds != self._bounds:
            self._begin(point, bounds, now)
        if self.delta:
            counts = [a + b for a, b in zip(self._counts, counts, strict=True)]
            total = None if total is None or self._sum is None else self._sum + total
        self._counts, self._sum = counts, total

    def _begin(self, point: Any, bounds: tuple[float, ...], now: float) -> None:
        """Other bounds make another histogram, which must have begun anew."""
        if self._bounds is not None:
            if not self.delta and point.start_time_unix_nano <= self._start:
                raise Rejected("the bounds of a histogram changed without a new start time")
            self.created = now if self.delta else None
        self._bounds, self._counts, self._sum = bounds, [0] * (len(bounds) + 1), 0.0


def is_stale_mark(point: Any) -> bool:
    """Whether a point says that there is no value any more."""
    return bool(point.flags & _STALE)


def _buckets_of(point: Any) -> tuple[tuple[float, ...], list[int], float | None]:
    """Bounds, counts and sum of a histogram's point; the sum None where it could fall."""
    if len(point.explicit_bounds) > MAX_BOUNDS:
        raise Rejected(f"a histogram of more than {MAX_BOUNDS} bounds")
    bounds = tuple(point.explicit_bounds)
    counts = list(point.bucket_counts) or [point.count]
    if bounds and bounds[-1] == math.inf:
        raise Rejected("a histogram whose last bound is infinite")
    if len(counts) != len(bounds) + 1 or sum(counts) != point.count:
        raise Rejected("a histogram whose buckets, bounds and count do not fit")
    if any(not low < high for low, high in pairwise(bounds)):
        raise Rejected("a histogram whose bounds do not rise")
    if bounds and not math.isfinite(bounds[0] + bounds[-1]):
        raise Rejected("a histogram with a bound that is no number")
    if point.count >= _MOST:
        raise Rejected("a histogram that is too large to count")
    total = point.sum if point.HasField("sum") else None
    return bounds, counts, total if total is not None and 0 <= total < _MOST else None


def _value_of(point: Any) -> float:
    which = point.WhichOneof("value")
    if which is None:
        raise Rejected("a point without a value")
    return float(point.as_double) if which == "as_double" else int(point.as_int)


def _line(sample: str, labels: str, value: float) -> tuple[str, str]:
    series = f"{sample}{{{labels}}}" if labels else sample
    return sample, f"{series} {_spelt(value)}\n"


def _spelt(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    return repr(value)
