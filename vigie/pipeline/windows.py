"""Windows: what every column measured over every length that is looked at, and how much of it."""

from collections.abc import Mapping

import numpy as np

from slo.alerts import Measured
from slo.ledger import MICROSECONDS, Ledger, WindowSums
from slo.series import Floats
from slo.spec import MICRO
from vigie.pipeline.columns import mean_of
from vigie.pipeline.plan import Plan
from vigie.pipeline.state import State


def measured_windows(
    state: State, ledger: Ledger, pending_s: Floats, now: float
) -> tuple[Mapping[float, Measured], Floats]:
    """Every window that is looked at, with its coverage, and the last measured rate by column.

    Both count the ledger's columns first, the means of composites after them.
    """
    plan = state.plan
    sums = {length: ledger.window(now, length) for length in plan.lengths}
    recent = sums[plan.recent_s]
    recent_s = recent.measured_us / MICROSECONDS
    rate = np.divide(recent.total, recent_s, out=state.last_rate.copy(), where=recent_s > 0)
    windows = {}
    for length, window in sums.items():
        coverage, expected_s = covered(window, pending_s)
        measured = Measured(window, coverage, rate * expected_s * (1.0 - coverage))
        windows[length] = with_means(plan, measured)
    return windows, rate


def covered(window: WindowSums, pending_s: Floats) -> tuple[Floats, Floats]:
    """By column: coverage of a window, and its expected seconds."""
    expected_s = np.maximum(window.end - window.start - pending_s, 1e-6)
    return np.clip(window.measured_us / MICROSECONDS / expected_s, 0.0, 1.0), expected_s


def with_means(plan: Plan, measured: Measured) -> Measured:
    """With the columns of composites. A mean is told in as many events as its parts have."""
    means = plan.columns_.means
    if not means:
        return measured
    sums, units = measured.sums, plan.columns_.units
    extra = np.zeros((3, len(means)), dtype=np.int64)
    coverage, unmeasured = np.zeros(len(means)), np.zeros(len(means))
    for number, mean in enumerate(means):
        good, total = sums.good[mean.cols], sums.total[mean.cols]
        coverage[number] = np.average(measured.coverage[mean.cols], weights=mean.weights)
        extra[:2, number] = mean_of(good, total, units[mean.cols], mean.weights)
        extra[2, number] = np.average(sums.measured_us[mean.cols], weights=mean.weights)
        parts = measured.unmeasured[mean.cols] / units[mean.cols]
        unmeasured[number] = MICRO * parts.sum()
    joined = WindowSums(
        sums.start,
        sums.end,
        np.concatenate([sums.good, extra[0]]),
        np.concatenate([sums.total, extra[1]]),
        np.concatenate([sums.measured_us, extra[2]]),
    )
    return Measured(
        joined,
        np.concatenate([measured.coverage, coverage]),
        np.concatenate([measured.unmeasured, unmeasured]),
    )


def pending(state: State, now: float) -> Floats:
    """By column: the mean time since the last good scrapes that the next ones can still measure."""
    plan, expected = state.plan, state.expected
    since = now - page_at(state)
    with np.errstate(invalid="ignore"):  # NaN: never read
        can = since <= expected.patience_s
    waits = np.where(can, np.maximum(since, 0.0), 0.0)
    weights = expected.share * waits[expected.targets]
    pending_s = np.bincount(expected.cols, weights, minlength=plan.columns).astype(np.float64)
    for col in plan.evaluated:
        since_s = now - state.estimated_upto.get(plan.ids[col], -np.inf)
        pending_s[col] = since_s if since_s <= plan.open_for_s else 0.0
    for judged in plan.columns_.judged:
        passed = now % judged.how.slice_s
        pending_s[judged.cols] = np.maximum(pending_s[judged.bases], passed)
    return pending_s


def page_at(state: State) -> Floats:
    """By target: when it was last read well; NaN when never."""
    pages = [state.memories[target].page_at for target in state.expected.order]
    return np.array([np.nan if at is None else at for at in pages], dtype=np.float64)
