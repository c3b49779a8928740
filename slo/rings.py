"""Cumulative sums at even distances: one tier of the ledger's memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from slo.series import Ints

EDGE = 30  # a window's start is rounded down by at most 1/30 of its length
SPARE = 8  # boundaries that an uncommitted version may write without harm to the one before it
_TIERS_S = (60, 300, 3600, 14_400)


@dataclass(frozen=True, eq=False, slots=True)
class Ring:
    """Cumulative sums at multiples of `width_s`: what lay before each boundary."""

    width_s: int
    sums: Ints  # [boundary, good | total | measured_us, column]

    def fill(self, after: int, upto: int, sums: Ints) -> None:
        """Set every boundary in (after, upto] to one value, as far back as they are kept."""
        first, last = after // self.width_s + 1, upto // self.width_s
        if first > last:
            return
        slots = np.arange(max(first, last - len(self.sums) + 1), last + 1) % len(self.sums)
        self.sums[slots] = sums

    def apart(self, after: int, upto: int) -> "Ring":
        """One that may be filled so far while others still read this one: itself, or a copy where
        its spare boundaries are not enough.
        """
        if upto // self.width_s - after // self.width_s <= SPARE:
            return self
        return Ring(self.width_s, self.sums.copy())

    def holds(self, boundary: int, newest: int) -> bool:
        """Whether a sealed boundary is one of those kept."""
        reach = (len(self.sums) - SPARE) * self.width_s
        return boundary % self.width_s == 0 and boundary >= newest - reach

    def at(self, boundary: int) -> Ints:
        sums: Ints = self.sums[boundary // self.width_s % len(self.sums)]
        return sums


def rings(slice_s: int, columns: int, reach_s: float) -> Iterator[Ring]:
    """Empty tiers, the finest first: each holds the windows that it may round, up to those that the
    next one may; the widest those of `reach_s`.
    """
    widths = sorted({slice_s, *_TIERS_S})
    reaches = [EDGE * width for width in widths[1:]] + [widths[-1] * ceil(reach_s / widths[-1])]
    for width, reach in zip(widths, reaches, strict=True):
        yield Ring(width, np.zeros((reach // width + SPARE, 3, columns), dtype=np.int64))
