"""Judge: windows and coverage, burn alerts, silence, availability, and the signals they give."""

from collections.abc import Mapping

import numpy as np

from collectors.targets import TargetStatus
from incidents import signals
from incidents.model import IncidentType, Signal, SilentTarget
from slo import availability
from slo.alerts import Alerts, Measured, judge
from slo.availability import Availability, Recent
from slo.ledger import Ledger
from slo.series import MAX_GAP_INTERVALS, Floats, Ints
from slo.spec import AlertState, ServiceState, SloId
from slo.status import Outage
from vigie.pipeline.figures import Figures
from vigie.pipeline.plan import Plan
from vigie.pipeline.slices import MICROSECONDS
from vigie.pipeline.state import AlertChange, Open, State


def measured_windows(
    state: State, ledger: Ledger, now: float
) -> tuple[Mapping[float, Measured], Floats]:
    """Every window that is looked at, with its coverage, and the last measured rate by column."""
    pending_s = _pending(state, now)
    sums = {length: ledger.window(now, length) for length in state.plan.lengths}
    recent = sums[state.plan.recent_s]
    recent_s = recent.measured_us / MICROSECONDS
    rate = np.divide(recent.total, recent_s, out=state.last_rate.copy(), where=recent_s > 0)
    windows = {}
    for length, window in sums.items():
        expected_s = np.maximum(now - window.start - pending_s, 1e-6)
        coverage = np.clip(window.measured_us / MICROSECONDS / expected_s, 0.0, 1.0)
        windows[length] = Measured(window, coverage, rate * expected_s * (1.0 - coverage))
    return windows, rate


def figures_of(
    state: State, ledger: Ledger, windows: Mapping[float, Measured], below: Floats, now: float
) -> Figures:
    """All figures of this moment, and what the arms say to them."""
    plan = state.plan
    with np.errstate(invalid="ignore"):  # NaN: enough targets answer
        no_data = now - below >= plan.no_data_after
    good, total = ledger.totals()
    return Figures(
        at=now,
        plan=plan,
        windows=windows,
        alerts=judge(plan.arms, state.alerts, windows, now),
        no_data=no_data,
        good=good,
        total=total,
    )


def below_since(state: State, now: float) -> Floats:
    """By SLO: since when the share of its expected targets that answer has been below its floor,
    counted from the last page of the target that tipped it; NaN while it is not.
    """
    expected, plan = state.expected, state.plan
    seen = np.fmax(_page_at(state), state.since)
    failed = np.array([state.targets[t].health == "down" for t in expected.order], dtype=np.bool_)
    silent = failed | (now - seen > MAX_GAP_INTERVALS * expected.interval_s)
    if not silent.any():
        return np.full(len(plan.watches), np.nan)
    answering = np.bincount(
        expected.cols, expected.share * ~silent[expected.targets], minlength=plan.columns
    )
    fell = np.full(plan.columns, -np.inf)
    entries = silent[expected.targets]
    np.maximum.at(fell, expected.cols[entries], seen[expected.targets[entries]])
    fell = np.where(np.isfinite(fell), fell, state.since)
    # Shares such as 3 x 1/3 add up to one only within rounding.
    below = answering[plan.col_of_slo] < plan.floors - 1e-9
    since = np.where(np.isnan(state.below_since), fell[plan.col_of_slo], state.below_since)
    return np.where(below, since, np.nan)


def services_of(
    state: State, figures: Figures, now: float
) -> tuple[Mapping[str, Availability], tuple[Outage, ...]]:
    """Every service after this look, and the outages that began or ended with it."""
    plan = state.plan
    after, outages = dict(state.availability), []
    recent = _recent(figures)
    ranks = availability.judged(recent, plan.down_below, plan.service_of_slo, len(plan.services))
    for name, rank in zip(plan.services, ranks.tolist(), strict=True):
        before, verdict = after[name], availability.state_of(rank)
        if verdict is before.state and verdict in (ServiceState.UP, ServiceState.UNKNOWN):
            continue
        slos = [figures.slo(int(index)) for index in plan.slos_of_service[name]]
        reason = availability.reason_for(verdict, slos)
        after[name], changed = availability.step(name, before, verdict, reason, now)
        if changed is not None:
            outages.append(changed)
    return after, tuple(outages)


def _recent(figures: Figures) -> Recent:
    plan = figures.plan
    window = figures.windows[plan.recent_s]
    cols = plan.col_of_slo
    pages = np.zeros(len(plan.watches), dtype=np.bool_)
    np.logical_or.at(
        pages, plan.slo_of_arms, plan.arms.pages & (figures.alerts.state == AlertState.FIRING)
    )
    return Recent(window.sums.good[cols], window.sums.total[cols], window.coverage[cols], pages)


