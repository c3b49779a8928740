"""Collect: the scrapes of one batch as increments of series and measured time of targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from collectors.labels import UP
from collectors.scrape import Scrape
from collectors.targets import FOUND_BY_WRITE, Target, TargetStatus
from slo.columns import Group
from slo.series import MAX_GAP_INTERVALS, Increments, Layout, Memory, Page, count, missed
from slo.spec import SloId
from vigie.config import Config
from vigie.pipeline import feeds
from vigie.pipeline.expectation import Expectation
from vigie.pipeline.plan import Plan
from vigie.pipeline.replicas import Reading, reading
from vigie.pipeline.state import Batch, Estimate, State

NO_LAYOUT = Layout((), ())


@dataclass(frozen=True, slots=True)
class Covered:
    """The time between two good scrapes of a target; `cols` are the columns it measures, None: all
    that expect the target.
    """

    target: str
    start: float
    end: float
    cols: frozenset[int] | None = None


@dataclass(slots=True)
class Taken:
    """The scrapes of one batch, counted."""

    memories: dict[str, Memory]
    targets: dict[str, TargetStatus]
    touched: set[str] = field(default_factory=set)
    layouts: dict[str, Layout] = field(default_factory=dict)
    counts: list[tuple[str, Increments]] = field(default_factory=list)
    measured: list[Covered] = field(default_factory=list)
    gauges: dict[str, tuple[Page, ...]] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    estimates: tuple[Estimate, ...] = ()


def take(state: State, batch: Batch) -> Taken:
    """What the pages add to what is remembered of their targets."""
    taken = Taken(dict(state.memories), dict(state.targets), gauges=dict(state.gauges))
    taken.readings = dict(state.readings)
    taken.estimates = batch.estimates
    for scrape in batch.scrapes:
        target = state.plan.config.targets.get(scrape.target_id)
        if target is None:
            continue  # left the configuration while its scrape was under way
        before, status = taken.memories[target.id], taken.targets[target.id]
        taken.touched.add(target.id)
        taken.targets[target.id] = _seen(status, scrape)
        if scrape.page is None or scrape.error is not None:
            taken.memories[target.id] = missed(before)
            _take_failure(taken, state.plan, target, status, scrape)
            continue
        memory, increments = count(before, scrape.page, target.births)
        taken.memories[target.id] = memory
        taken.layouts[target.id] = scrape.page.layout
        if (replica := state.plan.replica_of.get(target.id)) is not None:
            before_it = taken.readings.get(target.id)
            taken.readings[target.id] = reading(replica, scrape.page, before_it)
        if state.plan.sampled:
            taken.gauges[target.id] = (*taken.gauges.get(target.id, ()), scrape.page)
        if len(increments.rows):
            taken.counts.append((target.id, increments))
        _measure(taken, state.plan, before.page_at, status, scrape.page)
    return taken


def _take_failure(
    taken: Taken, plan: Plan, target: Target, before: TargetStatus, scrape: Scrape
) -> None:
    """A scrape that failed tells that it did, to those who measure `up`."""
    if scrape.page is None:
        return
    taken.gauges[target.id] = (*taken.gauges.get(target.id, ()), scrape.page)
    cols = plan.read_by(scrape.page.read_for)
    _cover(taken, target, before.last_scrape_at, scrape.at, cols)


def _measure(
    taken: Taken, plan: Plan, page_at: float | None, before: TargetStatus, page: Page
) -> None:
    """What a good page measures: the time since the last one, but of columns that failures told of
    meanwhile, the time since the last scrape.
    """
    target = before.target
    cols = _told_by(plan, target, page)
    failed_at = before.last_scrape_at if before.error is not None else None
    if failed_at is not None and failed_at != page_at:
        asked = (s for s in plan.gauges.get(target.id, ()) if s.metric == UP)
        if up := plan.read_by(frozenset(map(str, asked))):
            _cover(taken, target, failed_at, page.at, up)
            cols = (frozenset(range(plan.columns)) if cols is None else cols) - up
    _cover(taken, target, page_at, page.at, cols)


def _cover(
    taken: Taken, target: Target, since: float | None, at: float, cols: frozenset[int] | None
) -> None:
    if since is not None and 0 < at - since <= MAX_GAP_INTERVALS * target.interval_s:
        taken.measured.append(Covered(target.id, since, at, cols))


def learn(state: State, taken: Taken) -> State:
    """A target that shows series for a column it never had is expected there from now on."""
    plan, yields = state.plan, dict(state.yields)
    for name, layout in taken.layouts.items():
        gauges = _gauge_layout(taken.gauges.get(name, ()))
        known = state.memories[name].layout is layout
        if known and gauges is _gauge_layout(state.gauges.get(name, ())):
            continue
        shown = plan.yields(plan.config.targets[name], layout, gauges) - plan.owes[name]
        if shown:
            yields[name] = yields.get(name, frozenset()) | shown
    if all(yields.get(name) == state.yields.get(name) for name in taken.layouts):
        return state
    return replace(state, yields=yields, expected=expectation(plan, yields))


def groups_shown(state: State, batch: Batch) -> list[tuple[SloId, Group]]:
    """The groups that have no column yet and that a page of this batch shows."""
    plan = state.plan
    found = []
    for scrape in batch.scrapes:
        target = plan.config.targets.get(scrape.target_id)
        if scrape.page is None or target is None:
            continue
        if state.memories[target.id].layout is not scrape.page.layout:
            found += feeds.groups_shown(plan.uses, target, scrape.page.layout)
        if scrape.page.gauge_layout is not _gauge_layout(state.gauges.get(target.id, ())):
            found += feeds.groups_shown(plan.gauge_uses, target, scrape.page.gauge_layout)
    return found


def patience_s(config: Config, target: Target) -> float:
    """How old the last page of a target may be while all is well: what a DataSource scrapes is told
    at its polls, and as late as it is asked; what is written, some seconds' worth at once.
    """
    own = MAX_GAP_INTERVALS * target.interval_s
    if target.found_by == FOUND_BY_WRITE:
        return own + target.timeout_s
    source = config.sources.get(target.source)
    return own if source is None else own + source.lag_s + source.interval_s + source.timeout_s


def expectation(plan: Plan, yields: Mapping[str, frozenset[int]]) -> Expectation:
    """Who is expected by which column, as arrays."""
    order = tuple(plan.config.targets)
    index = {target: i for i, target in enumerate(order)}
    entries = sorted((index[target], col, share) for target, col, share in plan.expected(yields))
    targets = np.array([entry[0] for entry in entries], dtype=np.int64)
    return Expectation(
        order=order,
        targets=targets,
        cols=np.array([entry[1] for entry in entries], dtype=np.int64),
        share=np.array([entry[2] for entry in entries], dtype=np.float64),
        starts=np.searchsorted(targets, np.arange(len(order) + 1)),
        patience_s=np.array(
            [patience_s(plan.config, t) for t in plan.config.targets.values()], dtype=float
        ),
    )


def _told_by(plan: Plan, target: Target, page: Page) -> frozenset[int] | None:
    """The columns that a page tells of: all, but where a DataSource had to leave some out."""
    if not target.source or plan.texts[target.id] <= page.read_for:
        return None
    return plan.read_by(page.read_for)


def _gauge_layout(pages: Sequence[Page]) -> Layout:
    return pages[-1].gauge_layout if pages else NO_LAYOUT


def _seen(before: TargetStatus, scrape: Scrape) -> TargetStatus:
    good = scrape.error is None and scrape.page is not None
    return replace(
        before,
        health="up" if good else "down",
        last_scrape_at=scrape.at,
        duration_s=scrape.duration_s,
        samples=scrape.samples if good else None,
        body_bytes=scrape.body_bytes,
        error=scrape.error,
        last_good_at=scrape.at if good else before.last_good_at,
    )
