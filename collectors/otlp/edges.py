"""The edges of the buckets that durations of spans are counted in."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import Final

# Those of the spanmetrics connector, in milliseconds.
DEFAULT_MS: Final = (
    2.0, 4.0, 6.0, 8.0, 10.0, 50.0, 100.0, 200.0, 400.0, 800.0,
    1000.0, 1400.0, 2000.0, 5000.0, 10000.0, 15000.0,
)  # fmt: skip
MAX_EDGES: Final = 100
_NS: Final = 1_000_000  # in a millisecond


@dataclass(frozen=True)
class Edges:
    """Upper bounds, inclusive, ascending; after the last comes +Inf."""

    ms: tuple[float, ...]

    @cached_property
    def ns(self) -> list[int]:
        return [round(edge * _NS) for edge in self.ms]

    @cached_property
    def le(self) -> tuple[str, ...]:
        """As the labels spell them."""
        return (*(_spelt(edge) for edge in self.ms), "+Inf")

    @cached_property
    def seconds(self) -> tuple[str, ...]:
        """The same in seconds, as OpenMetrics spells numbers."""
        # By decimals: 12.3 / 1000 in binary is not the 0.0123 that somebody wrote.
        return (*(repr(float(Decimal(repr(edge)) / 1000)) for edge in self.ms), "+Inf")

    @property
    def buckets(self) -> int:
        return len(self.ms) + 1


def edges_of(wanted_ms: Iterable[float]) -> Edges:
    """The default edges and those that SLOs name.

    ValueError for one that is no duration above 0, and when there are more than MAX_EDGES.
    """
    wanted = set(wanted_ms)
    for edge in wanted:
        if not 0 < edge < 1e12:
            raise ValueError(f"a latency threshold of {edge} ms is no duration")
    every = tuple(sorted({*DEFAULT_MS, *wanted}))
    if len(every) > MAX_EDGES:
        raise ValueError(f"{len(every)} different latency thresholds; at most {MAX_EDGES}")
    return Edges(every)


def cumulated(counts: Iterable[int]) -> list[int]:
    """Counts of buckets as a histogram shows them: each with all below it."""
    return list(accumulate(counts))


def _spelt(edge: float) -> str:
    return str(int(edge)) if edge.is_integer() else repr(edge)
