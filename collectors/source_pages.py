"""From samples that carry their own times to pages, as if each target had been scraped.

The samples that share `job`, `instance` and time make one scrape of a virtual target. What is asked
of a server and what a file holds go through here alike.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from collectors.errors import ExpositionError
from collectors.exposition import PROCESS_START, check_counters, created_key
from collectors.labels import Choice
from collectors.lines import key_of
from collectors.scrape import Scrape
from collectors.targets import target_id
from slo.series import Floats, Ints, Layout, Page
from slo.spec import Selector

UP: Final = "up"
DOWN: Final = "the server could not scrape it (up is 0)"
TARGET_LABELS: Final = ("job", "instance")
_MOST_PLANS = 64  # of one target; they flip between few, unless its samples have times of their own
_MOST_LAYOUTS = 10_000


@dataclass(frozen=True, slots=True)
class Series:
    """A series that matters: wanted by selectors, or telling something about its target.

    `target` is an index; `key` is its name and labels without those of the target; `created` is
    the key of the series that says when this one was created.
    """

    target: int
    metric: str
    key: bytes
    counted_by: tuple[str, ...]
    gauged_by: tuple[str, ...]
    created: bytes


class Catalogue:
    """The series and virtual targets met so far; rows and targets are indices into it.

    `about` names metrics that are kept though no selector wants them, for what they say of others.
    `read_for` are the texts of all selectors, gauges' too. A scrape that failed is a page all the
    same where somebody measures `up`: one that was read for the selectors of `up` only.
    """

    def __init__(
        self,
        source: str,
        selectors: frozenset[Selector],
        gauges: frozenset[Selector],
        about: frozenset[str] = frozenset({UP}),
    ) -> None:
        self.target_ids: list[str] = []
        self.labels: list[dict[str, str]] = []
        self.read_for = frozenset(str(s) for s in selectors | gauges)
        self.read_for_up = frozenset(str(s) for s in selectors | gauges if s.metric == UP)
        self._source = source
        self._about = about
        self._counters, self._gauges = Choice({}, selectors), Choice({}, gauges)
        self._series: list[Series] = []
        self._row_of: dict[tuple[int, bytes], int] = {}
        self._target_of: dict[tuple[str, str], int] = {}
        self._index_of: dict[str, int] = {}
        self._seen: dict[tuple[tuple[str, str], ...], int | None] = {}
        self._targets = np.empty(0, dtype=np.int64)
        self._plans: list[dict[bytes, _Plan]] = []
        self._layouts: dict[tuple[tuple[bytes, tuple[str, ...]], ...], Layout] = {}

    def __len__(self) -> int:
        return len(self._series)

    @property
    def spellings(self) -> int:
        """How many label sets are remembered, wanted or not."""
        return len(self._seen)

    def row(self, labels: Mapping[str, str]) -> int | None:
        """The row of a series, by its labels with `__name__`; None: nobody wants it."""
        spelt = tuple(labels.items())
        try:
            return self._seen[spelt]
        except KeyError:
            row = self._seen[spelt] = self._new_row(labels)
            return row

    def target(self, row: int) -> int:
        return self._series[row].target

    def index_of(self, name: str) -> int:
        return self._index_of[name]

    def targets_of(self, rows: Ints) -> Ints:
        """The index of the target of each row."""
        if len(self._targets) < len(self._series):
            new = [series.target for series in self._series[len(self._targets) :]]
            self._targets = np.concatenate([self._targets, np.array(new, dtype=np.int64)])
        return self._targets[rows]

    def scrapes(self, rows: Ints, at: Floats, values: Floats) -> Iterator[Scrape]:
        """The scrapes that these samples make, in time order, over all targets. No value is NaN.

        Of two samples of one series at one time the first holds.
        """
        if not len(rows):
            return
        targets = self.targets_of(rows)
        order = np.lexsort((rows, targets, at))
        rows, at, values, targets = rows[order], at[order], values[order], targets[order]
        moved = (at[1:] != at[:-1]) | (targets[1:] != targets[:-1])
        fresh = np.concatenate([[True], moved | (rows[1:] != rows[:-1])])
        begins = np.concatenate([[True], moved])[fresh].nonzero()[0]
        rows, at, values, targets = rows[fresh], at[fresh], values[fresh], targets[fresh]
        for begin, end in pairwise([*begins.tolist(), len(rows)]):
            target, part = int(targets[begin]), rows[begin:end]
            yield self._scrape(target, float(at[begin]), part, values[begin:end])

    def _new_row(self, labels: Mapping[str, str]) -> int | None:
        metric = labels.get("__name__", "")
        own = {name: value for name, value in labels.items() if name != "__name__"}
        counted_by = self._counters.named_by(metric, own)
        gauged_by = self._gauges.named_by(metric, own)
        if not counted_by and not gauged_by and metric not in self._about:
            return None
        target = self._target(own.pop("job", ""), own.pop("instance", ""))
        key = key_of(metric, own)
        known = self._row_of.get((target, key))
        if known is not None:
            return known
        created = created_key(metric, own) if counted_by else b""
        self._series.append(Series(target, metric, key, counted_by, gauged_by, created))
        self._row_of[target, key] = len(self._series) - 1
        return len(self._series) - 1

    def _target(self, job: str, instance: str) -> int:
        known = self._target_of.get((job, instance))
        if known is not None:
            return known
        index, name = len(self.target_ids), target_id(job, instance, self._source)
        self.target_ids.append(name)
        self._index_of[name] = index
        named = zip(TARGET_LABELS, (job, instance), strict=True)
        self.labels.append({name: value for name, value in named if value})
        self._plans.append({})
        self._target_of[job, instance] = index
        return index

    # -- one scrape -----------------------------------------------------------------------------

    def _scrape(self, target: int, at: float, rows: Ints, values: Floats) -> Scrape:
        named, plan = self.target_ids[target], self._plan(target, rows)
        known = np.append(values, math.nan)  # row -1: what is not said
        read_for = self.read_for
        if plan.only_up and not values.any():
            # Its series weren't read; but `up` was, if that is what somebody measures.
            read_for = self.read_for_up
            if not read_for:
                return Scrape(named, at, 0.0, None, error=DOWN)
        counters, created = known[plan.counters], known[plan.created]
        try:
            check_counters(plan.layout, counters)
        except ExpositionError as error:
            return Scrape(named, at, 0.0, None, error=error.reason)
        created[np.isinf(created)] = math.nan
        start = float(known[plan.process_start])
        page = Page(
            at=at,
            layout=plan.layout,
            values=counters,
            created=created,
            process_start=start if math.isfinite(start) else None,
            read_for=read_for,
            gauge_layout=plan.gauge_layout,
            gauges=known[plan.gauges],
        )
        return Scrape(named, at, 0.0, page, samples=len(values))

    def _plan(self, target: int, rows: Ints) -> "_Plan":
        plans, same = self._plans[target], rows.tobytes()
        plan = plans.get(same)
        if plan is None:
            if len(plans) >= _MOST_PLANS:
                plans.clear()
            plan = plans[same] = self._new_plan([self._series[row] for row in rows.tolist()])
        return plan

    def _new_plan(self, series: list[Series]) -> "_Plan":
        place = {one.key: index for index, one in enumerate(series)}
        counted = [index for index, one in enumerate(series) if one.counted_by]
        gauged = [index for index, one in enumerate(series) if one.gauged_by]
        return _Plan(
            layout=self._layout([(series[i].key, series[i].counted_by) for i in counted]),
            counters=np.array(counted, dtype=np.int64),
            created=np.array([place.get(series[i].created, -1) for i in counted], dtype=np.int64),
            process_start=place.get(PROCESS_START.encode(), -1),
            gauge_layout=self._layout([(series[i].key, series[i].gauged_by) for i in gauged]),
            gauges=np.array(gauged, dtype=np.int64),
            only_up=all(one.metric == UP for one in series),
        )

    def _layout(self, named: list[tuple[bytes, tuple[str, ...]]]) -> Layout:
        """The one object for these series, whatever stands beside them."""
        same = tuple(named)
        if len(self._layouts) >= _MOST_LAYOUTS:
            self._layouts.clear()
        if same not in self._layouts:
            keys, named_by = tuple(key for key, _ in same), tuple(by for _, by in same)
            self._layouts[same] = Layout(keys, named_by)
        return self._layouts[same]


@dataclass(frozen=True, eq=False, slots=True)
class _Plan:
    """What the samples of a scrape are: indices into them, -1 where there is none."""

    layout: Layout
    counters: Ints
    created: Ints
    process_start: int
    gauge_layout: Layout
    gauges: Ints
    only_up: bool  # `up` is all there is
