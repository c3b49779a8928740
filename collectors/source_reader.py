"""What a DataSource's raw samples say, poll after poll: scrapes of virtual targets, each once."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from collectors.promapi import Samples
from collectors.scrape import Scrape
from collectors.source_pages import UP, Catalogue
from slo.series import Floats, Ints
from slo.spec import Matcher, MatchOp, Selector

LEFT_AFTER_S: Final = 300.0  # Prometheus looks back as far for a sample (its lookback delta)
_SPARE_SERIES = 1000


@dataclass(frozen=True, slots=True)
class VirtualTarget:
    """What Prometheus scrapes for us. `labels` are job and instance, where they are."""

    id: str
    labels: Mapping[str, str]
    seen_at: float


class SourceReader:
    """The scrapes of one source. `seen` are the targets whose samples were read before, up to when.

    Ranges of two reads may overlap, and should: what was scraped slowly, or sent late, appears
    after later samples of others. No scrape comes twice, and those of a target come in time order.
    A sample of a time that is already told is `late`; its counter counts on with its next one.
    """

    def __init__(
        self,
        source: str,
        selectors: frozenset[Selector],
        gauges: frozenset[Selector] = frozenset(),
        seen: Mapping[str, float] | None = None,
    ) -> None:
        self.source, self.selectors, self.gauges = source, selectors, gauges
        self.late = 0
        self.held_since: float | None = None  # the oldest scrape that waits for the next read
        self.targets: dict[str, VirtualTarget] = {}
        self._told: dict[str, float] = dict(seen or {})
        self._met: frozenset[tuple[str, float]] = frozenset()  # scrapes that the last read found
        self._catalogue = Catalogue(source, selectors, gauges)
        self._known: Floats = np.empty(0)  # by row: the time of the last sample that was told
        self._afresh = True  # what was told of which series is unknown: nothing is called late

    def change(self, selectors: frozenset[Selector], gauges: frozenset[Selector]) -> None:
        """Read for other selectors from now on; what was told stays told."""
        if (selectors, gauges) != (self.selectors, self.gauges):
            self.selectors, self.gauges = selectors, gauges
            self._begin_anew()

    @property
    def asked(self) -> tuple[Selector, ...]:
        """The selectors to ask for: those whose series no other one holds too."""
        wanted = sorted(self.selectors | self.gauges)
        return tuple(s for s in wanted if not any(_holds(other, s) for other in wanted))

    @property
    def up(self) -> Selector | None:
        """`up` of every job that is known, from a selector or from what was read; None: of none."""
        return up_of(
            jobs_named(self.selectors | self.gauges)
            | {target.labels.get("job", "") for target in self.targets.values()}
        )

    def read(
        self,
        samples: Iterable[Samples],
        up: Iterable[Samples],
        until: float,
        settled: float | None = None,
    ) -> list[Scrape]:
        """The scrapes up to `until` that were not told before, in time order.

        `up` was asked before `samples`: a scrape is stored as a whole, so what `up` shows is whole
        in the samples, unless it is later than they. What is later than `settled` and has no `up`
        waits until a second read finds it again, lest it be told in part; None: everything is
        settled.
        """
        watched = self._rows(up)
        rows, at, values = _joined([*watched, *self._rows(samples)])
        whole = self._whole(watched) | self._met
        scrapes, met = [], set()
        held: dict[str, float] = {}
        for scrape in self._catalogue.scrapes(rows, at, values):
            if scrape.at > until or scrape.at <= self._told.get(scrape.target_id, -np.inf):
                continue
            met.add((scrape.target_id, scrape.at))
            open_ = settled is not None and scrape.at > settled
            if open_ and (scrape.target_id, scrape.at) not in whole:
                held.setdefault(scrape.target_id, scrape.at)
            if scrape.target_id not in held:
                scrapes.append(scrape)
        self._met = frozenset(met)
        self._remember(rows, at, scrapes)
        self.held_since = min(held.values(), default=None)
        self._take_leave(until)
        if self._catalogue.spellings > 2 * len(set(rows.tolist())) + _SPARE_SERIES:
            self._begin_anew()  # series come and go: those that are gone are forgotten at last
        return scrapes

    def _rows(self, answer: Iterable[Samples]) -> list[tuple[int, Floats, Floats]]:
        found = ((self._catalogue.row(series.labels), series) for series in answer)
        return [(row, series.at, series.values) for row, series in found if row is not None]

    def _whole(self, watched: list[tuple[int, Floats, Floats]]) -> set[tuple[str, float]]:
        """The scrapes that `up` shows."""
        ids, target = self._catalogue.target_ids, self._catalogue.target
        return {(ids[target(row)], at) for row, times, _ in watched for at in times.tolist()}

    def _remember(self, rows: Ints, at: Floats, scrapes: list[Scrape]) -> None:
        """Note what is told now, and count what comes too late for that."""
        catalogue = self._catalogue
        targets = catalogue.targets_of(rows)
        before = self._told_by_target()
        for scrape in scrapes:
            self._told[scrape.target_id] = scrape.at
            labels = catalogue.labels[catalogue.index_of(scrape.target_id)]
            self.targets[scrape.target_id] = VirtualTarget(scrape.target_id, labels, scrape.at)
        known = np.full(len(catalogue), -np.inf)
        known[: len(self._known)] = self._known
        if not self._afresh:
            self.late += int(((at > known[rows]) & (at <= before[targets])).sum())
        told = at <= self._told_by_target()[targets]
        np.maximum.at(known, rows[told], at[told])
        self._known, self._afresh = known, False

    def _told_by_target(self) -> Floats:
        ids = self._catalogue.target_ids
        return np.array([self._told.get(target_id, -np.inf) for target_id in ids])

    def _take_leave(self, until: float) -> None:
        oldest = until - LEFT_AFTER_S
        self.targets = {i: target for i, target in self.targets.items() if target.seen_at >= oldest}
        self._told = {i: told for i, told in self._told.items() if told >= oldest}

    def _begin_anew(self) -> None:
        self._catalogue = Catalogue(self.source, self.selectors, self.gauges)
        self._known, self._afresh = np.empty(0), True
        self._met = frozenset()


def jobs_named(selectors: Iterable[Selector]) -> set[str]:
    """The jobs that selectors ask for by name."""
    matchers = (matcher for selector in selectors for matcher in selector.matchers)
    return {m.value for m in matchers if m.label == "job" and m.op is MatchOp.EQUAL}


def up_of(jobs: Iterable[str]) -> Selector | None:
    """The selector of `up` of these jobs; None: there is none."""
    named = sorted(job for job in set(jobs) if job)
    if len(named) < 2:
        return Selector(UP, (Matcher("job", MatchOp.EQUAL, named[0]),)) if named else None
    return Selector(UP, (Matcher("job", MatchOp.MATCH, "|".join(map(re.escape, named))),))


def _joined(parts: list[tuple[int, Floats, Floats]]) -> tuple[Ints, Floats, Floats]:
    if not parts:
        return np.empty(0, np.int64), np.empty(0), np.empty(0)
    sizes = [len(times) for _, times, _ in parts]
    rows = np.repeat(np.array([row for row, _, _ in parts], dtype=np.int64), sizes)
    times = np.concatenate([times for _, times, _ in parts])
    return rows, times, np.concatenate([values for _, _, values in parts])


def _holds(wide: Selector, narrow: Selector) -> bool:
    """Whether every series of `narrow` is one of `wide` too, as far as their texts show."""
    return (
        wide.metric == narrow.metric
        and wide != narrow
        and set(wide.matchers) < set(narrow.matchers)
    )
