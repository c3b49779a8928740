"""Judge: windows and coverage, burn alerts, silence, availability, and the signals they give."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from collectors.targets import TargetStatus
from incidents import signals
from incidents.budget import Due, Standing, due
from incidents.model import IncidentType, Signal, SilentTarget
from slo import availability
from slo.alerts import Alerts, Measured, judge
from slo.availability import Availability, Look, Recent, Spell
from slo.exclusions import merged
from slo.gate import Subject
from slo.ledger import Ledger, WindowSums
from slo.outages import Outage
from slo.redundancy import Standing as Redundant
from slo.series import Floats, Ints
from slo.spec import AlertState, ServiceState, SloId
from vigie.pipeline.figures import Figures
from vigie.pipeline.plan import Plan
from vigie.pipeline.redundancy import told_of
from vigie.pipeline.state import AlertChange, Open, State
from vigie.pipeline.take import patience_s

_CALM: Final = (ServiceState.UP, ServiceState.UNKNOWN)


def figures_of(
    state: State,
    ledger: Ledger,
    windows: Mapping[float, Measured],
    *,
    below: Floats,
    pending_s: Floats,
    now: float,
) -> Figures:
    """All figures of this moment, and what the arms say to them."""
    plan = state.plan

    def last_events(col: int, least: int, at_most_s: float) -> WindowSums:
        if col < plan.columns:
            return ledger.last_events(col, least, now, at_most_s)
        sums, one = windows[at_most_s].sums, slice(col, col + 1)  # a mean: of what it may reach
        return WindowSums(sums.start, now, sums.good[one], sums.total[one], sums.measured_us[one])

    with np.errstate(invalid="ignore"):  # NaN: enough targets answer
        no_data = now - below >= plan.no_data_after
    return Figures(
        at=now,
        plan=plan,
        windows=windows,
        alerts=judge(plan.arms, state.alerts, windows, now, last_events),
        no_data=no_data & plan.tells_no_data,
        ledger=ledger,
        pending_s=pending_s,
        periods=state.periods,
        exclusions=state.exclusions,
        memories=state.memories,
        snapshots=state.snapshots,
        expected=state.expected,
    )


@dataclass(frozen=True, slots=True)
class Services:
    """Every service after a look, those whose state is another one now, and the outages that began
    or ended with it.
    """

    availability: Mapping[str, Availability]
    moved: tuple[str, ...]
    outages: tuple[Outage, ...]


def services_of(
    state: State, figures: Figures, standings: Mapping[str, Redundant], now: float
) -> Services:
    """Every service, by what its SLOs, its probes and its redundancy say."""
    plan = state.plan
    after, outages, moved = dict(state.availability), list[Outage](), list[str]()
    recent = _recent(figures)
    down = availability.failing(recent, plan.down_below, plan.min_bad)
    ranks = availability.judged(recent, down, plan.service_of_slo, len(plan.services))
    slices = Held(figures)
    for name, rank in zip(plan.services, ranks.tolist(), strict=True):
        before, own = after[name], availability.state_of(rank)
        told = told_of(state.probed.get(name), standings.get(name))
        verdict = own if told is None else availability.worse(own, told.state)
        windows = state.exclusions.of_service.get(name, ())
        window = next((one for one in windows if one.start <= now < one.end), None)
        if verdict is before.state and verdict in _CALM and not (window or before.outage):
            continue
        look, certain = _look(figures, name, own, told)
        ids = {plan.watches[i].slo.id for i in plan.slos_of_service[name] if down[i]}
        before = replace(before, failing=before.failing | ids)
        spell = slices.spell(before.failing)
        if certain:  # it is certain that it goes on
            spell = replace(spell, until=now, over=None)
        found, outage = availability.step(before, look, spell, now, name)
        if outage is not None:
            planned = merged((one.start, one.end) for one in windows)
            found, changed = availability.booked(before, found, outage, planned)
            outages += changed
        after[name] = availability.maintained(found, window) if window else found
        if after[name].state is not before.state:
            moved.append(name)
    return Services(after, tuple(moved), tuple(outages))


def _look(figures: Figures, name: str, own: ServiceState, told: Look | None) -> tuple[Look, bool]:
    """What a service is and why, and whether it is certain that it is down now: of the recent past,
    which is all that SLOs (`own`) tell of, it is not.
    """
    if told is not None and told.state is ServiceState.DOWN:
        return replace(told, since=min(told.since, figures.at)), True
    if told is not None and availability.worse(own, told.state) is not own:
        return told, False
    slos = [figures.recent(int(index)) for index in figures.plan.slos_of_service[name]]
    return Look(own, availability.reason_for(own, slos), figures.at), False


class Held:
    """What the slices of the recent window hold, read when a service asks for them."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def spell(self, slos: Iterable[SloId]) -> Spell:
        """What the slices say of an outage that these SLOs make."""
        plan, now = self._figures.plan, self._figures.at
        # A mean of components has no slices of its own.
        mine = np.array(
            [i for i in map(plan.index.get, slos) if i is not None and self._is_kept(i)],
            dtype=np.int64,
        )
        if not len(mine):
            return Spell(now, None, 0.0)
        starts, sums = self._slices
        held = sums[:, :, plan.col_of_slo[mine]]
        slices = availability.slices_of(starts, held, plan.down_below[mine], plan.slice_s, now)
        return availability.spell_of(slices, now)

    def _is_kept(self, index: int) -> bool:
        return int(self._figures.plan.col_of_slo[index]) < self._figures.plan.columns

    @cached_property
    def _slices(self) -> tuple[Ints, Ints]:
        """Where each one starts; [slice, good | total, column]."""
        plan, now, ledger = self._figures.plan, self._figures.at, self._figures.ledger
        width = plan.slice_s
        first = int((now - plan.recent_s) // width) * width
        starts = np.arange(first, int(now // width) * width + width, width, dtype=np.int64)
        sums = [ledger.between(at, at + width)[:2] for at in starts.tolist()]
        return starts, np.stack(sums)


def _recent(figures: Figures) -> Recent:
    plan = figures.plan
    window = figures.windows[plan.recent_s]
    cols = plan.col_of_slo
    pages = np.zeros(len(plan.watches), dtype=np.bool_)
    np.logical_or.at(
        pages, plan.slo_of_arms, plan.arms.pages & (figures.alerts.state == AlertState.FIRING)
    )
    units = plan.columns_.units[cols]
    good, total = window.sums.good[cols] / units, window.sums.total[cols] / units
    return Recent(good, total, window.coverage[cols], pages)


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
    firing = set(_slos_firing(plan, figures.alerts).tolist())
    named = {SloId(name) for name in _named(open_, IncidentType.SLO_BURN)}
    roots = {_root(plan, index) for index in firing}
    roots |= {plan.index[slo] for slo in named if slo in plan.index}
    found = [_burn(plan, figures, root, firing, open_) for root in sorted(roots)]
    silent = {plan.watches[index].slo.service for index in np.flatnonzero(figures.no_data)}
    silent |= _named(open_, IncidentType.NO_DATA) & set(plan.services)
    found += [_silence(state, figures, below, name, open_) for name in sorted(silent)]
    return [signal for signal in found if signal is not None]


def _root(plan: Plan, index: int) -> int:
    """The SLO that an incident is about: for a group, the one that it is a group of."""
    parent = plan.watches[index].slo.parent
    return index if parent is None else plan.index[parent]


def _burn(plan: Plan, figures: Figures, root: int, firing: set[int], open_: Open) -> Signal | None:
    """What an SLO says, or all of its groups and their sum together."""
    slo = plan.watches[root].slo
    return signals.burn_signal(
        figures.slo(root),
        plan.watches[root].policy,
        open_.get(f"{IncidentType.SLO_BURN}:{slo.id}"),
        groups=[figures.slo(index) for index in plan.groups_of.get(slo.id, ()) if index in firing],
    )


def acts_of(state: State, figures: Figures, told: Iterable[Signal], open_: Open) -> Due:
    """What the budget actions do now; `told` are the signals of this tick."""
    plan = state.plan
    known = {one.slo for one in state.acting.values() if one.state is not Standing.OFF}
    known |= {SloId(name) for name in _named(open_, IncidentType.BUDGET)}
    looked = set(np.flatnonzero(_near(figures)).tolist())
    looked |= {plan.index[slo] for slo in known if slo in plan.index}
    subjects = [
        Subject(plan.watches[index].slo, plan.watches[index].policy, figures.slo(index))
        for index in sorted(looked)
    ]
    burns = {SloId(f"{s.service}/{s.slo}") for s in told if s.firing and s.slo}
    return due(state.acting, subjects, open_, burns, figures.at)


def _near(figures: Figures) -> npt.NDArray[np.bool_]:
    """The SLOs of which the condition of a budget action may hold."""
    plan = figures.plan
    # What the arrays don't tell is looked at in any case: periods, and windows with exclusions.
    left = np.full(len(plan.watches), -np.inf)
    for length, slos in plan.acting_over.items():
        left[slos] = 1.0 - _burn_rates(figures, length)[slos]
    left[list(figures.exclusions.by_slo)] = -np.inf
    return plan.limits.reached(left, {s: _burn_rates(figures, s) for s in plan.limits.above})


def _burn_rates(figures: Figures, length: float) -> Floats:
    """By SLO, over one window; NaN without events."""
    plan, sums = figures.plan, figures.windows[length].sums
    good, total = sums.good[plan.col_of_slo], sums.total[plan.col_of_slo]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((total - good) / total / (1.0 - plan.objectives), dtype=np.float64)


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
    config = state.plan.config
    return [
        _heard_of(status, patience_s(config, status.target), state.since, now) for status in seen
    ]


def _heard_of(status: TargetStatus, patience: float, since: float, now: float) -> SilentTarget:
    """One that was up and was not even asked since does not answer either."""
    target, last = status.target, status.last_good_at
    silent_s = now - max(last or since, since)
    if status.health == "up" and silent_s > patience:
        return SilentTarget(target.id, "down", f"not scraped for {silent_s:.0f} s", last)
    return SilentTarget(target.id, status.health, status.error, last)