def alert_changes(state: State, alerts: Alerts) -> tuple[AlertChange, ...]:
    """The arms that changed their state."""
    changes = []
    for number in np.flatnonzero(alerts.state != state.alerts.state):
        index = int(state.plan.slo_of_arms[number])
        watch = state.plan.watches[index]
        arm = watch.arms[int(number) - int(state.plan.first_arm[index])]
        state_now, since = int(alerts.state[number]), float(alerts.since[number])
        changes.append(AlertChange(watch.slo.id, arm.name, state_now, since))
    return tuple(changes)


def signals_of(state: State, figures: Figures, below: Floats, open_: Open) -> list[Signal]:
    """What the SLOs and services that burn, are silent, or have an open incident say now."""
    plan = state.plan
    burning = set(_slos_firing(plan, figures.alerts).tolist())
    named = {SloId(name) for name in _named(open_, IncidentType.SLO_BURN)}
    burning |= {plan.index[slo] for slo in named if slo in plan.index}
    found = [
        signals.burn_signal(
            figures.slo(index),
            plan.watches[index].policy,
            open_.get(f"{IncidentType.SLO_BURN}:{plan.watches[index].slo.id}"),
        )
        for index in sorted(burning)
    ]
    silent = {plan.watches[index].slo.service for index in np.flatnonzero(figures.no_data)}
    silent |= _named(open_, IncidentType.NO_DATA) & set(plan.services)
    found += [_silence(state, figures, below, name, open_) for name in sorted(silent)]
    return [signal for signal in found if signal is not None]


def firing(figures: Figures) -> tuple[str, ...]:
    """What fires, in words, for a message that goes out without the database."""
    watches = figures.plan.watches
    slos = _slos_firing(figures.plan, figures.alerts)
    burning = [f"{watches[i].slo.id} burns its error budget" for i in slos]
    silent = np.flatnonzero(figures.no_data)
    return tuple(burning + [f"{watches[i].slo.id} has no data" for i in silent])


def _slos_firing(plan: Plan, alerts: Alerts) -> Ints:
    arms = np.flatnonzero(alerts.state == AlertState.FIRING)
    return np.unique(plan.slo_of_arms[arms])


def _named(open_: Open, kind: IncidentType) -> set[str]:
    """The second half of the keys of open incidents of one type."""
    return {key.partition(":")[2] for key in open_ if key.startswith(f"{kind}:")}


def _silence(
    state: State, figures: Figures, below: Floats, service: str, open_: Open
) -> Signal | None:
    plan = state.plan
    indexes = plan.slos_of_service[service]
    if not len(indexes):
        return None
    policies = [plan.watches[index].policy for index in indexes]
    since = below[indexes]
    return signals.no_data_signal(
        service,
        [figures.slo(int(index)) for index in indexes],
        _expected_by(state, indexes, figures.at),
        recover_after_s=max(policy.recover_after_s for policy in policies),
        coverage_floor=max(policy.coverage_floor for policy in policies),
        since=figures.at if np.isnan(since).all() else float(np.nanmin(since)),
        open_=open_.get(f"{IncidentType.NO_DATA}:{service}"),
    )


def _expected_by(state: State, indexes: Ints, now: float) -> list[SilentTarget]:
    """The targets that some SLOs expect, as they were last seen."""
    cols = state.plan.col_of_slo[indexes]
    targets = np.unique(state.expected.targets[np.isin(state.expected.cols, cols)])
    seen = [state.targets[state.expected.order[target]] for target in targets]
    return [_heard_of(status, state.since, now) for status in seen]


def _heard_of(status: TargetStatus, since: float, now: float) -> SilentTarget:
    """One that was up and was not even asked since does not answer either."""
    target, last = status.target, status.last_good_at
    silent_s = now - max(last or since, since)
    if status.health == "up" and silent_s > MAX_GAP_INTERVALS * target.interval_s:
        return SilentTarget(target.id, "down", f"not scraped for {silent_s:.0f} s", last)
    return SilentTarget(target.id, status.health, status.error, last)


def _page_at(state: State) -> Floats:
    """By target: when it was last read well; NaN when never."""
    pages = [state.memories[target].page_at for target in state.expected.order]
    return np.array([np.nan if at is None else at for at in pages], dtype=np.float64)


def _pending(state: State, now: float) -> Floats:
    """By column: the mean time since the last good scrapes that the next ones can still measure."""
    since = now - _page_at(state)
    with np.errstate(invalid="ignore"):  # NaN: never read
        can = since <= MAX_GAP_INTERVALS * state.expected.interval_s
    pending = np.where(can, np.maximum(since, 0.0), 0.0)
    weights = state.expected.share * pending[state.expected.targets]
    pending_s = np.bincount(state.expected.cols, weights, minlength=state.plan.columns)
    return pending_s.astype(np.float64)  # bincount of nothing gives integers
