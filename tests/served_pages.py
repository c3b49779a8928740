"""What targets say that they served (`counting_target.py`), and what an SLI counts of it.

The truth of a test: it knows which process showed a value, where Vigie and Prometheus infer it.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

START = "process_start_time_seconds"
MAX_GAP = 2.5  # intervals: beyond, nobody knows where events lie


@dataclass(frozen=True, slots=True)
class Served:
    """One page: when it was served, by which process (its start), with which values."""

    at: float
    run: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Grown:
    """Whole units by which a series grew in (since, at]."""

    series: str
    since: float
    at: float
    count: int


def served(log: Path, to: str) -> tuple[list[Served], list[Served]]:
    """The pages that were sent to somebody, and those of which that is not known: their process
    died between the two lines. Of one that died half-way, it is: nobody got it.
    """
    begun: dict[tuple[float, int], Served] = {}
    sent: dict[tuple[float, int], Served] = {}
    for text in log.read_text().splitlines():
        told = json.loads(text)
        if told["to"] != to or told["state"] == "torn":
            continue
        page = Served(told["at"], told["run"], told["values"])
        (sent if told["state"] == "sent" else begun)[told["run"], told["page"]] = page
    last = {run: max(number for other, number in begun if other == run) for run, _ in begun}
    unsure = [p for key, p in begun.items() if key not in sent and key[1] == last[key[0]]]
    return list(sent.values()), unsure


def possible(log: Path, to: str) -> Iterator[list[Served]]:
    """Every history that the log allows, in time order; nearly always one."""
    sure, unsure = served(log, to)
    for size in range(len(unsure) + 1):
        for chosen in combinations(unsure, size):
            yield sorted([*sure, *chosen], key=lambda page: page.at)


def grown(pages: Sequence[Served], *, found_later: bool) -> list[Grown]:
    """What pages add, series by series. A process begins at zero, and so does a series that its
    earlier pages did not show; only the first page of all is a baseline, unless its target was
    found while it was watched.
    """
    told: list[Grown] = []
    last: dict[tuple[float, str], tuple[float, float]] = {}  # by process and series
    before: Served | None = None
    for page in pages:
        for series, value in page.values.items():
            if (page.run, series) in last:
                base, since = last[page.run, series]
            elif before is None:
                base, since = (0.0, page.run) if found_later else (value, page.at)
            else:
                base, since = 0.0, _began(before, page)
            count = math.floor(value) - math.floor(base)
            if count:
                told.append(Grown(series, since, page.at, count))
            last[page.run, series] = value, page.at
        before = page
    return told


def _began(before: Served, page: Served) -> float:
    """Since when a series that was not there before can have counted: Linux cuts the time of boot,
    which starts are told from, to whole seconds.
    """
    return max(before.at, page.values[START] - 1.0 if START in page.values else 0.0)


@dataclass(frozen=True, slots=True)
class History:
    """The pages of one target that somebody got, in time order, and what they add."""

    pages: Sequence[Served]
    grown: Sequence[Grown]
    interval_s: float

    def count(
        self, wanted: Callable[[str], bool], start: float = 0.0, phase_s: float | None = None
    ) -> int:
        """What a window that begins at `start` holds of some series. The time of a page is when it
        was served; with a phase, the turn at which it was asked for.
        """
        return sum(
            one.count
            for one in self.grown
            if wanted(one.series)
            and self._asked_at(one.at, phase_s) >= start
            and not self._left_out(one, start)
        )

    def coverage(self, start: float, end: float) -> float:
        """How much of a window lies between two pages that are near enough. After the last one
        the next can still measure, for a while.
        """
        least = MAX_GAP * self.interval_s
        times = [page.at for page in self.pages if page.at <= end]
        near = [(a, b) for a, b in pairwise(times) if b - a <= least]
        measured = sum(max(0.0, b - max(a, start)) for a, b in near)
        waits = end - times[-1] if times and end - times[-1] <= least else 0.0
        return measured / (end - start - waits)

    def _asked_at(self, at: float, phase_s: float | None) -> float:
        if phase_s is None:
            return at
        return (at - phase_s) // self.interval_s * self.interval_s + phase_s

    def _left_out(self, one: Grown, start: float) -> bool:
        """Nobody knows whether its events lie in the window."""
        return one.since < start and one.at - one.since > MAX_GAP * self.interval_s


def histories(log: Path, to: str, interval_s: float, *, found_later: bool) -> Iterator[History]:
    """Every history that the log allows; nearly always one."""
    for pages in possible(log, to):
        yield History(pages, grown(pages, found_later=found_later), interval_s)
