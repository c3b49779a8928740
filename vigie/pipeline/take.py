"""Collect: the scrapes of one batch as increments of series and measured time of targets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from collectors.scrape import Scrape
from collectors.targets import TargetStatus
from slo.series import MAX_GAP_INTERVALS, Increments, Layout, Memory, count, missed
from vigie.pipeline.plan import Plan
from vigie.pipeline.state import Batch, Expectation, State


@dataclass(slots=True)
class Taken:
    """The scrapes of one batch, counted."""

    memories: dict[str, Memory]
    targets: dict[str, TargetStatus]
    touched: set[str] = field(default_factory=set)
    layouts: dict[str, Layout] = field(default_factory=dict)
    counts: list[tuple[str, Increments]] = field(default_factory=list)
    measured: list[tuple[str, float, float]] = field(default_factory=list)  # target, from, to


def take(state: State, batch: Batch) -> Taken:
    """What the pages add to what is remembered of their targets."""
    taken = Taken(dict(state.memories), dict(state.targets))
    for scrape in batch.scrapes:
        target = state.plan.config.targets.get(scrape.target_id)
        if target is None:
            continue  # left the configuration while its scrape was under way
        before = taken.memories[target.id]
        taken.touched.add(target.id)
        taken.targets[target.id] = _seen(taken.targets[target.id], scrape)
        if scrape.page is None:
            taken.memories[target.id] = missed(before)
            continue
        memory, increments = count(before, scrape.page, target.births)
        taken.memories[target.id] = memory
        taken.layouts[target.id] = scrape.page.layout
        if len(increments.rows):
            taken.counts.append((target.id, increments))
        last = before.page_at
        if last is not None and 0 < scrape.at - last <= MAX_GAP_INTERVALS * target.interval_s:
            taken.measured.append((target.id, last, scrape.at))
    return taken


def learn(state: State, layouts: Mapping[str, Layout]) -> State:
    """A target that shows series for a column it never had is expected there from now on."""
    yields = dict(state.yields)
    for target, layout in layouts.items():
        if state.memories[target].layout is not layout:
            shown = state.plan.yields(layout) - state.plan.owes[target]
            if shown:
                yields[target] = yields.get(target, frozenset()) | shown
    if all(yields.get(name) == state.yields.get(name) for name in layouts):
        return state
    return replace(state, yields=yields, expected=expectation(state.plan, yields))


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
        interval_s=np.array([t.interval_s for t in plan.config.targets.values()], dtype=float),
    )


def _seen(before: TargetStatus, scrape: Scrape) -> TargetStatus:
    good = scrape.page is not None
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
