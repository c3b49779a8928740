"""The past of some SLIs, counted by the engine that counts the present. Pure, and newest first.

A chunk of the past holds scrapes, the later chunks having come before it. What is counted waits
until so much older time was read that nothing can add to it any more.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Final

import numpy as np

from collectors.scrape import Scrape
from collectors.source_backfill import LEAD_S
from collectors.source_reader import LEFT_AFTER_S
from collectors.targets import Target
from slo.ledger import HOUR_S, MINUTE_S
from slo.series import MAX_GAP_INTERVALS, Ints, Page, unseen
from slo.spans import Spans
from slo.timeslices import judged
from vigie.pipeline.columns import Judged
from vigie.pipeline.found import Found
from vigie.pipeline.fresh import fresh
from vigie.pipeline.plan import Plan, compile_plan, measured_by
from vigie.pipeline.sample import Sample, samples
from vigie.pipeline.slices import slices
from vigie.pipeline.state import Batch, Estimate, State
from vigie.pipeline.take import Taken, expectation, learn, take

FIRST_INTERVAL_S: Final = 60.0  # Prometheus' own default, where a chunk shows too little
SEEN: Final = 6  # scrapes that tell an interval
CHANGED: Final = 0.25  # by how much an interval must differ to be another one
SLOWEST_S: Final = 3 * LEAD_S  # from one scrape to the next, 2.5 intervals
_EVERYTHING: Final = -(1 << 62)  # no slice is too old to be counted
_TOGETHER: Final = 500  # scrapes that are taken at once


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """What [start, end) holds: by slice start [good | total | measured_us, column], and the spans
    that end in it.
    """

    start: int
    end: int
    slices: Mapping[int, Ints]
    spans: tuple[Spans, ...]


class Past:
    """The past of the columns of a plan in [oldest, end), which are whole minutes.

    `plan` knows no targets; those that were scraped come with the chunks, and `known` are those
    that are known already, by id.
    """

    def __init__(self, plan: Plan, known: Mapping[str, Target], oldest: int, end: int) -> None:
        self.plan, self.oldest, self.end = plan, oldest, end
        self._known = known
        self._read_to = float(end)  # all that is later was read
        self._given_to = end  # all that is later was handed out
        self._sums: dict[int, Ints] = {}
        self._spans: list[Spans] = []
        self._yields: dict[str, frozenset[int]] = {}
        self._heads: dict[str, Scrape] = {}  # first pages that nothing older was counted from yet
        self._sampled_from = end + plan.slice_s
        self._later: dict[str, list[Page]] = {}  # pages that older samples may not see any more

    @property
    def settles_s(self) -> float:
        """How much older time has to be read until a slice is final: the length of a judged slice,
        and what its samples look back to; and what a target counted that was silent for an hour.
        """
        widths = [one.how.slice_s for one in self.plan.columns_.judged]
        return max(float(HOUR_S), max(widths, default=0) + self.plan.reach_s + SLOWEST_S)

    def take(self, start: float, scrapes: Sequence[Scrape]) -> None:
        """Count a chunk that begins at `start` and ends where the one before it began; a target's
        last scrape before it may come first, and is counted from.
        """
        own = {scrape.target_id for scrape in scrapes if scrape.page is not None}
        heads = [self._heads.pop(target) for target in sorted(own & self._heads.keys())]
        for scrape in scrapes:
            if scrape.page is not None and scrape.target_id in own:
                own.remove(scrape.target_id)
                if scrape.at > start:
                    self._heads[scrape.target_id] = scrape
        both = sorted([*scrapes, *heads], key=lambda scrape: scrape.at)
        plan = self._with_targets(both)
        self._count(plan, both)
        if plan.sampled:
            self._sample(plan, start, scrapes)
        self._read_to = start

    def estimated(self, start: float, estimates: Iterable[Estimate]) -> None:
        """Take a chunk of slices that a server computed."""
        state = fresh(self.plan, {}, start)
        self._add(state, Taken({}, {}, estimates=tuple(estimates)))
        self._read_to = start

    def final(self, base: int) -> list[Block]:
        """The blocks that are final and weren't handed out: one from `base` to the end first, then
        hours, the newest first.
        """
        blocks = []
        while self._given_to > self.oldest:
            start = max(base if self._given_to > base else self._given_to - HOUR_S, self.oldest)
            if self._read_to > max(start - self.settles_s, self.oldest):
                break
            blocks.append(self._block(start, self._given_to))
            self._given_to = start
        return blocks

    # -- counting -------------------------------------------------------------------------------

    def _with_targets(self, scrapes: Iterable[Scrape]) -> Plan:
        times: dict[str, list[float]] = defaultdict(list)
        for scrape in scrapes:
            times[scrape.target_id].append(scrape.at)
        targets = {name: self._target(name, at) for name, at in sorted(times.items())}
        found = replace(self.plan.found, targets=targets)
        return compile_plan(self.plan.written, self.plan.slice_s, found)

    def _target(self, name: str, times: Sequence[float]) -> Target:
        (source,) = self.plan.written.sources
        one = self._known.get(name) or _named(source, name)
        if len(times) <= SEEN:
            return one
        seen_s = median(later - earlier for earlier, later in pairwise(times))
        same = abs(seen_s - one.interval_s) <= CHANGED * one.interval_s
        return one if same else replace(one, interval_s=seen_s)

    def _count(self, plan: Plan, scrapes: Sequence[Scrape]) -> None:
        begin = scrapes[0].at if scrapes else 0.0
        state = fresh(plan, {name: unseen(None) for name in plan.config.targets}, begin)
        waiting: list[Scrape] = []
        present: dict[str, float] = {}  # by target: when it is no longer expected
        for scrape in scrapes:
            gone = [name for name, until in present.items() if until < scrape.at]
            if gone or scrape.target_id not in present or len(waiting) == _TOGETHER:
                state, waiting = self._taken(state, waiting, present), []
            for name in gone:
                del present[name]
            present[scrape.target_id] = scrape.at + LEFT_AFTER_S
            waiting.append(scrape)
        self._taken(state, waiting, present)

    def _taken(self, state: State, scrapes: Sequence[Scrape], present: Iterable[str]) -> State:
        """The state after some scrapes, during which the same targets are expected."""
        if not scrapes:
            return state
        shown = {name: self._yields[name] for name in present if name in self._yields}
        state = replace(state, yields=shown, expected=expectation(state.plan, shown))
        taken = take(state, Batch(tuple(scrapes)))
        state = learn(state, taken)
        self._yields.update(state.yields)
        self._add(state, taken)
        last = {name: pages[-1:] for name, pages in taken.gauges.items()}
        return replace(state, memories=taken.memories, targets=taken.targets, gauges=last)

    def _add(self, state: State, taken: Taken, sampled: Iterable[tuple[int, Sample]] = ()) -> None:
        addition, _ = slices(state, taken, sampled, _EVERYTHING)
        for start, sums in addition.slices.items():
            self._sums[start] = self._sums[start] + sums if start in self._sums else sums
        if len(addition.spans.cols):
            self._spans.append(addition.spans)

    # -- current values -------------------------------------------------------------------------

    def _sample(self, plan: Plan, start: float, scrapes: Iterable[Scrape]) -> None:
        """Judge the slices that end where everything they look back to was read."""
        pages: dict[str, list[Page]] = defaultdict(list)
        for scrape in scrapes:
            if scrape.page is not None:
                pages[scrape.target_id].append(scrape.page)
        for name, later in self._later.items():
            pages[name] += later
        slowest_s = max((t.interval_s for t in plan.config.targets.values()), default=0.0)
        reach_s = plan.reach_s + MAX_GAP_INTERVALS * slowest_s
        known_from = start if start <= self.oldest else start + reach_s
        times = {name: [page.at for page in shown] for name, shown in pages.items()}
        state = fresh(plan, {name: unseen(None) for name in plan.config.targets}, start)
        first = int(-(-known_from // plan.slice_s)) * plan.slice_s
        found = []
        for end in range(max(first, self.oldest + plan.slice_s), self._sampled_from, plan.slice_s):
            seen = {
                name: tuple(
                    shown[bisect_right(times[name], end - reach_s) : _upto(times[name], end)]
                )
                for name, shown in pages.items()
            }
            known = {name: shown for name, shown in seen.items() if shown}
            found += samples(state, known, dict.fromkeys(plan.samples, (end,)))
        self._add(state, Taken({}, {}), found)
        self._sampled_from = min(self._sampled_from, first)
        self._later = {
            name: shown[: _upto(times[name], start + reach_s)] for name, shown in pages.items()
        }

    # -- handing out ----------------------------------------------------------------------------

    def _block(self, start: int, end: int) -> Block:
        """[start, end) for good, with the columns that are judged from others."""
        for one in self.plan.columns_.judged:
            self._judge(one, start, end)
        held = {at: sums for at, sums in self._sums.items() if start <= at < end and sums.any()}
        self._sums = {at: sums for at, sums in self._sums.items() if at < start}
        ended = tuple(part for spans in self._spans if (part := _ending(spans, start, end)))
        self._spans = [rest for spans in self._spans if (rest := _ending(spans, 0, start))]
        return Block(start, end, held, ended)

    def _judge(self, one: Judged, start: int, end: int) -> None:
        slice_s, width = self.plan.slice_s, one.how.slice_s
        units = self.plan.columns_.units[one.bases]
        none = np.zeros((3, self.plan.columns), dtype=np.int64)
        measured = np.sum(
            [sums[2] for at, sums in self._sums.items() if start <= at < end] or [none[2]], axis=0
        )
        there = measured[one.bases] > 0  # where a server has nothing, nothing was missed either
        for judged_end in range((start + slice_s + width - 1) // width * width, end + 1, width):
            begun = judged_end - width
            if begun < self.oldest or not there.any():
                continue
            cells = range(begun, judged_end, slice_s)
            held = np.sum([self._sums[at] for at in cells if at in self._sums] or [none], axis=0)
            counted = judged(one.how, held[:, one.bases], units)
            last = self._sums.setdefault(judged_end - slice_s, none.copy())
            last[:, one.cols[there]] = counted[:, there]


def _upto(times: Sequence[float], at: float) -> int:
    return bisect_right(times, at)


def _ending(spans: Spans, start: int, end: int) -> Spans | None:
    """The spans that end in [start, end); None: there are none."""
    inside = (spans.ended >= start) & (spans.ended < end)
    if not inside.any():
        return None
    return Spans(
        spans.cols[inside],
        spans.began[inside],
        spans.ended[inside],
        spans.good[inside],
        spans.total[inside],
    )


def _named(source: str, target_id: str) -> Target:
    """A target that is no longer there, from its id. Jobs may hold a slash, as `monitor/node` does,
    and so may instances that are addresses.
    """
    text = target_id.removeprefix(f"{source}:")
    job, _, instance = text.partition("/") if "://" in text else text.rpartition("/")
    labels = {"job": job, "instance": instance}
    kept = {name: value for name, value in labels.items() if value}
    return Target(job, instance, "", "", kept, interval_s=FIRST_INTERVAL_S, source=source)


def plan_for(plan: Plan, source: str, wanted: frozenset[str]) -> Plan:
    """The plan of what a source has for some columns (`wanted`, by fingerprint), and of nothing
    else; it may have more columns than those, and has no targets.
    """
    names = {
        watch.slo.parent or watch.slo.id
        for watch, cols in zip(plan.watches, columns_shown(plan), strict=True)
        if any(plan.ids[col] in wanted for col in cols)
    }
    config = replace(
        plan.written,
        watches={name: watch for name, watch in plan.written.watches.items() if name in names},
        targets={},
        sources={source: plan.written.sources[source]},
        channels={},
        runbooks=(),
        maintenance=(),
        warnings=(),
    )
    groups = {slo: found for slo, found in plan.found.groups.items() if slo in names}
    return compile_plan(config, plan.slice_s, Found(groups))


def columns_shown(plan: Plan) -> list[frozenset[int]]:
    """By SLO: the columns of the ledger that its figures come from."""
    return [
        measured_by(plan.columns_, col) | _kept_for(plan, col) for col in plan.col_of_slo.tolist()
    ]


def _kept_for(plan: Plan, col: int) -> frozenset[int]:
    if col < plan.columns:
        return frozenset([col])
    return frozenset(plan.columns_.means[col - plan.columns].cols.tolist())


def whole_minute(at: float) -> int:
    """The first minute that begins after a time."""
    return int(at // MINUTE_S + 1) * MINUTE_S
