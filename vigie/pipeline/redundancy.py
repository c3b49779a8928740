"""Redundancy in the tick: how redundant services stand, and what that says of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from incidents.model import IncidentType, Signal
from incidents.signals_redundancy import redundancy_signal
from slo.availability import Look, worse
from slo.redundancy import Observed, RedundancyState, Rollout, Standing, judge
from slo.spec import ServiceState
from vigie.pipeline.replicas import Group, observed
from vigie.pipeline.state import Batch, Open, State
from vigie.pipeline.take import Taken

STALE_S: Final = 90.0  # a cluster tells of every workload at least each half minute
_NEVER: Final = Observed(at=0.0, error="its cluster has not told of it yet")
_SHORT: Final = (RedundancyState.DEGRADED, RedundancyState.AT_RISK)


@dataclass(frozen=True, slots=True)
class Looked:
    """How services stand after a tick, by service: all of them, and those to be written."""

    standings: Mapping[str, Standing]
    changed: Mapping[str, Standing]
    rollouts: Mapping[str, Rollout]


def look_again(state: State, before: State, taken: Taken, batch: Batch, now: float) -> Looked:
    """Look anew at the services of which something was heard since the state `before`, and at those
    that clusters tell of, for their silence counts too.
    """
    plan, standings = state.plan, dict(state.redundancy)
    news = _news(before, taken)
    rollouts = _rollouts(state, news, taken, batch)
    changed = {}
    for name in _looked_at(state, news, taken):
        group, was = plan.replicas[name], standings.get(name)
        seen = _seen(state, taken, group, rollouts.get(name), now)
        after = judge(group.redundancy, seen, was, now, is_declared=group.declared)
        standings[name] = after
        if group.declared and (was is None or _kept(was) != _kept(after)):
            changed[name] = after
    return Looked(standings, changed, rollouts)


def look_of(standing: Standing | None) -> Look | None:
    """What a declared redundancy says of its service; None: nothing."""
    if standing is None or not standing.declared or standing.state is RedundancyState.UNKNOWN:
        return None
    since = standing.risk_since if standing.risk_since is not None else standing.since
    if standing.state is RedundancyState.DOWN and standing.lacks:  # else nobody wants any
        return Look(ServiceState.DOWN, standing.reason, since)
    short = standing.lacks and standing.state in _SHORT
    state = ServiceState.DEGRADED if short else ServiceState.UP
    return Look(state, standing.reason, standing.since)


def told_of(probed: Look | None, standing: Standing | None) -> Look | None:
    """The more telling of what probes and redundancy say of a service."""
    redundancy = look_of(standing)
    if probed is None or redundancy is None:
        return probed or redundancy
    return probed if worse(probed.state, redundancy.state) is probed.state else redundancy


def redundancy_signals(state: State, open_: Open, now: float) -> list[Signal]:
    """What those say that are at risk or have an open incident."""
    plan, signals = state.plan, []
    for name, declared in plan.config.redundancy.items():
        incident = open_.get(f"{IncidentType.LOST_REDUNDANCY}:{name}")
        standing = state.redundancy.get(name)
        if standing is None or (standing.risk_since is None and incident is None):
            continue
        windows = state.exclusions.of_service.get(name, ())
        signal = redundancy_signal(
            declared,
            standing,
            incident,
            labels=dict(plan.config.services[name].labels),
            in_maintenance=any(one.start <= now < one.end for one in windows),
            now=now,
        )
        if signal is not None:
            signals.append(signal)
    return signals


def _looked_at(state: State, news: Mapping[str, bool], taken: Taken) -> Iterator[str]:
    plan = state.plan
    if state.figures is None:  # nothing was looked at with this plan yet
        yield from plan.replicas
        return
    heard = {taken.targets[name].target.service for name in news}
    for name, declared in plan.config.redundancy.items():
        if declared.workload is not None:
            heard.add(name)
    yield from (name for name in heard if name in plan.replicas)


def _news(before: State, taken: Taken) -> Mapping[str, bool]:
    """The targets that say something new, and whether they are back: of a replica that is read,
    every page does.
    """
    news = {}
    for name in taken.touched:
        was, now = before.targets[name].health, taken.targets[name].health
        if was != now or name in before.plan.replica_of:
            news[name] = was == "down" and now == "up"
    return news


def _seen(
    state: State, taken: Taken, group: Group, rollout: Rollout | None, now: float
) -> Observed:
    if group.redundancy.workload is None:
        return observed(group, taken.targets, taken.readings, rollout, now)
    told = state.observed.get(group.redundancy.service, _NEVER)
    if told is not _NEVER and now - told.at > STALE_S:
        return replace(told, replicas=(), error=f"its cluster is silent for {now - told.at:.0f} s")
    if told.rollout is None and rollout is not None:
        return replace(told, rollout=rollout)
    return told


def _rollouts(
    state: State, news: Mapping[str, bool], taken: Taken, batch: Batch
) -> Mapping[str, Rollout]:
    """The rollouts that were told as changes. One gets further where a replica comes back."""
    told, known = state.rollouts if batch.rollouts is None else batch.rollouts, state.rollouts
    back = {
        taken.targets[name].target.service: taken.targets[name].last_good_at
        for name, is_back in news.items()
        if is_back and told
    }
    return {name: _further(one, known.get(name), back.get(name)) for name, one in told.items()}


def _further(one: Rollout, before: Rollout | None, back: float | None) -> Rollout:
    known = [one.progressed_at, back]
    if before is not None and before.started_at == one.started_at:
        known.append(before.progressed_at)
    return replace(one, progressed_at=max(at for at in known if at is not None))


def _kept(one: Standing) -> tuple[object, ...]:
    """What a restart goes on from."""
    return one.state, one.since, one.risk_since, one.leader, one.failovers
