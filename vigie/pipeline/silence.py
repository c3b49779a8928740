"""Silence: since when too little of an SLO is heard."""

import numpy as np

from slo.series import MAX_GAP_INTERVALS, Floats
from vigie.pipeline.plan import Plan
from vigie.pipeline.state import State
from vigie.pipeline.windows import page_at

WAITED_FOR_S = 7200.0  # how long slices stay open for a DataSource that fails


def below_since(state: State, now: float) -> Floats:
    """By SLO: since when the share of its expected targets that answer has been below its floor,
    counted from the last page of the target that tipped it; NaN while it is not.
    """
    plan = state.plan
    answering, fell = _heard(state, now)
    cols = plan.col_of_slo
    # Shares such as 3 x 1/3 add up to one only within rounding.
    below = answering[cols] < plan.floors - 1e-9
    since = np.where(np.isnan(state.below_since), fell[cols], state.below_since)
    return np.where(below, since, np.nan)


def read_to(state: State, now: float) -> float:
    """Up to when every DataSource was read: what one that fails now will tell later is no late
    news, if that is soon.
    """
    read = (state.polled.get(name, state.since) for name in state.plan.asked)
    return max(min(read, default=now), now - WAITED_FOR_S)


def _heard(state: State, now: float) -> tuple[Floats, Floats]:
    """By column, means included: the share of it that is heard, and when it last fell."""
    plan, expected = state.plan, state.expected
    seen = np.fmax(page_at(state), state.since)
    failed = np.array([state.targets[t].health == "down" for t in expected.order], dtype=np.bool_)
    silent = failed | (now - seen > expected.patience_s)
    answering, fell = np.ones(plan.columns), np.full(plan.columns, -np.inf)
    if silent.any():
        entries = silent[expected.targets]
        lost = np.bincount(expected.cols, expected.share * entries, minlength=plan.columns)
        answering -= lost
        np.maximum.at(fell, expected.cols[entries], seen[expected.targets[entries]])
    _hear_sources(state, now, answering, fell)
    fell = np.where(np.isfinite(fell), fell, state.since)
    for judged in plan.columns_.judged:
        answering[judged.cols], fell[judged.cols] = answering[judged.bases], fell[judged.bases]
    return _with_means(plan, answering, fell)


def _hear_sources(state: State, now: float, answering: Floats, fell: Floats) -> None:
    """A server that doesn't answer silences everything that is asked of it."""
    plan = state.plan
    for name, source in plan.config.sources.items():
        last = max(state.polled.get(name, 0.0), state.since)
        if now - last <= source.lag_s + MAX_GAP_INTERVALS * source.interval_s + source.timeout_s:
            continue
        cols = plan.asked_of[name]
        answering[cols], fell[cols] = 0.0, last
    for col in plan.evaluated:
        if answering[col] > 0.0:
            last = max(state.estimated_upto.get(plan.ids[col], 0.0), state.since)
            if now - last > plan.open_for_s:
                answering[col], fell[col] = 0.0, last


def _with_means(plan: Plan, answering: Floats, fell: Floats) -> tuple[Floats, Floats]:
    means = plan.columns_.means
    if not means:
        return answering, fell
    heard = [np.average(answering[mean.cols], weights=mean.weights) for mean in means]
    lost = [fell[mean.cols].max() for mean in means]
    return np.concatenate([answering, heard]), np.concatenate([fell, lost])
