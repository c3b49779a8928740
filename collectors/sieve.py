"""Metric relabelling of whole pages: which lines the rules leave, and which of those matter.

The rules are asked once for each series; after that its text is recognised as a whole. A page with
the series of the last one, spelt alike and in its order, costs one comparison a line.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from collectors.lines import Format, parse_line, parse_series, split

_SPARE_SERIES = 1000


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a series: whether the rules keep it, and whether its lines are wanted."""

    kept: bool
    wanted: bool


Judge: TypeAlias = Callable[[str, Mapping[str, str]], Fate]


class Sieve:
    """The pages of one target, one after another; `judge` tells the fate of a series by its name
    and labels on the page, and may refuse it, and so the page.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._known: dict[str, Fate] = {}  # by the series as it is written, with a space after it
        self._starts: list[str] = []
        self._bare: list[int] = []
        self._wanted: list[int] = []
        self._kept = 0

    def sift(self, lines: Sequence[str], format_: Format) -> tuple[list[str], int]:
        """The wanted ones of the sample lines of a page, and how many lines the rules leave.

        The value of a line that nobody wants is looked at when its series is first seen.
        ExpositionError when a new line can't be read.
        """
        if not self._same(lines):
            self._learn(lines, format_)
        return [lines[row] for row in self._wanted], self._kept

    def _same(self, lines: Sequence[str]) -> bool:
        """Whether the lines hold the series of the last page, spelt alike."""
        return (
            len(lines) == len(self._starts)
            and all(map(str.startswith, lines, self._starts))
            and not any(_goes_on(lines[row], self._starts[row]) for row in self._bare)
        )

    def _learn(self, lines: Sequence[str], format_: Format) -> None:
        self._starts, self._bare, self._wanted, self._kept = [], [], [], 0  # if this one is refused
        found = [self._fate(line, format_) for line in lines]
        self._kept = sum(fate.kept for _, fate in found)
        self._wanted = [row for row, (_, fate) in enumerate(found) if fate.wanted]
        self._bare = [row for row, (start, _) in enumerate(found) if not start.endswith("} ")]
        self._starts = [start for start, _ in found]
        if len(self._known) > 2 * len(found) + _SPARE_SERIES:
            self._known = {start: fate for start, fate in found if start.endswith(" ")}

    def _fate(self, line: str, format_: Format) -> tuple[str, Fate]:
        """How a line begins as long as it is that series, and the series' fate."""
        start = line[: line.rfind(" ") + 1]
        known = self._known.get(start)
        if known is not None and not _goes_on(line, start):
            return start, known
        plain = split(line, format_)
        if plain is None:
            metric, labels, _ = parse_line(line, format_)
            return f"{line}\n", self._judge(metric, labels)  # no line begins like this
        start = f"{plain[0]} "
        known = self._known.get(start)
        if known is None:
            known = self._known[start] = self._judge(*parse_series(plain[0], format_))
        return start, known


def _goes_on(line: str, start: str) -> bool:
    """Whether labels follow what looked like a whole series: `x {a="b"} 5` begins with `x `."""
    return line[len(start) :].lstrip(" \t").startswith("{")
