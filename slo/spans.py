"""Increments whose time is only known to lie between two moments, as after a gap."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slo.series import Floats, Ints


@dataclass(frozen=True, eq=False, slots=True)
class Spans:
    """Increments whose time is only known to lie in (began, ended]: flat arrays, one entry each.

    They are counted in the slice of `ended`; a window that starts inside one leaves it out.
    """

    cols: Ints
    began: Floats
    ended: Floats
    good: Ints
    total: Ints

    def joined(self, other: "Spans") -> "Spans":
        """These and then the others."""
        if not len(self.cols):
            return other
        names = Spans.__slots__
        return Spans(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))

    def kept(self, keep: npt.NDArray[np.bool_]) -> "Spans":
        """Those that a mask picks."""
        return Spans(*(getattr(self, name)[keep] for name in Spans.__slots__))

    def left_out(self, since: int, start: int, end: float, columns: int) -> Ints | int:
        """[good | total | measured_us, column] that lies in [start, end) of those that began before
        `since`; 0 where there is nothing.
        """
        inside = (self.began < since) & (self.ended >= start) & (self.ended < end)
        if not inside.any():
            return 0
        found = np.zeros((3, columns), dtype=np.int64)
        np.add.at(found[0], self.cols[inside], self.good[inside])
        np.add.at(found[1], self.cols[inside], self.total[inside])
        return found

    def covered_s(self, col: int, since: float) -> float:
        """How much time those of a column cover that began at or after a time."""
        mine = self.kept((self.cols == col) & (self.began >= since))
        order = np.argsort(mine.began)
        reached = np.maximum.accumulate(np.concatenate([[since], mine.ended[order]]))
        return float(np.maximum(reached[1:] - np.maximum(mine.began[order], reached[:-1]), 0).sum())


def no_spans() -> Spans:
    """No spans."""
    ints, floats = np.empty(0, dtype=np.int64), np.empty(0)
    return Spans(ints, floats, floats, ints, ints)
